output "address" {
  description = "The reserved IP, which outlives the machine."
  value       = module.machines.address
}

output "machines" {
  description = "Public addresses of all machines by their names."
  value       = module.machines.machines
}

output "droplets" {
  description = "The machines by their names: id, public address and role."
  value       = module.machines.droplets
}

output "volume_id" {
  description = "Id of the volume."
  value       = module.machines.volume_id
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
