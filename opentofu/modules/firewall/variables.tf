variable "name" {
  description = "Name of the firewall. It begins with `dogitops-`, the mark by which teardown knows what is ours."
  type        = string

  validation {
    condition     = can(regex("^dogitops-[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$", var.name))
    error_message = "A name begins with \"dogitops-\" and goes on in small letters, digits and dashes, such as \"dogitops-dev\": nothing else tells that the firewall is ours."
  }
}

variable "tags" {
  description = "Tags that choose the droplets it protects: at most five, which must exist."
  type        = set(string)
  default     = []

  validation {
    condition     = length(var.tags) <= 5
    error_message = "A firewall takes at most five tags."
  }

  validation {
    condition     = length(var.tags) + length(var.droplet_ids) > 0
    error_message = "The firewall would protect nothing: give tags or droplet_ids."
  }
}

variable "droplet_ids" {
  description = "Ids of droplets that it protects, beside those with the tags: at most ten."
  type        = set(number)
  default     = []

  validation {
    condition     = length(var.droplet_ids) <= 10
    error_message = "A firewall takes at most ten droplets one by one: give them a tag instead."
  }
}

variable "inbound" {
  description = "What is let in: a protocol, ports (`443`, `30000-32767` or `all`), and from where: networks, droplets with tags, load balancers or clusters by their ids."
  type = list(object({
    protocol       = string
    ports          = optional(string)
    addresses      = optional(set(string), [])
    tags           = optional(set(string), [])
    load_balancers = optional(set(string), [])
    clusters       = optional(set(string), [])
  }))
  default = []

  validation {
    condition     = alltrue([for rule in var.inbound : contains(["tcp", "udp", "icmp"], rule.protocol)])
    error_message = "A protocol is \"tcp\", \"udp\" or \"icmp\"."
  }

  validation {
    condition = alltrue([
      for rule in var.inbound : rule.protocol == "icmp" ? rule.ports == null : can(regex("^(all|[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?)$", rule.ports))
    ])
    error_message = "Ports are written as \"443\", \"30000-32767\" or \"all\" for tcp and udp; icmp has none."
  }

  validation {
    condition = alltrue([
      for rule in var.inbound : try(
        alltrue([for port in split("-", rule.ports) : tonumber(port) <= 65535]) && tonumber(split("-", rule.ports)[0]) <= tonumber(reverse(split("-", rule.ports))[0]),
        true
      )
    ])
    error_message = "Ports lie between 1 and 65535, and a range begins with the smaller one."
  }

  validation {
    condition = alltrue([
      for rule in var.inbound : length(rule.addresses) + length(rule.tags) + length(rule.load_balancers) + length(rule.clusters) > 0
    ])
    error_message = "A rule that names no source lets nothing in: give addresses, tags, load_balancers or clusters."
  }

  validation {
    condition = alltrue(flatten([
      for rule in var.inbound : [for address in rule.addresses : can(cidrhost(address, 0)) || can(cidrhost("${address}/32", 0))]
    ]))
    error_message = "An address is one, or a network in CIDR notation, such as \"203.0.113.0/24\"."
  }

  validation {
    condition = !anytrue(flatten([
      for rule in var.inbound : [
        for port in [22, 6443] : [
          for address in rule.addresses :
          rule.protocol == "tcp" && can(regex("/[0-7]$", address)) && try(
            rule.ports == "all" || (tonumber(split("-", rule.ports)[0]) <= port && port <= tonumber(reverse(split("-", rule.ports))[0])), false
          )
        ]
      ]
    ]))
    error_message = "SSH (22) or the Kubernetes API (6443) would be open to the whole internet: name the networks that need it."
  }
}

variable "outbound" {
  description = "What is let out; everything by default."
  type = list(object({
    protocol  = string
    ports     = optional(string)
    addresses = set(string)
  }))
  default = [
    { protocol = "tcp", ports = "all", addresses = ["0.0.0.0/0", "::/0"] },
    { protocol = "udp", ports = "all", addresses = ["0.0.0.0/0", "::/0"] },
    { protocol = "icmp", addresses = ["0.0.0.0/0", "::/0"] },
  ]

  validation {
    condition     = alltrue([for rule in var.outbound : contains(["tcp", "udp", "icmp"], rule.protocol)])
    error_message = "A protocol is \"tcp\", \"udp\" or \"icmp\"."
  }

  validation {
    condition = alltrue([
      for rule in var.outbound : rule.protocol == "icmp" ? rule.ports == null : can(regex("^(all|[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?)$", rule.ports))
    ])
    error_message = "Ports are written as \"443\", \"30000-32767\" or \"all\" for tcp and udp; icmp has none."
  }

  validation {
    condition     = alltrue([for rule in var.outbound : length(rule.addresses) > 0])
    error_message = "A rule that names no destination lets nothing out: give addresses."
  }
}
