variable "name" {
  description = "Name of the network. It begins with `dogitops-`, the mark by which teardown knows what is ours."
  type        = string

  validation {
    condition     = can(regex("^dogitops-[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$", var.name))
    error_message = "A name begins with \"dogitops-\" and goes on in small letters, digits and dashes, such as \"dogitops-dev\": nothing else tells that the network is ours."
  }
}

variable "region" {
  description = "Region, by its slug: `fra1`."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{3}[0-9]$", var.region))
    error_message = "A region is written as its slug, three letters and a digit, such as \"fra1\" or \"nyc3\"."
  }
}

variable "ip_range" {
  description = "Range of private addresses, from /28 to /16."
  type        = string

  validation {
    condition     = can(cidrhost(var.ip_range, 0)) && can(regex("^[0-9.]+/[0-9]+$", var.ip_range))
    error_message = "A range is written in CIDR notation for IPv4, such as \"10.20.0.0/20\"."
  }

  validation {
    condition     = try(cidrsubnet(var.ip_range, 0, 0) == var.ip_range, true)
    error_message = "The range has bits beyond its prefix: write its first address, such as \"10.20.0.0/20\" and not \"10.20.0.5/20\"."
  }

  validation {
    condition     = try(tonumber(split("/", var.ip_range)[1]) >= 16 && tonumber(split("/", var.ip_range)[1]) <= 28, true)
    error_message = "DigitalOcean has networks from /28 (16 addresses) to /16 (65,536)."
  }

  validation {
    condition = try(anytrue([
      for private in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] : cidrcontains(private, var.ip_range)
    ]), true)
    error_message = "The range is not private: choose one in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16."
  }

  validation {
    condition = try(!anytrue([
      for taken in ["10.229.0.0/16", "10.244.0.0/16", "10.245.0.0/16", "10.246.0.0/24"] :
      cidrcontains(taken, var.ip_range) || cidrcontains(var.ip_range, taken)
    ]), true)
    error_message = "DigitalOcean keeps 10.229.0.0/16, 10.244.0.0/16, 10.245.0.0/16 and 10.246.0.0/24 to itself: choose a range outside of them."
  }
}

variable "other_ranges" {
  description = "Ranges that this one must not overlap: of other networks of the account, and of networks that are peered or routed to."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.other_ranges : can(cidrhost(range, 0))])
    error_message = "Each range is written in CIDR notation, such as \"10.30.0.0/20\"."
  }

  validation {
    condition = try(!anytrue([
      for range in var.other_ranges : cidrcontains(range, var.ip_range) || cidrcontains(var.ip_range, range)
    ]), true)
    error_message = "The network's range ${var.ip_range} overlaps one of ${join(", ", var.other_ranges)}: packets could not tell which of the two is meant, so choose another."
  }
}

variable "description" {
  description = "What the network is for."
  type        = string
  default     = "Made by dogitops"

  validation {
    condition     = length(var.description) <= 255
    error_message = "A description has at most 255 characters."
  }
}
