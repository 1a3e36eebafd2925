module "dns" {
  source = "../.."

  domain = "dogitops-example.com"
  records = {
    apps  = { type = "A", name = "*.apps", value = "203.0.113.7" }
    www   = { type = "CNAME", name = "www", value = "dogitops-example.com." }
    mail  = { type = "MX", name = "@", value = "mail.example.com.", priority = 10 }
    certs = { type = "CAA", name = "@", value = "letsencrypt.org.", flags = 0, tag = "issue" }
  }
}

output "names" {
  description = "Full names of the records."
  value       = module.dns.names
}
