variable "name" {
  description = "Name of the project. It begins with `dogitops-`, the mark by which teardown knows what is ours."
  type        = string

  validation {
    condition     = can(regex("^dogitops-[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$", var.name))
    error_message = "A name begins with \"dogitops-\" and goes on in small letters, digits and dashes, such as \"dogitops-dev\": nothing else tells that the project is ours."
  }
}

variable "description" {
  description = "What the project is, for people."
  type        = string
  default     = "Made by dogitops"

  validation {
    condition     = length(var.description) <= 255
    error_message = "A description has at most 255 characters."
  }
}

variable "purpose" {
  description = "What it is for, as the control panel shows it."
  type        = string
  default     = "Web Application"

  validation {
    condition     = length(var.purpose) >= 1 && length(var.purpose) <= 255
    error_message = "A purpose has from 1 to 255 characters."
  }
}

variable "environment" {
  description = "`development`, `staging` or `production`."
  type        = string

  validation {
    condition     = contains(["development", "staging", "production"], var.environment)
    error_message = "An environment is \"development\", \"staging\" or \"production\"."
  }
}

variable "resources" {
  description = "URNs of what belongs to it: clusters, droplets, volumes, load balancers, reserved IPs, domains and buckets."
  type        = set(string)

  validation {
    condition     = length(var.resources) > 0
    error_message = "A project without anything in it needs no project: give the URNs of what belongs to it."
  }

  validation {
    condition     = alltrue([for urn in var.resources : can(regex("^do:[a-z]+:.+$", urn))])
    error_message = "A URN is written as \"do:kubernetes:<id>\": take the output `urn` of a module."
  }
}
