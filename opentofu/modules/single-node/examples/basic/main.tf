module "vpc" {
  source = "../../../vpc"

  name     = "dogitops-example"
  region   = "fra1"
  ip_range = "10.20.0.0/20"
}

module "single_node" {
  source = "../.."

  name                  = "dogitops-example"
  region                = "fra1"
  vpc_id                = module.vpc.id
  vpc_ip_range          = module.vpc.ip_range
  ssh_keys              = { admin = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl admin" }
  ssh_allowed_addresses = ["203.0.113.0/24"]
  k3s_version           = "v1.34.4+k3s1"
  datastore             = "etcd"
  servers               = 3
  agents                = 1
  keep                  = false # an example is thrown away
  user_data             = "#cloud-config\nhostname: $${name}-$${role}\n"
}

output "address" {
  description = "The reserved IP."
  value       = module.single_node.address
}
