/**
 * # firewall
 *
 * A firewall around droplets, chosen by tags or by ids. What no rule lets in stays outside.
 *
 * Several firewalls around one droplet add up: what one of them lets in comes in. The nodes of a managed cluster have
 * one that DigitalOcean keeps; another can only let in more, from the private network, say.
 *
 * A firewall has no tags of its own (its `tags` choose droplets), so its name is its mark.
 */
resource "digitalocean_firewall" "this" {
  name        = var.name
  tags        = var.tags
  droplet_ids = var.droplet_ids

  dynamic "inbound_rule" {
    for_each = var.inbound

    content {
      protocol                  = inbound_rule.value.protocol
      port_range                = inbound_rule.value.protocol == "icmp" ? null : inbound_rule.value.ports
      source_addresses          = inbound_rule.value.addresses
      source_tags               = inbound_rule.value.tags
      source_load_balancer_uids = inbound_rule.value.load_balancers
      source_kubernetes_ids     = inbound_rule.value.clusters
    }
  }

  dynamic "outbound_rule" {
    for_each = var.outbound

    content {
      protocol              = outbound_rule.value.protocol
      port_range            = outbound_rule.value.protocol == "icmp" ? null : outbound_rule.value.ports
      destination_addresses = outbound_rule.value.addresses
    }
  }
}
