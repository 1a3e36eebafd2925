/**
 * # kubeadm-cluster
 *
 * Machines for a cluster that kubeadm sets up: one control plane, or three behind a load balancer, and workers, all in
 * a private network.
 *
 * **What the machines do** is not decided here: nothing in this module runs kubeadm. `user_data` is a template that they get
 * at their first boot, and this module fills in what it knows (see the variable). The module `cloud-init` writes one.
 *
 * - The load balancer has a private address only, and there is one also in front of a single control plane: so the API
 *   keeps its address when there are three. From outside the API is reached at the control planes' own addresses, by
 *   the networks of `api_allowed_addresses`.
 * - A network of DigitalOcean's has no subnets that routes could tell apart, so control planes and workers are kept
 *   apart by a firewall each: etcd, the controller manager and the scheduler are open among control planes only. The
 *   kubelets and node-exporter are open to all machines of the cluster: metrics are gathered by pods on the workers.
 * - `user_data` and `ssh_keys` count at the first boot only: a change of either would replace all machines at once, so
 *   it is left alone. Replace them one after another on purpose, with `-replace`.
 */
locals {
  control_plane_tags = setunion(["dogitops", digitalocean_tag.control_plane.name], var.tags)
  worker_tags        = setunion(["dogitops", digitalocean_tag.worker.name], var.tags)
  both               = [digitalocean_tag.control_plane.name, digitalocean_tag.worker.name]

  facts = {
    name               = var.name
    kubernetes_version = var.kubernetes_version
    control_planes     = var.control_planes
    endpoint           = "${digitalocean_loadbalancer.api.ip}:6443"
    pod_subnet         = var.pod_subnet
    service_subnet     = var.service_subnet
  }

  sizes           = toset([var.control_plane_size, var.worker_size])
  regions_by_size = { for size in data.digitalocean_sizes.all.sizes : size.slug => size.regions }
}

data "digitalocean_sizes" "all" {}

# Firewalls and the load balancer choose machines by them, and take only tags that are there.
resource "digitalocean_tag" "control_plane" {
  name = "dogitops:control-plane:${trimprefix(var.name, "dogitops-")}"
}

resource "digitalocean_tag" "worker" {
  name = "dogitops:worker:${trimprefix(var.name, "dogitops-")}"
}

resource "digitalocean_ssh_key" "this" {
  for_each = var.ssh_keys

  name       = "${var.name}-${each.key}"
  public_key = each.value
}

resource "digitalocean_loadbalancer" "api" {
  name        = "${var.name}-api"
  type        = "REGIONAL"
  region      = var.region
  vpc_uuid    = var.vpc_id
  network     = "INTERNAL"
  size_unit   = var.load_balancer_nodes
  droplet_tag = digitalocean_tag.control_plane.name

  forwarding_rule {
    entry_protocol  = "tcp"
    entry_port      = 6443
    target_protocol = "tcp"
    target_port     = 6443
  }

  healthcheck {
    protocol                 = "tcp"
    port                     = 6443
    check_interval_seconds   = 5
    response_timeout_seconds = 3
    healthy_threshold        = 2
    unhealthy_threshold      = 2
  }
}

resource "digitalocean_droplet" "control_plane" {
  for_each = toset([for number in range(1, var.control_planes + 1) : tostring(number)])

  name        = "${var.name}-control-plane-${each.key}"
  region      = var.region
  size        = var.control_plane_size
  image       = var.image
  vpc_uuid    = var.vpc_id
  monitoring  = true
  resize_disk = false
  ssh_keys    = [for key in digitalocean_ssh_key.this : key.id]
  tags        = local.control_plane_tags
  user_data   = templatestring(var.user_data, merge(local.facts, { role = "control-plane", number = each.key }))

  lifecycle {
    ignore_changes = [user_data, ssh_keys]

    precondition {
      # Where the API tells no sizes, the API is left to judge.
      condition = length(local.regions_by_size) == 0 || alltrue([
        for size in local.sizes : contains(try(local.regions_by_size[size], []), var.region)
      ])
      error_message = "One of the sizes ${join(" and ", local.sizes)} is not offered in ${var.region}: choose another size or region ('doctl compute size list' shows which sizes there are, and 'doctl compute region list' where)."
    }
  }
}

resource "digitalocean_droplet" "worker" {
  for_each = toset([for number in range(1, var.workers + 1) : tostring(number)])

  name        = "${var.name}-worker-${each.key}"
  region      = var.region
  size        = var.worker_size
  image       = var.image
  vpc_uuid    = var.vpc_id
  monitoring  = true
  resize_disk = false
  ssh_keys    = [for key in digitalocean_ssh_key.this : key.id]
  tags        = local.worker_tags
  user_data   = templatestring(var.user_data, merge(local.facts, { role = "worker", number = each.key }))

  lifecycle {
    ignore_changes = [user_data, ssh_keys]
  }
}

module "control_plane_firewall" {
  source = "../firewall"

  name = "${var.name}-control-plane"
  tags = [digitalocean_tag.control_plane.name]
  inbound = concat(
    [
      { protocol = "tcp", ports = "22", addresses = var.ssh_allowed_addresses },
      { protocol = "tcp", ports = "6443", tags = local.both, load_balancers = [digitalocean_loadbalancer.api.id] },
      # etcd; the controller manager and the scheduler; the kubelet; node-exporter
      { protocol = "tcp", ports = "2379-2380", tags = [digitalocean_tag.control_plane.name] },
      { protocol = "tcp", ports = "10257-10259", tags = [digitalocean_tag.control_plane.name] },
      { protocol = "tcp", ports = "10250", tags = local.both },
      { protocol = "tcp", ports = "9100", tags = local.both },
      # the pods' network (VXLAN, and BGP for Calico)
      { protocol = "udp", ports = "4789", tags = local.both },
      { protocol = "udp", ports = "8472", tags = local.both },
      { protocol = "tcp", ports = "179", tags = local.both },
      { protocol = "icmp", addresses = [var.vpc_ip_range] },
    ],
    length(var.api_allowed_addresses) > 0 ? [{ protocol = "tcp", ports = "6443", addresses = var.api_allowed_addresses }] : [],
  )
}

module "worker_firewall" {
  source = "../firewall"

  name = "${var.name}-worker"
  tags = [digitalocean_tag.worker.name]
  inbound = [
    { protocol = "tcp", ports = "22", addresses = var.ssh_allowed_addresses },
    { protocol = "tcp", ports = "10250", tags = local.both },
    { protocol = "tcp", ports = "9100", tags = local.both },
    { protocol = "udp", ports = "4789", tags = local.both },
    { protocol = "udp", ports = "8472", tags = local.both },
    { protocol = "tcp", ports = "179", tags = local.both },
    # Services of the type NodePort, for load balancers of the same network
    { protocol = "tcp", ports = "30000-32767", addresses = [var.vpc_ip_range] },
    { protocol = "icmp", addresses = [var.vpc_ip_range] },
  ]
}
