output "buckets" {
  description = "Full names of the buckets by their short ones."
  value       = { for name, bucket in digitalocean_spaces_bucket.this : name => bucket.name }
}

output "endpoint" {
  description = "Address of the region's object storage."
  value       = "https://${var.region}.digitaloceanspaces.com"
}

output "urns" {
  description = "URNs of the buckets, for a project."
  value       = [for bucket in digitalocean_spaces_bucket.this : bucket.urn]
}

output "keys" {
  description = "The key of each bucket."
  value = {
    for name, key in digitalocean_spaces_key.this : name => { access_key = key.access_key, secret_key = key.secret_key }
  }
  sensitive = true
}
