resource "digitalocean_tag" "web" {
  name = "dogitops:example-web"
}

module "firewall" {
  source = "../.."

  name = "dogitops-example-web"
  tags = [digitalocean_tag.web.name]
  inbound = [
    { protocol = "tcp", ports = "443", addresses = ["0.0.0.0/0", "::/0"] },
    { protocol = "tcp", ports = "22", addresses = ["203.0.113.0/24"] },
    { protocol = "icmp", addresses = ["10.20.0.0/20"] },
  ]
}
