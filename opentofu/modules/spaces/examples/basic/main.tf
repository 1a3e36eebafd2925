module "spaces" {
  source = "../.."

  name   = "dogitops-example"
  region = "fra1"
  keep   = false # an example is thrown away
  buckets = {
    backups = { old_versions_days = 90 }
    images  = { versioning = false, permission = "read" }
  }
}

output "endpoint" {
  description = "Address of the region's object storage."
  value       = module.spaces.endpoint
}
