variable "k3s" {
  description = "Which K3s: its version, the sha256 of its program in that release, and where to download it from, where that is not the release. 'dogitops bootstrap' looks the sha256 up and writes it down."
  type        = object({ version = string, sha256 = string, url = optional(string) })
}

variable "ssh_keys" {
  description = "Public SSH keys of people that may log in, by the names they get."
  type        = map(string)
  default     = {}
}

variable "operator_keys" {
  description = "Public SSH keys that 'dogitops bootstrap' made to log in with, by the names they get."
  type        = map(string)
  default     = {}
}

variable "boot_host_key" {
  description = "The SSH host key of machines at their very first connection, given by 'dogitops bootstrap' and replaced over that connection. It counts where a machine is made."
  type        = object({ private = string, public = string })
  default     = null
  sensitive   = true
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

variable "keep_data" {
  description = "Whether a plan that would destroy the volumes or the bucket of backups fails. Set it to false (TF_VAR_keep_data=false), apply, and destroy then."
  type        = bool
  default     = true
  nullable    = false
}

variable "size" {
  description = "Size of the machine: another one scales up."
  type        = string
  default     = "s-1vcpu-2gb"
}

variable "grow_disk" {
  description = "Whether a resize makes the machine's own disk larger, too: there is no way back then."
  type        = bool
  default     = false
  nullable    = false
}

variable "volume_gib" {
  description = "Size of the volume in GiB: it can grow."
  type        = number
  default     = 10
}

variable "datastore" {
  description = "`sqlite`, or `etcd` for three servers."
  type        = string
  default     = "sqlite"
}

variable "servers" {
  description = "How many machines run the control plane: 1 or 3."
  type        = number
  default     = 1
}

variable "agents" {
  description = "How many machines run applications only: more of them scale out."
  type        = number
  default     = 0
}

variable "restore" {
  description = "Name of the backup to restore after the first boot; empty restores nothing."
  type        = string
  default     = ""
}

variable "restore_from_snapshot" {
  description = "Id of the volume's snapshot that a new volume starts from."
  type        = string
  default     = null
}
