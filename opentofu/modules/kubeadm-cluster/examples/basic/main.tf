module "vpc" {
  source = "../../../vpc"

  name     = "dogitops-example"
  region   = "fra1"
  ip_range = "10.20.0.0/20"
}

module "cluster" {
  source = "../.."

  name                  = "dogitops-example"
  region                = "fra1"
  environment           = "development"
  control_planes        = 3
  workers               = 2
  worker_size           = "s-2vcpu-4gb"
  kubernetes_version    = "1.34.4"
  vpc_id                = module.vpc.id
  vpc_ip_range          = module.vpc.ip_range
  ssh_keys              = { admin = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl admin" }
  ssh_allowed_addresses = ["203.0.113.0/24"]
  user_data             = "#cloud-config\nhostname: $${name}-$${role}-$${number}\n"
}

output "endpoint" {
  description = "Private address and port of the Kubernetes API."
  value       = module.cluster.endpoint
}
