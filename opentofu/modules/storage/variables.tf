variable "name" {
  description = "Name of the volumes, before their own names. It begins with `dogitops-`, the mark by which teardown knows what is ours."
  type        = string

  validation {
    condition     = can(regex("^dogitops-[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$", var.name))
    error_message = "A name begins with \"dogitops-\" and goes on in small letters, digits and dashes, such as \"dogitops-dev\": nothing else tells that the volumes, before their own names is ours."
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

variable "volumes" {
  description = "Volumes by their names: `size` in GiB, a `filesystem` (`ext4` or `xfs`), a description, and the id of a snapshot to start from."
  type = map(object({
    size          = number
    filesystem    = optional(string, "ext4")
    description   = optional(string, "Made by dogitops")
    from_snapshot = optional(string)
  }))

  validation {
    condition     = alltrue([for name, volume in var.volumes : can(regex("^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$", name))])
    error_message = "A volume's name has small letters, digits and dashes, and at most 22 of them, such as \"loki\"."
  }

  validation {
    condition = alltrue([
      for volume in var.volumes : volume.size >= 1 && volume.size <= 16384 && floor(volume.size) == volume.size
    ])
    error_message = "A size is a whole number of GiB, from 1 to 16384."
  }

  validation {
    condition     = alltrue([for volume in var.volumes : contains(["ext4", "xfs"], volume.filesystem)])
    error_message = "A filesystem is \"ext4\" or \"xfs\"."
  }
}

variable "snapshots" {
  description = "Snapshots by their names: each names the volume that it is taken of, once, when it is made."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for volume in values(var.snapshots) : contains(keys(var.volumes), volume)])
    error_message = "A snapshot is of one of the volumes, which are: ${join(", ", keys(var.volumes))}."
  }
}

variable "keep" {
  description = "Whether a plan that would destroy a volume fails."
  type        = bool
  default     = true
  nullable    = false
}

variable "tags" {
  description = "Tags of the volumes and snapshots, beside `dogitops`."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for tag in var.tags : can(regex("^[a-z0-9:_-]{1,255}$", tag))])
    error_message = "A tag has small letters, digits, colons, dashes and underscores, such as \"dogitops:env:dev\"."
  }
}
