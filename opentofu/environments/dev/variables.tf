variable "api_allowed_addresses" {
  description = "Networks that may reach the Kubernetes API; empty leaves it open to everybody who has a token."
  type        = list(string)
  default     = []
}

variable "keep_data" {
  description = "Whether a plan that would destroy the volumes or the bucket of backups fails. Set it to false (TF_VAR_keep_data=false), apply, and destroy then."
  type        = bool
  default     = true
  nullable    = false
}
