output "cluster" {
  description = "Name of the cluster."
  value       = module.kubernetes.name
}

output "kubernetes_version" {
  description = "Version that the cluster runs."
  value       = module.kubernetes.version
}

output "volume_ids" {
  description = "Ids of the volumes by what they are for."
  value       = module.storage.ids
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

output "pools" {
  description = "Size and number of the nodes of each pool."
  value       = local.pools
}
