variable "name" {
  description = "Name of the buckets, before their own names. It begins with `dogitops-`, the mark by which teardown knows what is ours."
  type        = string

  validation {
    condition     = can(regex("^dogitops-[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$", var.name))
    error_message = "A name begins with \"dogitops-\" and goes on in small letters, digits and dashes, such as \"dogitops-dev\": nothing else tells that the buckets, before their own names is ours."
  }
}

variable "region" {
  description = "Region of the buckets. Spaces has fewer of them than droplets do."
  type        = string

  validation {
    condition     = contains(["ams3", "atl1", "blr1", "fra1", "lon1", "nyc3", "ric1", "sfo2", "sfo3", "sgp1", "syd1", "tor1"], var.region)
    error_message = "Spaces is in ams3, atl1, blr1, fra1, lon1, nyc3, ric1, sfo2, sfo3, sgp1, syd1 and tor1, and in no other region."
  }
}

variable "buckets" {
  description = "Buckets by their names: whether earlier versions are kept and for how many days, and what the bucket's key may do (`read`, `readwrite`)."
  type = map(object({
    versioning        = optional(bool, true)
    old_versions_days = optional(number, 30)
    permission        = optional(string, "readwrite")
  }))

  validation {
    condition     = alltrue([for name in keys(var.buckets) : can(regex("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", name)) && length("${var.name}-${name}") <= 63])
    error_message = "A bucket's name has small letters, digits and dashes, and with the name before it at most 63 of them."
  }

  validation {
    condition     = alltrue([for name, bucket in var.buckets : bucket.versioning || !can(regex("state|backup", name))])
    error_message = "A bucket for state or backups keeps earlier versions: what was overwritten can be had back from one of them only."
  }

  validation {
    condition = alltrue([
      for bucket in var.buckets : bucket.old_versions_days >= 1 && floor(bucket.old_versions_days) == bucket.old_versions_days
    ])
    error_message = "Earlier versions are kept for a whole number of days, at least one."
  }

  validation {
    condition     = alltrue([for bucket in var.buckets : contains(["read", "readwrite"], bucket.permission)])
    error_message = "A bucket's key may \"read\" or \"readwrite\": one with full access would open all buckets of the account."
  }
}

variable "keep" {
  description = "Whether a plan that would destroy a bucket fails. False also lets a bucket be destroyed that is not empty."
  type        = bool
  default     = true
  nullable    = false
}
