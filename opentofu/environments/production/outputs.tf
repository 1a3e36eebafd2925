output "endpoint" {
  description = "Private address and port of the Kubernetes API, at the load balancer."
  value       = module.machines.endpoint
}

output "control_planes" {
  description = "Addresses of the control planes by their names."
  value       = module.machines.control_planes
}

output "workers" {
  description = "Addresses of the workers by their names."
  value       = module.machines.workers
}

output "droplets" {
  description = "What dogitops must know of each machine: its id, the address it is reached at, and its role."
  value       = module.machines.droplets
}

output "backup_bucket" {
  description = "Bucket that holds the backups."
  value       = module.backups.buckets["backups"]
}

output "backup_key" {
  description = "Key that opens that bucket and no other."
  value       = module.backups.keys["backups"]
  sensitive   = true
}
