# A production cluster for one application: two nodes that stay, up to three more that come and go with the load, a
# network, and a registry for its images.

locals {
  name   = "dogitops-todo"
  region = "nyc1"
  tags   = ["dogitops:env:todo", "todo-app", "production"]
}

module "vpc" {
  source = "../../modules/vpc"

  name         = local.name
  region       = local.region
  ip_range     = "10.23.0.0/20"
  other_ranges = ["10.20.0.0/20", "10.21.0.0/20", "10.22.0.0/20", "10.24.0.0/20"] # of the other environments
  description  = "Nodes of ${local.name}"
}

module "registry" {
  source = "../../modules/registry"

  name         = "${local.name}-registry"
  region       = "nyc3" # nyc1 has none
  tier         = "basic"
  repositories = 3 # backend, frontend, event service: the free tier has room for one
}

module "kubernetes" {
  source = "../../modules/kubernetes"

  name                  = local.name
  region                = local.region
  kubernetes_version    = "1.35"
  environment           = "production"
  ha                    = true
  vpc_id                = module.vpc.id
  vpc_ip_range          = module.vpc.ip_range
  cluster_subnet        = "10.102.0.0/16"
  service_subnet        = "10.103.0.0/20"
  maintenance           = { day = "saturday", start_time = "02:00" }
  registry_integration  = module.registry.name != "" # true, and the registry is there first
  api_allowed_addresses = var.api_allowed_addresses
  tags                  = local.tags

  # Three nodes to start with, never fewer than two, never more than five. Two pools, because a pool that scales by
  # itself and is a part of the cluster can't start above its min.
  default_pool = "worker-pool"
  node_pools = {
    worker-pool = { size = "s-2vcpu-4gb", count = 2 }
    worker-more = { size = "s-2vcpu-4gb", count = 1, autoscale = { min = 0, max = 3 } }
  }
}

# The provider makes buckets with a Spaces key, the one of the state.
module "backups" {
  source = "../../modules/spaces"

  name    = local.name
  region  = "nyc3" # nyc1 has none
  keep    = var.keep_data
  buckets = { backups = {} }
}

module "project" {
  source = "../../modules/project"

  name        = local.name
  description = "The todo application"
  environment = "production"
  resources   = concat([module.kubernetes.urn], module.backups.urns)
}
