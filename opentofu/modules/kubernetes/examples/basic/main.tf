module "vpc" {
  source = "../../../vpc"

  name     = "dogitops-example"
  region   = "fra1"
  ip_range = "10.20.0.0/20"
}

module "kubernetes" {
  source = "../.."

  name               = "dogitops-example"
  region             = "fra1"
  kubernetes_version = "1.35"
  environment        = "development"
  ha                 = false
  vpc_id             = module.vpc.id
  vpc_ip_range       = module.vpc.ip_range
  destroy_associated = true

  default_pool = "primary"
  node_pools = {
    primary = { size = "s-2vcpu-4gb", count = 2 }
    jobs = {
      size      = "s-2vcpu-4gb"
      autoscale = { min = 1, max = 3 }
      labels    = { purpose = "jobs" }
      taints    = [{ key = "purpose", value = "jobs", effect = "NoSchedule" }]
    }
  }
}

output "endpoint" {
  description = "Address of the Kubernetes API."
  value       = module.kubernetes.endpoint
}
