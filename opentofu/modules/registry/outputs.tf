output "name" {
  description = "Name of the registry."
  value       = digitalocean_container_registry.this.name
}

output "endpoint" {
  description = "What the names of its images begin with: registry.digitalocean.com/<name>."
  value       = digitalocean_container_registry.this.endpoint
}
