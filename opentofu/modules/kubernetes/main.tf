/**
 * # kubernetes
 *
 * A cluster of DigitalOcean's managed Kubernetes with any number of node pools.
 *
 * What to know before a change:
 *
 * - One pool, `default_pool`, is a part of the cluster itself: another size for it replaces the whole cluster. Another
 *   size for any other pool replaces that pool alone.
 * - A pool with `autoscale` belongs to the autoscaler. `count` says how many nodes it starts with, and is left alone
 *   afterwards; the default pool starts with `min`.
 * - `ha` can't be taken back: from true to false only a new cluster leads.
 * - The newest patch of `kubernetes_version` is asked for at each plan, so a plan may show an upgrade that nobody wrote:
 *   patches go within weeks, and an old one can't be had again.
 * - The kubeconfig is in the state. Its token lives as long as `kubeconfig_seconds` says.
 */
locals {
  tags = setunion(["dogitops"], var.tags)

  default_pool = var.node_pools[var.default_pool]
  more_pools   = { for name, pool in var.node_pools : name => pool if name != var.default_pool }

  regions_by_size = { for size in data.digitalocean_sizes.all.sizes : size.slug => size.regions }
}

data "digitalocean_kubernetes_versions" "asked" {
  version_prefix = "${var.kubernetes_version}."
}

data "digitalocean_sizes" "all" {}

resource "digitalocean_kubernetes_cluster" "this" {
  name    = var.name
  region  = var.region
  version = data.digitalocean_kubernetes_versions.asked.latest_version

  vpc_uuid       = var.vpc_id
  cluster_subnet = var.cluster_subnet
  service_subnet = var.service_subnet

  ha                               = var.ha
  auto_upgrade                     = var.auto_upgrade
  surge_upgrade                    = var.surge_upgrade
  registry_integration             = var.registry_integration
  kubeconfig_expire_seconds        = var.kubeconfig_seconds
  destroy_all_associated_resources = var.destroy_associated
  tags                             = local.tags

  maintenance_policy {
    day        = var.maintenance.day
    start_time = var.maintenance.start_time
  }

  dynamic "control_plane_firewall" {
    for_each = length(var.api_allowed_addresses) > 0 ? [var.api_allowed_addresses] : []

    content {
      enabled           = true
      allowed_addresses = control_plane_firewall.value
    }
  }

  node_pool {
    name       = var.default_pool
    size       = local.default_pool.size
    node_count = local.default_pool.autoscale == null ? local.default_pool.count : null
    auto_scale = local.default_pool.autoscale != null
    min_nodes  = try(local.default_pool.autoscale.min, null)
    max_nodes  = try(local.default_pool.autoscale.max, null)
    labels     = local.default_pool.labels
    tags       = local.tags

    dynamic "taint" {
      for_each = local.default_pool.taints

      content {
        key    = taint.value.key
        value  = taint.value.value
        effect = taint.value.effect
      }
    }
  }

  lifecycle {
    precondition {
      condition     = data.digitalocean_kubernetes_versions.asked.latest_version != ""
      error_message = "DigitalOcean offers no Kubernetes ${var.kubernetes_version} any more, or not yet: 'doctl kubernetes options versions' lists what it offers. Go up one minor version at a time."
    }

    precondition {
      # Where the API tells no sizes, the API is left to judge.
      condition = length(local.regions_by_size) == 0 || alltrue([
        for pool in var.node_pools : contains(try(local.regions_by_size[pool.size], []), var.region)
      ])
      error_message = join(" ", [
        for name, pool in var.node_pools :
        "The size ${pool.size} of the pool ${name} is not offered in ${var.region}${length(try(local.regions_by_size[pool.size], [])) > 0 ? ", but in ${join(", ", local.regions_by_size[pool.size])}" : ", nor anywhere else"}: choose another size or region."
        if !contains(try(local.regions_by_size[pool.size], []), var.region)
      ])
    }
  }
}

resource "digitalocean_kubernetes_node_pool" "fixed" {
  for_each = { for name, pool in local.more_pools : name => pool if pool.autoscale == null }

  cluster_id = digitalocean_kubernetes_cluster.this.id
  name       = each.key
  size       = each.value.size
  node_count = each.value.count
  labels     = each.value.labels
  tags       = local.tags

  dynamic "taint" {
    for_each = each.value.taints

    content {
      key    = taint.value.key
      value  = taint.value.value
      effect = taint.value.effect
    }
  }
}

resource "digitalocean_kubernetes_node_pool" "autoscaled" {
  for_each = { for name, pool in local.more_pools : name => pool if pool.autoscale != null }

  cluster_id = digitalocean_kubernetes_cluster.this.id
  name       = each.key
  size       = each.value.size
  node_count = each.value.count
  auto_scale = true
  min_nodes  = each.value.autoscale.min
  max_nodes  = each.value.autoscale.max
  labels     = each.value.labels
  tags       = local.tags

  dynamic "taint" {
    for_each = each.value.taints

    content {
      key    = taint.value.key
      value  = taint.value.value
      effect = taint.value.effect
    }
  }

  lifecycle {
    # Else each apply would take back what the autoscaler did.
    ignore_changes = [node_count]
  }
}
