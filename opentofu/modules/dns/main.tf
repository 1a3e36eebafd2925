/**
 * # dns
 *
 * A domain and its records. The domain is registered elsewhere, and its registrar names DigitalOcean's name servers.
 *
 * With `create_domain` false the domain is there already and is left alone: only records are made. Teardown by the
 * ownership mark knows a domain or record by its first label, which begins with `dogitops-`; a plan that destroys one
 * of another name is the only way it goes.
 */
locals {
  domain = var.create_domain ? digitalocean_domain.this[0].name : var.domain
}

resource "digitalocean_domain" "this" {
  count = var.create_domain ? 1 : 0

  name = var.domain
}

resource "digitalocean_record" "this" {
  for_each = var.records

  domain   = local.domain
  type     = each.value.type
  name     = each.value.name
  value    = each.value.value
  ttl      = each.value.ttl
  priority = each.value.priority
  flags    = each.value.flags
  tag      = each.value.tag
}
