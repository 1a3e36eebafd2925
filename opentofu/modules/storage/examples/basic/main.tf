module "storage" {
  source = "../.."

  name   = "dogitops-example"
  region = "fra1"
  keep   = false # an example is thrown away
  volumes = {
    loki    = { size = 20, description = "logs" }
    grafana = { size = 5, filesystem = "xfs" }
  }
  snapshots = { loki-first = "loki" }
}

output "ids" {
  description = "Ids of the volumes."
  value       = module.storage.ids
}
