output "cluster" {
  description = "Name of the cluster."
  value       = module.kubernetes.name
}

output "cluster_id" {
  description = "Id of the cluster."
  value       = module.kubernetes.id
}

output "endpoint" {
  description = "Address of the Kubernetes API."
  value       = module.kubernetes.endpoint
}

output "registry_endpoint" {
  description = "What the names of the images begin with."
  value       = module.registry.endpoint
}

output "kubeconfig" {
  description = "Kubeconfig with full rights."
  value       = module.kubernetes.kubeconfig
  sensitive   = true
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
