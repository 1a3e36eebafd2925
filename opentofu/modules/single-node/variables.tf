variable "name" {
  description = "Name of the machines. It begins with `dogitops-`, the mark by which teardown knows what is ours."
  type        = string

  validation {
    condition     = can(regex("^dogitops-[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$", var.name))
    error_message = "A name begins with \"dogitops-\" and goes on in small letters, digits and dashes, such as \"dogitops-dev\": nothing else tells that the machines is ours."
  }
}

variable "region" {
  description = "Region, by its slug: `fra1`. Every size of a machine must be offered there."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{3}[0-9]$", var.region))
    error_message = "A region is written as its slug, three letters and a digit, such as \"fra1\" or \"nyc3\"."
  }
}

variable "size" {
  description = "Size of the servers, by its slug. Another one is a resize: the machine is off meanwhile."
  type        = string
  default     = "s-1vcpu-2gb"

  validation {
    condition     = can(regex("^[a-z0-9_]+-[-a-z0-9_]+$", var.size)) && !can(regex("-(512mb|1gb)", var.size))
    error_message = "A size is written as its slug, such as \"s-1vcpu-2gb\", and has at least 2 GiB of memory: K3s asks for them on a server."
  }
}

variable "grow_disk" {
  description = "Whether a resize makes the disk larger, too. There is no way back to a smaller size then."
  type        = bool
  default     = false
  nullable    = false
}

variable "image" {
  description = "Image of the machines, by its slug. Another one replaces them."
  type        = string
  default     = "ubuntu-24-04-x64"

  validation {
    condition     = can(regex("^ubuntu-2[4-9]-04-x64$", var.image))
    error_message = "The machines are set up for Ubuntu with long-term support from 24.04 on, such as \"ubuntu-24-04-x64\"."
  }
}

variable "vpc_id" {
  description = "Id of the network that the machines lie in."
  type        = string

  validation {
    condition     = trimspace(var.vpc_id) != ""
    error_message = "Give the id of a network (output `id` of the module vpc): without one the machines would lie in the region's default network, beside everything else."
  }
}

variable "vpc_ip_range" {
  description = "Range of that network."
  type        = string

  validation {
    condition     = can(cidrhost(var.vpc_ip_range, 0))
    error_message = "A range is written in CIDR notation, such as \"10.20.0.0/20\"."
  }
}

variable "ssh_keys" {
  description = "Public SSH keys that may log in, by the names they get. Machines that are there keep the keys they were made with."
  type        = map(string)

  validation {
    condition     = length(var.ssh_keys) > 0
    error_message = "Give at least one public key: without any DigitalOcean mails a root password."
  }

  validation {
    condition     = alltrue([for key in values(var.ssh_keys) : can(regex("^(ssh-ed25519|ecdsa-sha2-nistp[0-9]+|sk-ssh-ed25519@openssh.com|ssh-rsa) [A-Za-z0-9+/=]+( .*)?$", key))])
    error_message = "A public key is the one line of a file such as id_ed25519.pub, and begins with \"ssh-ed25519\", say. A private key never stands here."
  }
}

variable "ssh_allowed_addresses" {
  description = "Networks that may reach SSH."
  type        = list(string)

  validation {
    condition     = length(var.ssh_allowed_addresses) > 0
    error_message = "Somebody must reach SSH: the machines' progress is read over it. Name your network, such as \"203.0.113.0/24\"."
  }

  validation {
    condition     = alltrue([for address in var.ssh_allowed_addresses : can(cidrhost(address, 0)) && !can(regex("/[0-7]$", address))])
    error_message = "Each is a network in CIDR notation with a prefix of at least /8, such as \"203.0.113.7/32\": SSH is not for the whole internet."
  }
}

variable "api_allowed_addresses" {
  description = "Networks that may reach the Kubernetes API from outside; none by default."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.api_allowed_addresses : can(cidrhost(address, 0)) && !can(regex("/[0-7]$", address))])
    error_message = "Each is a network in CIDR notation with a prefix of at least /8, such as \"203.0.113.7/32\": the API is not for the whole internet."
  }
}

variable "volume_gib" {
  description = "Size of the volume for K3s's data in GiB. It can grow, never shrink."
  type        = number
  default     = 10

  validation {
    condition     = var.volume_gib >= 10 && var.volume_gib <= 16384 && floor(var.volume_gib) == var.volume_gib
    error_message = "A whole number of GiB, from 10 (below it the system's images alone fill the volume) to 16384."
  }
}

variable "keep" {
  description = "Whether a plan that would destroy the volume fails."
  type        = bool
  default     = true
  nullable    = false
}

variable "k3s_version" {
  description = "Version of K3s, as its releases are named: `v1.34.4+k3s1`."
  type        = string

  validation {
    condition     = can(regex("^v1\\.[0-9]{2}\\.[0-9]+\\+k3s[0-9]+$", var.k3s_version))
    error_message = "A version of K3s is written as its releases are named, such as \"v1.34.4+k3s1\": Kubernetes's version alone names no release."
  }
}

variable "datastore" {
  description = "Where K3s keeps the cluster's state: `sqlite` (one server alone) or `etcd`."
  type        = string
  default     = "sqlite"

  validation {
    condition     = contains(["sqlite", "etcd"], var.datastore)
    error_message = "A datastore is \"sqlite\" or \"etcd\"."
  }
}

variable "servers" {
  description = "How many machines run the control plane: one, or three for high availability."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 3], var.servers)
    error_message = "One server, or three: etcd needs a majority, and two have none when one is lost."
  }

  validation {
    condition     = var.servers == 1 || var.datastore == "etcd"
    error_message = "Several servers can't share SQLite: set datastore = \"etcd\"."
  }
}

variable "agents" {
  description = "How many machines run applications only."
  type        = number
  default     = 0

  validation {
    condition     = var.agents >= 0 && var.agents <= 50 && floor(var.agents) == var.agents
    error_message = "A whole number of agents, from 0 to 50."
  }
}

variable "agent_size" {
  description = "Size of the agents; null is that of the servers."
  type        = string
  default     = null

  validation {
    condition     = var.agent_size == null || can(regex("^[a-z0-9_]+-[-a-z0-9_]+$", var.agent_size))
    error_message = "A size is written as its slug, such as \"s-2vcpu-4gb\"."
  }
}

variable "restore" {
  description = "Name of the backup that the templates restore after the first boot; empty restores nothing."
  type        = string
  default     = ""

  validation {
    condition     = var.restore == "" || can(regex("^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$", var.restore))
    error_message = "A backup's name has small letters, digits, dashes and dots, as Kubernetes names things."
  }
}

variable "restore_from_snapshot" {
  description = "Id of a volume's snapshot that a new volume starts from. A volume that is there is left alone."
  type        = string
  default     = null

  validation {
    condition     = var.restore_from_snapshot == null || can(regex("^[0-9a-f-]{8,}$", var.restore_from_snapshot))
    error_message = "A snapshot is named by its id, such as \"506f78a4-e098-11e5-ad9f-000f53306ae1\", not by its name."
  }
}

variable "user_data" {
  description = "Template of what the machines get at their first boot. It may use `name`, `role` (first, server or agent), `k3s_version`, `datastore`, `volume` (the device of the data), `first_server` (its private address; empty on itself) and `restore`. It can be read from inside of the machine, so no secret stands in it."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^(#cloud-config|#!|Content-Type:|## template: jinja)", var.user_data))
    error_message = "User data begins with \"#cloud-config\", or with \"#!\" where it is a script: anything else is ignored at boot without a word."
  }

  validation {
    condition     = length(var.user_data) < 64000
    error_message = "User data has at most 64 KiB."
  }
}

variable "tags" {
  description = "Tags of the machines and the volume, beside `dogitops`."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for tag in var.tags : can(regex("^[a-z0-9:_-]{1,255}$", tag))])
    error_message = "A tag has small letters, digits, colons, dashes and underscores, such as \"dogitops:env:dev\"."
  }
}
