variable "api_allowed_addresses" {
  description = "Networks that may reach the Kubernetes API; empty leaves it open to everybody who has a token."
  type        = list(string)
  default     = []
}
