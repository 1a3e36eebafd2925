variable "name" {
  description = "Name of the cluster. It begins with `dogitops-`, the mark by which teardown knows what is ours."
  type        = string

  validation {
    condition     = can(regex("^dogitops-[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$", var.name))
    error_message = "A name begins with \"dogitops-\" and goes on in small letters, digits and dashes, such as \"dogitops-dev\": nothing else tells that the cluster is ours."
  }
}

variable "region" {
  description = "Region, by its slug: `fra1`. Every size of `node_pools` must be offered there."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{3}[0-9]$", var.region))
    error_message = "A region is written as its slug, three letters and a digit, such as \"fra1\" or \"nyc3\"."
  }
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes: `1.35`. The newest patch of it is taken."
  type        = string

  validation {
    condition     = can(regex("^1\\.(2[89]|[3-9][0-9])$", var.kubernetes_version))
    error_message = "A version is a minor one from 1.28 on, such as \"1.35\": patches are DigitalOcean's to choose, for they go within weeks."
  }
}

variable "environment" {
  description = "What the cluster is for: `development`, `staging` or `production`. Production asks for `ha`."
  type        = string

  validation {
    condition     = contains(["development", "staging", "production"], var.environment)
    error_message = "An environment is \"development\", \"staging\" or \"production\"."
  }
}

variable "ha" {
  description = "Whether the control plane is highly available. It has no default on purpose: DigitalOcean's depends on the version, it costs money, and it can't be taken back."
  type        = bool
  nullable    = false

  validation {
    condition     = var.ha || var.environment != "production"
    error_message = "A production cluster without a highly available control plane is down whenever its only one is upgraded: set ha = true, or call the environment something else."
  }
}

variable "vpc_id" {
  description = "Id of the network that the nodes lie in."
  type        = string

  validation {
    condition     = trimspace(var.vpc_id) != ""
    error_message = "Give the id of a network (output `id` of the module vpc): without one the nodes would lie in the region's default network, beside everything else."
  }
}

variable "vpc_ip_range" {
  description = "Range of that network, to tell whether pods or services overlap it."
  type        = string

  validation {
    condition     = can(cidrhost(var.vpc_ip_range, 0))
    error_message = "A range is written in CIDR notation, such as \"10.20.0.0/20\"."
  }
}

variable "cluster_subnet" {
  description = "Range of pods' addresses; null lets DigitalOcean choose one. It can't be changed."
  type        = string
  default     = null

  validation {
    condition     = var.cluster_subnet == null || can(cidrhost(var.cluster_subnet, 0))
    error_message = "A range is written in CIDR notation, such as \"10.100.0.0/16\"."
  }

  validation {
    condition = try(
      !cidrcontains(var.vpc_ip_range, var.cluster_subnet) && !cidrcontains(var.cluster_subnet, var.vpc_ip_range), true
    )
    error_message = "The pods' range overlaps the network's range ${var.vpc_ip_range}: nodes could not reach what lies in both."
  }
}

variable "service_subnet" {
  description = "Range of services' addresses; null lets DigitalOcean choose one. It can't be changed."
  type        = string
  default     = null

  validation {
    condition     = var.service_subnet == null || can(cidrhost(var.service_subnet, 0))
    error_message = "A range is written in CIDR notation, such as \"10.101.0.0/20\"."
  }

  validation {
    condition = alltrue([
      for other in [var.vpc_ip_range, var.cluster_subnet] :
      try(!cidrcontains(other, var.service_subnet) && !cidrcontains(var.service_subnet, other), true)
    ])
    error_message = "The services' range overlaps that of the network or of the pods: each needs a range of its own."
  }
}

variable "node_pools" {
  description = "Node pools by their names. `count` is the number of nodes; with `autoscale` it is the number to start with."
  type = map(object({
    size      = string
    count     = optional(number)
    autoscale = optional(object({ min = number, max = number }))
    labels    = optional(map(string), {})
    taints    = optional(list(object({ key = string, value = string, effect = string })), [])
  }))

  validation {
    condition     = length(var.node_pools) > 0
    error_message = "A cluster has at least one node pool."
  }

  validation {
    condition     = alltrue([for name, pool in var.node_pools : can(regex("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", name))])
    error_message = "A pool's name has small letters, digits and dashes, such as \"primary\": its nodes are named after it."
  }

  validation {
    condition     = alltrue([for pool in var.node_pools : can(regex("^[a-z0-9_]+-[-a-z0-9_]+$", pool.size))])
    error_message = "A size is written as its slug, such as \"s-4vcpu-8gb\" or \"c-4\"."
  }

  validation {
    condition     = alltrue([for pool in var.node_pools : pool.count != null || pool.autoscale != null])
    error_message = "Each pool needs a count of nodes, or autoscale = { min, max }."
  }

  validation {
    condition = alltrue([
      for pool in var.node_pools : pool.count == null ? true : pool.count >= 1 && floor(pool.count) == pool.count
    ])
    error_message = "A count is a whole number from 1 on. A pool that may be empty is one with autoscale = { min = 0, … }."
  }

  validation {
    condition = alltrue([
      for pool in var.node_pools : try(pool.autoscale.min >= 0 && pool.autoscale.max >= 1 && pool.autoscale.min <= pool.autoscale.max, pool.autoscale == null)
    ])
    error_message = "A pool's autoscale has a max below its min, or a max of 0: write the smaller number as min, and at least 1 as max."
  }

  validation {
    condition = alltrue([
      for pool in var.node_pools : try(pool.count >= pool.autoscale.min && pool.count <= pool.autoscale.max, true)
    ])
    error_message = "A pool's count, with which it starts, lies outside of autoscale's min and max."
  }

  validation {
    condition = alltrue(flatten([
      for pool in var.node_pools : [
        for taint in pool.taints : contains(["NoSchedule", "PreferNoSchedule", "NoExecute"], taint.effect)
      ]
    ]))
    error_message = "A taint's effect is NoSchedule, PreferNoSchedule or NoExecute."
  }
}

variable "default_pool" {
  description = "Name of the pool that is a part of the cluster itself. It is never empty, and has no taints that keep all pods out: the system's pods run on it."
  type        = string

  validation {
    condition     = contains(keys(var.node_pools), var.default_pool)
    error_message = "The default pool is none of node_pools, which are: ${join(", ", keys(var.node_pools))}."
  }

  validation {
    condition     = try(var.node_pools[var.default_pool].autoscale.min >= 1, true)
    error_message = "The default pool may not shrink to nothing: its autoscale needs a min of at least 1."
  }

  validation {
    condition     = try(var.node_pools[var.default_pool].autoscale == null || var.node_pools[var.default_pool].count == null, true)
    error_message = "The default pool has both a count and autoscale: it starts with autoscale's min, so leave the count out."
  }

  validation {
    condition     = try(alltrue([for taint in var.node_pools[var.default_pool].taints : taint.effect == "PreferNoSchedule"]), true)
    error_message = "The default pool has a taint that keeps the system's own pods out: move it to another pool, or make it PreferNoSchedule."
  }
}

variable "auto_upgrade" {
  description = "Whether patches are installed in the maintenance window without anybody asking."
  type        = bool
  default     = true
  nullable    = false
}

variable "surge_upgrade" {
  description = "Whether an upgrade adds nodes before it takes others away."
  type        = bool
  default     = true
  nullable    = false
}

variable "maintenance" {
  description = "When upgrades may happen: a day (or `any`) and a time in UTC. The window is four hours long."
  type        = object({ day = string, start_time = string })
  default     = { day = "sunday", start_time = "02:00" }

  validation {
    condition = contains(
      ["any", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], var.maintenance.day
    )
    error_message = "A day is \"any\" or the English name of a weekday in small letters, such as \"sunday\"."
  }

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):00$", var.maintenance.start_time))
    error_message = "A time is a full hour in UTC, such as \"02:00\"."
  }
}

variable "registry_integration" {
  description = "Whether every namespace may pull from the account's container registry. The registry must be there before."
  type        = bool
  default     = false
  nullable    = false
}

variable "api_allowed_addresses" {
  description = "Networks that may reach the Kubernetes API; empty leaves it open to everybody who has a token. Whatever runs our commands (a workflow's runner, say) must be among them."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.api_allowed_addresses : can(cidrhost(address, 0)) || can(cidrhost("${address}/32", 0))])
    error_message = "Each is an address or a network in CIDR notation, such as \"203.0.113.7\" or \"203.0.113.0/24\"."
  }

  validation {
    condition     = !anytrue([for address in var.api_allowed_addresses : can(regex("/[0-7]$", address))])
    error_message = "A network with a prefix below /8 is as good as the whole internet: name the networks that need the API, or leave the list empty."
  }
}

variable "destroy_associated" {
  description = "Whether volumes and load balancers that the cluster made for itself go with it. False keeps data on volumes, and leaves them to be paid for."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.destroy_associated || var.environment != "production"
    error_message = "In production the cluster's volumes outlive it: leave destroy_associated false, and remove them by hand when you are sure."
  }
}

variable "kubeconfig_seconds" {
  description = "How long the kubeconfig's token lives; 0 means as long as DigitalOcean's default, seven days."
  type        = number
  default     = 0

  validation {
    condition     = var.kubeconfig_seconds >= 0 && floor(var.kubeconfig_seconds) == var.kubeconfig_seconds
    error_message = "A whole number of seconds, or 0 for DigitalOcean's default."
  }
}

variable "tags" {
  description = "Tags of the cluster and its nodes, beside `dogitops`."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for tag in var.tags : can(regex("^[a-z0-9:_-]{1,255}$", tag))])
    error_message = "A tag has small letters, digits, colons, dashes and underscores, such as \"dogitops:env:dev\"."
  }
}
