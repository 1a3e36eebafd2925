variable "ssh_keys" {
  description = "Public SSH keys of people that may log in, by the names they get."
  type        = map(string)
  default     = {}
}

variable "operator_keys" {
  description = "Public SSH keys that 'dogitops nodes up' made to log in with, by the names they get."
  type        = map(string)
  default     = {}
}

variable "ssh_allowed_addresses" {
  description = "Networks that may reach SSH."
  type        = list(string)
}

variable "api_allowed_addresses" {
  description = "Networks that may reach the Kubernetes API from outside."
  type        = list(string)
  default     = []
}

variable "environment" {
  description = "`production` asks for three control planes; `development` or `staging` may have one."
  type        = string
  default     = "production"
}

variable "control_planes" {
  description = "How many control planes: 1 or 3."
  type        = number
  default     = 3
}

variable "workers" {
  description = "How many workers."
  type        = number
  default     = 3
}

variable "oidc" {
  description = "Who tells the API who a user is: an OpenID Connect issuer, the client's id, and the claims with the name and the groups. Without one, only certificates log in."
  type = object({
    issuer_url     = string
    client_id      = string
    username_claim = optional(string, "email")
    groups_claim   = optional(string, "groups")
  })
  default = null
}

variable "snapshot_schedule" {
  description = "When each control plane writes a snapshot of etcd, as systemd writes times."
  type        = string
  default     = "*-*-* 0/6:00:00"
}

variable "snapshots_kept" {
  description = "How many snapshots of each control plane are kept: 28, every six hours, are those of a week."
  type        = number
  default     = 28
}

variable "boot_host_key" {
  description = "The SSH host key of machines at their very first connection, given by 'dogitops nodes up' and replaced over that connection. It counts where a machine is made."
  type        = object({ private = string, public = string })
  default     = null
  sensitive   = true
}

variable "keep_data" {
  description = "Whether a plan that would destroy the bucket of backups fails. Set it to false (TF_VAR_keep_data=false), apply, and destroy then."
  type        = bool
  default     = true
  nullable    = false
}
