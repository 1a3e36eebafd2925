/**
 * # prototype
 *
 * All of the prototype: a managed cluster with a pool of its own for monitoring in a private network, volumes for what
 * monitoring keeps, a bucket for backups, a firewall around the nodes, and a project. The environments `dev` and
 * `staging` are one of it each.
 *
 * What differs between them is said by variables: whether volumes and load balancers of applications go with the cluster
 * (`destroy_associated`), and whether a plan may destroy what holds data (`keep_data`). How large it is, is the design's.
 */
locals {
  environment = trimprefix(var.name, "dogitops-")
  tags        = ["dogitops:env:${local.environment}"]
  pools = {
    primary    = { size = "s-4vcpu-8gb", count = 3 }
    monitoring = { size = "c-4", count = 2 }
  }
}

module "vpc" {
  source = "../vpc"

  name         = var.name
  region       = var.region
  ip_range     = var.ip_range
  other_ranges = var.other_ranges
  description  = "Nodes of ${var.name}"
}

module "kubernetes" {
  source = "../kubernetes"

  name                  = var.name
  region                = var.region
  kubernetes_version    = var.kubernetes_version
  environment           = var.environment
  ha                    = false
  vpc_id                = module.vpc.id
  vpc_ip_range          = module.vpc.ip_range
  cluster_subnet        = "10.100.0.0/16"
  service_subnet        = "10.101.0.0/20"
  api_allowed_addresses = var.api_allowed_addresses
  destroy_associated    = var.destroy_associated
  tags                  = local.tags

  default_pool = "primary"
  node_pools = {
    primary = merge(local.pools.primary, {
      labels = { workload = "applications" }
    })
    monitoring = merge(local.pools.monitoring, {
      labels = { workload = "monitoring" }
      taints = [{ key = "workload", value = "monitoring", effect = "NoSchedule" }]
    })
  }
}

# What Loki, Prometheus and Grafana keep outlives the cluster; their claims name these volumes.
module "storage" {
  source = "../storage"

  name   = var.name
  region = var.region
  keep   = var.keep_data
  tags   = local.tags
  volumes = {
    loki       = { size = 50, description = "Logs" }
    prometheus = { size = 20, description = "Metrics" }
    grafana    = { size = 10, description = "Dashboards" }
  }
}

# DigitalOcean's own firewall of the nodes lets in what services ask for; this one lets in the private network, too.
module "firewall" {
  source = "../firewall"

  name = "${var.name}-nodes"
  tags = [module.kubernetes.node_tag]
  inbound = [
    { protocol = "tcp", ports = "30000-32767", addresses = [module.vpc.ip_range] },
    { protocol = "icmp", addresses = [module.vpc.ip_range] },
  ]
}

# The provider makes buckets with a Spaces key, which it reads from variables.
module "backups" {
  source = "../spaces"

  name    = var.name
  region  = var.region
  keep    = var.keep_data
  buckets = { backups = {} }
}

module "project" {
  source = "../project"

  name        = var.name
  description = "The environment ${local.environment} of dogitops"
  environment = var.environment
  resources   = concat([module.kubernetes.urn], module.storage.urns, module.backups.urns)
}
