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
