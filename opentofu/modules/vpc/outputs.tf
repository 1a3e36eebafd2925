output "id" {
  description = "Id of the network."
  value       = digitalocean_vpc.this.id
}

output "urn" {
  description = "URN of the network. A project can't hold it: networks belong to the account."
  value       = digitalocean_vpc.this.urn
}

output "ip_range" {
  description = "Range of its addresses."
  value       = digitalocean_vpc.this.ip_range
}
