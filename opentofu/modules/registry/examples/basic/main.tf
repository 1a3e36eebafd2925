module "registry" {
  source = "../.."

  name         = "dogitops-example"
  region       = "fra1"
  tier         = "basic"
  repositories = 3
}

output "endpoint" {
  description = "What the names of its images begin with."
  value       = module.registry.endpoint
}
