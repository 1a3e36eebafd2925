# Droplets and what they stand on. A second run sets the variable, for the change.
variable "changed" {
  type    = bool
  default = false
}

resource "digitalocean_tag" "owner" {
  name = "dogitops:e2e"
}

resource "digitalocean_ssh_key" "admin" {
  name       = var.changed ? "admin-renamed" : "admin"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl admin"
}

resource "digitalocean_droplet" "web" {
  name              = var.changed ? "web-renamed" : "web"
  region            = "fra1"
  size              = var.changed ? "s-2vcpu-4gb" : "s-1vcpu-1gb"
  image             = "ubuntu-24-04-x64"
  ssh_keys          = [digitalocean_ssh_key.admin.id]
  tags              = var.changed ? [digitalocean_tag.owner.id, "changed"] : [digitalocean_tag.owner.id]
  monitoring        = true
  ipv6              = true
  user_data         = "#cloud-config\n"
  graceful_shutdown = false
}

resource "digitalocean_droplet" "batch" {
  count  = var.changed ? 3 : 2
  name   = "batch-${count.index}"
  region = "fra1"
  size   = "s-1vcpu-1gb"
  image  = "debian-13-x64"
  tags   = [digitalocean_tag.owner.id]
  # Not where the size changes, too: the provider loses the change of one while it makes the other.
  backups = var.changed
}

resource "digitalocean_volume" "data" {
  name                    = "data"
  region                  = "fra1"
  size                    = var.changed ? 20 : 10
  description             = "what must be kept"
  initial_filesystem_type = "ext4"
  tags                    = [digitalocean_tag.owner.id]

  lifecycle {
    ignore_changes = [initial_filesystem_type] # an import doesn't learn it
  }
}

resource "digitalocean_volume_attachment" "data" {
  droplet_id = digitalocean_droplet.web.id
  volume_id  = digitalocean_volume.data.id
}

resource "digitalocean_volume_snapshot" "data" {
  name      = "data-1"
  volume_id = digitalocean_volume.data.id
  tags      = [digitalocean_tag.owner.id]
}

resource "digitalocean_droplet_snapshot" "web" {
  name       = "web-1"
  droplet_id = digitalocean_droplet.batch[0].id
}

resource "digitalocean_project" "e2e" {
  name        = "e2e"
  description = var.changed ? "changed" : "as it was made"
  purpose     = "Tests of everything"
  environment = "Staging"
  resources   = [digitalocean_droplet.web.urn, digitalocean_volume.data.urn]
}

data "digitalocean_account" "ours" {}
data "digitalocean_regions" "open" {
  filter {
    key    = "available"
    values = ["true"]
  }
}
data "digitalocean_sizes" "small" {
  filter {
    key    = "vcpus"
    values = [1]
  }
}
data "digitalocean_image" "ubuntu" {
  slug = "ubuntu-24-04-x64"
}
data "digitalocean_droplets" "ours" {
  filter {
    key    = "tags"
    values = [digitalocean_tag.owner.id]
  }
  depends_on = [digitalocean_droplet.batch, digitalocean_droplet.web]
}

output "droplets" {
  value = length(data.digitalocean_droplets.ours.droplets)
}
