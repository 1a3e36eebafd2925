output "cluster" {
  description = "Name of the cluster."
  value       = terraform_data.cluster.output.name
}

output "backup_bucket" {
  description = "Bucket that holds the backups."
  value       = terraform_data.bucket.output
}
