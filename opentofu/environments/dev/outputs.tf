output "cluster" {
  description = "Name of the cluster."
  value       = module.prototype.cluster
}

output "kubernetes_version" {
  description = "Version that the cluster runs."
  value       = module.prototype.kubernetes_version
}

output "volume_ids" {
  description = "Ids of the volumes by what they are for."
  value       = module.prototype.volume_ids
}

output "kubeconfig" {
  description = "Kubeconfig with full rights."
  value       = module.prototype.kubeconfig
  sensitive   = true
}

output "backup_bucket" {
  description = "Bucket that holds the backups."
  value       = module.prototype.backup_bucket
}

output "backup_key" {
  description = "Key that opens that bucket and no other."
  value       = module.prototype.backup_key
  sensitive   = true
}
