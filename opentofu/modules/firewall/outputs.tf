output "id" {
  description = "Id of the firewall."
  value       = digitalocean_firewall.this.id
}
