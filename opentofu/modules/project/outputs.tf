output "id" {
  description = "Id of the project."
  value       = digitalocean_project.this.id
}
