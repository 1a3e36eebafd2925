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

# What the snapshot holds, on a volume of its own.
module "restored" {
  source = "../.."

  name    = "dogitops-example-restored"
  region  = "fra1"
  keep    = false
  volumes = { loki = { size = 20, from_snapshot = module.storage.snapshot_ids["loki-first"] } }
}

output "ids" {
  description = "Ids of the volumes."
  value       = module.storage.ids
}
