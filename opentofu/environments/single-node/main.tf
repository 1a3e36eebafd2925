# The smallest whole system: K3s on one machine with a volume. 'dogitops bootstrap single-node' makes it and waits for it.

locals {
  name   = "dogitops-single-node"
  region = "fra1"
}

module "vpc" {
  source = "../../modules/vpc"

  name         = local.name
  region       = local.region
  ip_range     = "10.22.0.0/20"
  other_ranges = ["10.20.0.0/20", "10.21.0.0/20", "10.23.0.0/20", "10.24.0.0/20"] # of the other environments
  description  = "Machines of ${local.name}"
}

# What the machines do at their first boot.
module "cloud_init" {
  source = "../../modules/cloud-init"

  design        = "k3s"
  k3s           = var.k3s
  boot_host_key = var.boot_host_key
}

module "machines" {
  source = "../../modules/single-node"

  name                  = local.name
  region                = local.region
  size                  = var.size
  grow_disk             = var.grow_disk
  vpc_id                = module.vpc.id
  vpc_ip_range          = module.vpc.ip_range
  ssh_keys              = merge(var.ssh_keys, var.operator_keys)
  ssh_allowed_addresses = var.ssh_allowed_addresses
  api_allowed_addresses = var.api_allowed_addresses
  volume_gib            = var.volume_gib
  keep                  = var.keep_data
  k3s_version           = var.k3s.version
  datastore             = var.datastore
  servers               = var.servers
  agents                = var.agents
  restore               = var.restore
  restore_from_snapshot = var.restore_from_snapshot
  user_data             = module.cloud_init.user_data
  tags                  = ["dogitops:env:single-node"]
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
  description = "The environment single-node of dogitops"
  environment = "production"
  resources   = concat(module.machines.urns, module.backups.urns)
}
