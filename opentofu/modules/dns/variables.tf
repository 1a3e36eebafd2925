variable "domain" {
  description = "Name of the domain: `example.com`."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", var.domain)) && length(var.domain) <= 253
    error_message = "A domain is written in small letters without a dot at its end, such as \"example.com\"."
  }
}

variable "create_domain" {
  description = "Whether the domain is made here; false where it is at DigitalOcean already."
  type        = bool
  default     = true
  nullable    = false
}

variable "records" {
  description = "Records by any name of yours: `name` is relative to the domain (`@` for the domain itself), `ttl` is in seconds."
  type = map(object({
    type     = string
    name     = string
    value    = string
    ttl      = optional(number, 300)
    priority = optional(number)
    flags    = optional(number)
    tag      = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for record in var.records : contains(["A", "AAAA", "CAA", "CNAME", "MX", "NS", "TXT"], record.type)])
    error_message = "A record's type is A, AAAA, CAA, CNAME, MX, NS or TXT."
  }

  validation {
    condition     = alltrue([for record in var.records : can(regex("^(@|\\*|([*]\\.)?[a-z0-9_]([-a-z0-9_.]*[a-z0-9])?)$", record.name))])
    error_message = "A record's name is \"@\", \"*\", or labels in small letters such as \"www\" or \"*.apps\", without the domain."
  }

  validation {
    condition     = alltrue([for record in var.records : record.ttl >= 30 && record.ttl <= 604800 && floor(record.ttl) == record.ttl])
    error_message = "A ttl is a whole number of seconds from 30 to 604800 (a week)."
  }

  validation {
    condition     = alltrue([for record in var.records : record.type != "A" || can(regex("^([0-9]{1,3}\\.){3}[0-9]{1,3}$", record.value)) && can(cidrhost("${record.value}/32", 0))])
    error_message = "An A record's value is an IPv4 address, such as \"203.0.113.7\"."
  }

  validation {
    condition     = alltrue([for record in var.records : !contains(["CNAME", "MX", "NS"], record.type) || endswith(record.value, ".")])
    error_message = "The value of a CNAME, MX or NS record ends with a dot, such as \"example.com.\": without it the domain would be appended."
  }

  validation {
    condition     = alltrue([for record in var.records : (record.type == "MX") == (record.priority != null)])
    error_message = "An MX record has a priority, and no other type has."
  }

  validation {
    condition     = alltrue([for record in var.records : (record.type == "CAA") == (record.flags != null && record.tag != null)])
    error_message = "A CAA record has flags and a tag (issue, issuewild or iodef), and no other type has."
  }
}
