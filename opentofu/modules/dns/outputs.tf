output "domain" {
  description = "Name of the domain."
  value       = local.domain
}

output "names" {
  description = "Full names of the records by your names for them."
  value       = { for name, record in digitalocean_record.this : name => record.fqdn }
}

output "urns" {
  description = "URNs, for a project: that of the domain where it is made here."
  value       = [for domain in digitalocean_domain.this : domain.urn]
}
