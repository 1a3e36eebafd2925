variable "name" {
  description = "Name of the registry. It begins with `dogitops-`, the mark by which teardown knows what is ours."
  type        = string

  validation {
    condition     = can(regex("^dogitops-[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$", var.name))
    error_message = "A name begins with \"dogitops-\" and goes on in small letters, digits and dashes, such as \"dogitops-dev\": nothing else tells that the registry is ours."
  }
}

variable "region" {
  description = "Region of the registry, which has fewer of them than droplets do."
  type        = string

  validation {
    condition     = contains(["ams3", "blr1", "fra1", "nyc3", "sfo2", "sfo3", "sgp1", "syd1"], var.region)
    error_message = "A registry is in ams3, blr1, fra1, nyc3, sfo2, sfo3, sgp1 or syd1, and in no other region; clusters elsewhere pull from it all the same."
  }
}

variable "repositories" {
  description = "How many repositories (names of images) it is going to hold, to tell whether the tier has room for them."
  type        = number
  default     = 1

  validation {
    condition     = var.repositories >= 1 && floor(var.repositories) == var.repositories
    error_message = "A whole number of repositories, at least one."
  }
}

variable "tier" {
  description = "`starter` (free: one repository of 500 MiB), `basic` (five repositories, 5 GiB) or `professional` (any number, 100 GiB)."
  type        = string

  validation {
    condition     = contains(["starter", "basic", "professional"], var.tier)
    error_message = "A tier is \"starter\", \"basic\" or \"professional\"."
  }

  validation {
    condition     = var.repositories <= try({ starter = 1, basic = 5 }[var.tier], var.repositories)
    error_message = "The tier has no room for so many repositories: starter holds one, basic five, professional any number."
  }
}
