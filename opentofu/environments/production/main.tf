# Kubernetes on machines of our own: three control planes behind a load balancer, and workers, on Ubuntu 24.04 in a
# private network. user-data.yaml says what it does not do yet.

locals {
  name   = "dogitops-production"
  region = "fra1"
}

module "vpc" {
  source = "../../modules/vpc"

  name         = local.name
  region       = local.region
  ip_range     = "10.24.0.0/20"
  other_ranges = ["10.20.0.0/20", "10.21.0.0/20", "10.22.0.0/20", "10.23.0.0/20"] # of the other environments
  description  = "Machines of ${local.name}"
}

module "machines" {
  source = "../../modules/kubeadm-cluster"

  name                  = local.name
  region                = local.region
  environment           = var.environment
  control_planes        = var.control_planes
  control_plane_size    = "s-2vcpu-4gb"
  workers               = var.workers
  worker_size           = "s-4vcpu-8gb"
  kubernetes_version    = "1.34.4"
  vpc_id                = module.vpc.id
  vpc_ip_range          = module.vpc.ip_range
  ssh_keys              = var.ssh_keys
  ssh_allowed_addresses = var.ssh_allowed_addresses
  api_allowed_addresses = var.api_allowed_addresses
  user_data             = file("${path.module}/user-data.yaml")
  tags                  = ["dogitops:env:production"]
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
  description = "The environment production of dogitops"
  environment = var.environment
  resources   = concat(module.machines.urns, module.backups.urns)
}
