# Kubernetes on machines of our own: three control planes behind a load balancer, and workers, on Ubuntu 24.04 in a
# private network. The machines set themselves up by kubeadm; docs/production.md says how to bring them up.

locals {
  name               = "dogitops-production"
  region             = "fra1"
  kubernetes_version = "1.34.11"
}

module "vpc" {
  source = "../../modules/vpc"

  name         = local.name
  region       = local.region
  ip_range     = "10.24.0.0/20"
  other_ranges = ["10.20.0.0/20", "10.21.0.0/20", "10.22.0.0/20", "10.23.0.0/20"] # of the other environments
  description  = "Machines of ${local.name}"
}

# What the machines do at their first boot, and by themselves from then on.
module "cloud_init" {
  source = "../../modules/cloud-init"

  design             = "kubeadm"
  kubernetes_version = local.kubernetes_version
  network            = "calico" # enforces NetworkPolicy
  oidc               = var.oidc
  boot_host_key      = var.boot_host_key
  snapshots = {
    bucket_url = "https://${local.region}.digitaloceanspaces.com/${local.name}-backups"
    schedule   = var.snapshot_schedule
    keep       = var.snapshots_kept
  }
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
  kubernetes_version    = local.kubernetes_version
  vpc_id                = module.vpc.id
  vpc_ip_range          = module.vpc.ip_range
  ssh_keys              = merge(var.ssh_keys, var.operator_keys)
  ssh_allowed_addresses = var.ssh_allowed_addresses
  api_allowed_addresses = var.api_allowed_addresses
  user_data             = module.cloud_init.user_data
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
