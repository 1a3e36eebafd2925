variable "ssh_keys" {
  description = "Public SSH keys that may log in, by the names they get."
  type        = map(string)
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

variable "keep_data" {
  description = "Whether a plan that would destroy the bucket of backups fails. Set it to false (TF_VAR_keep_data=false), apply, and destroy then."
  type        = bool
  default     = true
  nullable    = false
}
