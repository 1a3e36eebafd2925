# What lies around droplets. A second run sets the variable, for the change.
variable "changed" {
  type    = bool
  default = false
}

resource "digitalocean_vpc" "inner" {
  name        = var.changed ? "inner-renamed" : "inner"
  region      = "fra1"
  ip_range    = "10.10.0.0/16"
  description = "between droplets"
}

resource "digitalocean_droplet" "web" {
  name     = "web"
  region   = "fra1"
  size     = "s-1vcpu-1gb"
  image    = "ubuntu-24-04-x64"
  vpc_uuid = digitalocean_vpc.inner.id
  tags     = ["web"]
}

resource "digitalocean_firewall" "web" {
  name        = "web"
  droplet_ids = [digitalocean_droplet.web.id]

  inbound_rule {
    protocol         = "tcp"
    port_range       = "22"
    source_addresses = ["192.0.2.0/24"]
  }

  dynamic "inbound_rule" {
    for_each = var.changed ? ["443"] : []
    content {
      protocol                  = "tcp"
      port_range                = inbound_rule.value
      source_load_balancer_uids = [digitalocean_loadbalancer.front.id]
    }
  }

  outbound_rule {
    protocol              = "tcp"
    port_range            = "1-65535"
    destination_addresses = ["0.0.0.0/0", "::/0"]
  }
}

resource "digitalocean_loadbalancer" "front" {
  name     = "front"
  region   = "fra1"
  vpc_uuid = digitalocean_vpc.inner.id

  forwarding_rule {
    entry_port      = var.changed ? 8080 : 80
    entry_protocol  = "http"
    target_port     = 80
    target_protocol = "http"
  }

  healthcheck {
    port     = 22
    protocol = "tcp"
  }

  droplet_ids = [digitalocean_droplet.web.id]
}

resource "digitalocean_reserved_ip" "web" {
  region     = "fra1"
  droplet_id = var.changed ? null : digitalocean_droplet.web.id
}

resource "digitalocean_reserved_ip" "spare" {
  region = "fra1"

  lifecycle {
    ignore_changes = [droplet_id] # the assignment's
  }
}

resource "digitalocean_reserved_ip_assignment" "spare" {
  ip_address = digitalocean_reserved_ip.spare.ip_address
  droplet_id = digitalocean_droplet.web.id
}

resource "digitalocean_domain" "example" {
  name = "example.com"
}

resource "digitalocean_record" "www" {
  domain = digitalocean_domain.example.id
  type   = "A"
  name   = "www"
  value  = digitalocean_loadbalancer.front.ip
  ttl    = var.changed ? 300 : 600
}

resource "digitalocean_container_registry" "images" {
  name                   = "dogitops-e2e"
  subscription_tier_slug = var.changed ? "professional" : "basic"
  region                 = "fra1"
}

resource "digitalocean_spaces_key" "backups" {
  name = var.changed ? "backups-renamed" : "backups"
  grant {
    bucket     = ""
    permission = "fullaccess"
  }
}

data "digitalocean_vpc" "inner" {
  id = digitalocean_vpc.inner.id
}
