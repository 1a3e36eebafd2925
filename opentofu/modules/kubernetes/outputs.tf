output "id" {
  description = "Id of the cluster. Its nodes carry the tag `k8s:<id>`."
  value       = digitalocean_kubernetes_cluster.this.id
}

output "name" {
  description = "Name of the cluster."
  value       = digitalocean_kubernetes_cluster.this.name
}

output "urn" {
  description = "URN of the cluster, for a project."
  value       = digitalocean_kubernetes_cluster.this.urn
}

output "version" {
  description = "Version that it runs."
  value       = digitalocean_kubernetes_cluster.this.version
}

output "endpoint" {
  description = "Address of the Kubernetes API."
  value       = digitalocean_kubernetes_cluster.this.endpoint
}

output "node_tag" {
  description = "Tag that DigitalOcean gives to all nodes, for firewalls."
  value       = "k8s:${digitalocean_kubernetes_cluster.this.id}"
}

output "kubeconfig" {
  description = "Kubeconfig with full rights."
  value       = one(digitalocean_kubernetes_cluster.this.kube_config[*].raw_config)
  sensitive   = true
}
