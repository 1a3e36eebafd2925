module "vpc" {
  source = "../.."

  name         = "dogitops-example"
  region       = "fra1"
  ip_range     = "10.20.0.0/20"
  other_ranges = ["10.20.16.0/20"]
}

output "id" {
  description = "Id of the network."
  value       = module.vpc.id
}
