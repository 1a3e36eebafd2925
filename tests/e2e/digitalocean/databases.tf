# A database cluster, and who may reach it. A second run sets the variable, for the change.
variable "changed" {
  type    = bool
  default = false
}

resource "digitalocean_database_cluster" "main" {
  name       = "dogitops-e2e"
  engine     = "pg"
  version    = "17"
  size       = var.changed ? "db-s-2vcpu-4gb" : "db-s-1vcpu-2gb"
  region     = "fra1"
  node_count = 1
  tags       = ["dogitops:e2e"]
}

resource "digitalocean_database_firewall" "main" {
  cluster_id = digitalocean_database_cluster.main.id

  rule {
    type  = "ip_addr"
    value = var.changed ? "192.0.2.2" : "192.0.2.1"
  }

  rule {
    type  = "tag"
    value = "web"
  }
}

resource "digitalocean_database_db" "shop" {
  cluster_id = digitalocean_database_cluster.main.id
  name       = "shop"
}

resource "digitalocean_database_user" "shop" {
  cluster_id = digitalocean_database_cluster.main.id
  name       = "shop"
}
