# The prototype: a managed cluster with a pool of its own for monitoring, and volumes for what monitoring keeps.

locals {
  name   = "dogitops-dev"
  region = "fra1"
  tags   = ["dogitops:env:dev"]
}

module "vpc" {
  source = "../../modules/vpc"

  name         = local.name
  region       = local.region
  ip_range     = "10.20.0.0/20"
  other_ranges = ["10.21.0.0/20", "10.22.0.0/20", "10.23.0.0/20", "10.24.0.0/20"] # of the other environments
  description  = "Nodes of ${local.name}"
}

module "kubernetes" {
  source = "../../modules/kubernetes"

  name                  = local.name
  region                = local.region
  kubernetes_version    = "1.35"
  environment           = "development"
  ha                    = false
  vpc_id                = module.vpc.id
  vpc_ip_range          = module.vpc.ip_range
  cluster_subnet        = "10.100.0.0/16"
  service_subnet        = "10.101.0.0/20"
  api_allowed_addresses = var.api_allowed_addresses
  destroy_associated    = true # a prototype: volumes and load balancers of the cluster go with it
  tags                  = local.tags

  default_pool = "primary"
  node_pools = {
    primary = {
      size   = "s-4vcpu-8gb"
      count  = 3
      labels = { workload = "applications" }
    }
    monitoring = {
      size   = "c-4"
      count  = 2
      labels = { workload = "monitoring" }
      taints = [{ key = "workload", value = "monitoring", effect = "NoSchedule" }]
    }
  }
}

# What Loki, Prometheus and Grafana keep outlives the cluster; their claims name these volumes.
module "storage" {
  source = "../../modules/storage"

  name   = local.name
  region = local.region
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
  source = "../../modules/firewall"

  name = "${local.name}-nodes"
  tags = [module.kubernetes.node_tag]
  inbound = [
    { protocol = "tcp", ports = "30000-32767", addresses = [module.vpc.ip_range] },
    { protocol = "icmp", addresses = [module.vpc.ip_range] },
  ]
}

# The provider makes buckets with a Spaces key, the one of the state.
module "backups" {
  source = "../../modules/spaces"

  name    = local.name
  region  = local.region
  keep    = var.keep_data
  buckets = { backups = {} }
}

module "project" {
  source = "../../modules/project"

  name        = local.name
  description = "The environment dev of dogitops"
  environment = "development"
  resources   = concat([module.kubernetes.urn], module.storage.urns, module.backups.urns)
}
