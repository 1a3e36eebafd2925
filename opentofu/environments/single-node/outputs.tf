output "address" {
  description = "The reserved IP, which outlives the machine."
  value       = module.machines.address
}

output "machines" {
  description = "Public addresses of all machines by their names."
  value       = module.machines.machines
}

output "volume_id" {
  description = "Id of the volume."
  value       = module.machines.volume_id
}
