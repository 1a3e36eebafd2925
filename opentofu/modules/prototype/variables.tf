variable "name" {
  description = "Name of all of it. It begins with `dogitops-`, the mark by which teardown knows what is ours, and ends with the environment's name."
  type        = string

  validation {
    condition     = can(regex("^dogitops-[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$", var.name))
    error_message = "A name begins with \"dogitops-\" and goes on in small letters, digits and dashes, such as \"dogitops-dev\": nothing else tells that it is ours."
  }
}

variable "environment" {
  description = "What it is for: `development` or `staging`."
  type        = string

  validation {
    condition     = contains(["development", "staging"], var.environment)
    error_message = "A prototype is for \"development\" or \"staging\": its control plane is not highly available, so it is none for production."
  }
}

variable "region" {
  description = "Region, by its slug. Spaces must be offered there, and both sizes of the nodes."
  type        = string
  default     = "fra1"

  validation {
    condition     = can(regex("^[a-z]{3}[0-9]$", var.region))
    error_message = "A region is written as its slug, three letters and a digit, such as \"fra1\" or \"nyc3\"."
  }
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes. The newest patch of it is taken."
  type        = string
  default     = "1.35"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "A version is a minor one, such as \"1.35\": patches are DigitalOcean's to choose, for they go within weeks."
  }
}

variable "ip_range" {
  description = "Range of the private network, in CIDR notation."
  type        = string

  validation {
    condition     = can(cidrhost(var.ip_range, 0))
    error_message = "A range is written in CIDR notation, such as \"10.20.0.0/20\"."
  }
}

variable "other_ranges" {
  description = "Ranges of other networks that this one must not overlap."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.other_ranges : can(cidrhost(range, 0))])
    error_message = "Each is a range in CIDR notation, such as \"10.21.0.0/20\"."
  }
}

variable "api_allowed_addresses" {
  description = "Networks that may reach the Kubernetes API; empty leaves it open to everybody who has a token."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.api_allowed_addresses : can(cidrhost(address, 0))])
    error_message = "Each is a network in CIDR notation, such as \"203.0.113.7/32\"."
  }
}

variable "destroy_associated" {
  description = "Whether volumes and load balancers that applications asked for go with the cluster."
  type        = bool
  default     = false
  nullable    = false
}

variable "keep_data" {
  description = "Whether a plan that would destroy the volumes or the bucket of backups fails."
  type        = bool
  default     = true
  nullable    = false
}
