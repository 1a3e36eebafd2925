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

variable "environment" {
  description = "What the cluster is for: `development`, `staging` or `production`. Production asks for three control planes."
  type        = string

  validation {
    condition     = contains(["development", "staging", "production"], var.environment)
    error_message = "An environment is \"development\", \"staging\" or \"production\"."
  }
}

variable "control_planes" {
  description = "How many control planes: one, or three for high availability."
  type        = number

  validation {
    condition     = contains([1, 3], var.control_planes)
    error_message = "One control plane, or three: etcd needs a majority, and two have none when one is lost."
  }

  validation {
    condition     = var.control_planes == 3 || var.environment != "production"
    error_message = "A production cluster with one control plane is lost with it: set control_planes = 3, or call the environment something else."
  }
}

variable "control_plane_size" {
  description = "Size of the control planes, by its slug. Another one is a resize: the machines are off meanwhile."
  type        = string
  default     = "s-2vcpu-4gb"

  validation {
    condition     = can(regex("^[a-z0-9_]+-[-a-z0-9_]+$", var.control_plane_size)) && !can(regex("^s-1vcpu|-(512mb|1gb)", var.control_plane_size))
    error_message = "A size is written as its slug, such as \"s-2vcpu-4gb\"; kubeadm wants two CPUs and 2 GiB of memory at least."
  }
}

variable "load_balancer_nodes" {
  description = "How many nodes the load balancer of the API has; each is paid for."
  type        = number
  default     = 1

  validation {
    condition     = var.load_balancer_nodes >= 1 && var.load_balancer_nodes <= 200 && floor(var.load_balancer_nodes) == var.load_balancer_nodes
    error_message = "A whole number of nodes, from 1 to 200."
  }
}

variable "workers" {
  description = "How many workers."
  type        = number

  validation {
    condition     = var.workers >= 1 && var.workers <= 100 && floor(var.workers) == var.workers
    error_message = "A whole number of workers, from 1 to 100: control planes take no applications."
  }
}

variable "worker_size" {
  description = "Size of the workers, by its slug. Another one is a resize: the machines are off meanwhile."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9_]+-[-a-z0-9_]+$", var.worker_size)) && !can(regex("-(512mb|1gb)", var.worker_size))
    error_message = "A size is written as its slug, such as \"s-4vcpu-8gb\", and has at least 2 GiB of memory."
  }
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

variable "kubernetes_version" {
  description = "Version of Kubernetes with its patch: `1.34.4`."
  type        = string

  validation {
    condition     = can(regex("^1\\.(2[89]|[3-9][0-9])\\.[0-9]+$", var.kubernetes_version))
    error_message = "A version is written with its patch and without a v, such as \"1.34.4\", from 1.28 on."
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

variable "pod_subnet" {
  description = "Range of pods' addresses."
  type        = string
  default     = "10.112.0.0/14"

  validation {
    condition     = can(cidrhost(var.pod_subnet, 0))
    error_message = "A range is written in CIDR notation, such as \"10.112.0.0/14\"."
  }

  validation {
    condition     = try(!cidrcontains(var.vpc_ip_range, var.pod_subnet) && !cidrcontains(var.pod_subnet, var.vpc_ip_range), true)
    error_message = "The pods' range overlaps the network's range ${var.vpc_ip_range}: nodes could not reach what lies in both."
  }
}

variable "service_subnet" {
  description = "Range of services' addresses."
  type        = string
  default     = "10.96.0.0/16"

  validation {
    condition     = can(cidrhost(var.service_subnet, 0))
    error_message = "A range is written in CIDR notation, such as \"10.96.0.0/16\"."
  }

  validation {
    condition = alltrue([
      for other in [var.vpc_ip_range, var.pod_subnet] :
      try(!cidrcontains(other, var.service_subnet) && !cidrcontains(var.service_subnet, other), true)
    ])
    error_message = "The services' range overlaps that of the network or of the pods: each needs a range of its own."
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

variable "user_data" {
  description = "Template of what the machines get at their first boot. It may use `name`, `role` (control-plane or worker), `number` (from 1 on), `kubernetes_version`, `control_planes`, `endpoint` (the API's address and port at the load balancer), `pod_subnet` and `service_subnet`. It can be read from inside of the machine, so no secret stands in it."
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
  description = "Tags of the machines, beside `dogitops`."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for tag in var.tags : can(regex("^[a-z0-9:_-]{1,255}$", tag))])
    error_message = "A tag has small letters, digits, colons, dashes and underscores, such as \"dogitops:env:dev\"."
  }
}
