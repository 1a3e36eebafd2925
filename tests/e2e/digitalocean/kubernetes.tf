# A cluster with a second pool. A second run sets the variable, for the change.
variable "changed" {
  type    = bool
  default = false
}

data "digitalocean_kubernetes_versions" "ours" {}

resource "digitalocean_kubernetes_cluster" "main" {
  name                             = var.changed ? "main-renamed" : "main"
  region                           = "fra1"
  version                          = data.digitalocean_kubernetes_versions.ours.latest_version
  ha                               = false
  auto_upgrade                     = var.changed
  destroy_all_associated_resources = true
  tags                             = ["dogitops:e2e"]

  node_pool {
    name       = "default"
    size       = "s-2vcpu-4gb"
    node_count = var.changed ? 2 : 1
  }

  lifecycle {
    ignore_changes = [destroy_all_associated_resources, registry_integration] # an import doesn't learn them
  }
}

resource "digitalocean_kubernetes_node_pool" "jobs" {
  cluster_id = digitalocean_kubernetes_cluster.main.id
  name       = "jobs"
  size       = "s-2vcpu-4gb"
  node_count = var.changed ? 2 : 1
  labels     = { purpose = "jobs" }

  taint {
    key    = "jobs"
    value  = "only"
    effect = "NoSchedule"
  }
}

data "digitalocean_kubernetes_cluster" "main" {
  name       = digitalocean_kubernetes_cluster.main.name
  depends_on = [digitalocean_kubernetes_node_pool.jobs]
}

output "endpoint" {
  value = digitalocean_kubernetes_cluster.main.endpoint
}
