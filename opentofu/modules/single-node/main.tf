/**
 * # single-node
 *
 * One machine for K3s with its data on a volume, a reserved IP and a firewall; and, when it gets too small, more of them.
 *
 * **What the machines do** is not decided here: nothing in this module installs K3s. `user_data` is a template that they get
 * at their first boot, and this module fills in what it knows (see the variable). The module `cloud-init` writes one.
 *
 * - **Scale up** by another `size`: the machine is switched off for the resize, and its disk stays as large as it was,
 *   so that the way back is open, unless `grow_disk` says otherwise. The volume grows by `volume_gib`.
 * - **Scale out** by `agents`, and to three `servers` with `datastore = "etcd"`: a server alone may keep its data in
 *   SQLite, several can't.
 * - The volume outlives the machine: a machine that is replaced finds its data again. `restore_from_snapshot` makes a
 *   new volume from a snapshot.
 * - The reserved IP outlives the machine, too.
 *
 * `user_data` and `ssh_keys` count at the first boot only: a change of either would replace the machine, so it is left
 * alone. Replace it on purpose, with `-replace`.
 */
locals {
  tags = setunion(["dogitops", digitalocean_tag.machines.name], var.tags)

  # Read by the templates; the volume's device exists on the first server only.
  facts = {
    name        = var.name
    k3s_version = var.k3s_version
    datastore   = var.datastore
    volume      = "/dev/disk/by-id/scsi-0DO_Volume_${digitalocean_volume.data.name}"
    restore     = var.restore
  }

  sizes           = toset(var.agents > 0 ? [var.size, coalesce(var.agent_size, var.size)] : [var.size])
  regions_by_size = { for size in data.digitalocean_sizes.all.sizes : size.slug => size.regions }
}

data "digitalocean_sizes" "all" {}

# The firewall chooses machines by it, and takes only a tag that is there.
resource "digitalocean_tag" "machines" {
  name = "dogitops:machines:${trimprefix(var.name, "dogitops-")}"
}

resource "digitalocean_ssh_key" "this" {
  for_each = var.ssh_keys

  name       = "${var.name}-${each.key}"
  public_key = each.value
}

resource "digitalocean_volume" "data" {
  name                    = "${var.name}-data"
  region                  = var.region
  size                    = var.volume_gib
  description             = "Data of K3s on ${var.name}"
  snapshot_id             = var.restore_from_snapshot
  initial_filesystem_type = var.restore_from_snapshot == null ? "ext4" : null
  tags                    = local.tags

  lifecycle {
    prevent_destroy = var.keep
    # The snapshot counts where the volume is made: to forget it later must not replace the volume.
    ignore_changes = [snapshot_id, initial_filesystem_type]
  }
}

resource "digitalocean_droplet" "first" {
  name        = var.name
  region      = var.region
  size        = var.size
  image       = var.image
  vpc_uuid    = var.vpc_id
  monitoring  = true
  resize_disk = var.grow_disk
  ssh_keys    = [for key in digitalocean_ssh_key.this : key.id]
  tags        = local.tags
  user_data   = templatestring(var.user_data, merge(local.facts, { role = "first", first_server = "" }))

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

resource "digitalocean_volume_attachment" "data" {
  droplet_id = digitalocean_droplet.first.id
  volume_id  = digitalocean_volume.data.id
}

resource "digitalocean_droplet" "server" {
  for_each = toset([for number in range(2, var.servers + 1) : tostring(number)])

  name        = "${var.name}-server-${each.key}"
  region      = var.region
  size        = var.size
  image       = var.image
  vpc_uuid    = var.vpc_id
  monitoring  = true
  resize_disk = var.grow_disk
  ssh_keys    = [for key in digitalocean_ssh_key.this : key.id]
  tags        = local.tags
  user_data = templatestring(
    var.user_data, merge(local.facts, { role = "server", first_server = digitalocean_droplet.first.ipv4_address_private })
  )

  lifecycle {
    ignore_changes = [user_data, ssh_keys]
  }
}

resource "digitalocean_droplet" "agent" {
  for_each = toset([for number in range(1, var.agents + 1) : tostring(number)])

  name        = "${var.name}-agent-${each.key}"
  region      = var.region
  size        = coalesce(var.agent_size, var.size)
  image       = var.image
  vpc_uuid    = var.vpc_id
  monitoring  = true
  resize_disk = var.grow_disk
  ssh_keys    = [for key in digitalocean_ssh_key.this : key.id]
  tags        = local.tags
  user_data = templatestring(
    var.user_data, merge(local.facts, { role = "agent", first_server = digitalocean_droplet.first.ipv4_address_private })
  )

  lifecycle {
    ignore_changes = [user_data, ssh_keys]
  }
}

resource "digitalocean_reserved_ip" "this" {
  region     = var.region
  droplet_id = digitalocean_droplet.first.id
}

module "firewall" {
  source = "../firewall"

  name = var.name
  tags = [digitalocean_tag.machines.name]
  inbound = concat(
    [
      { protocol = "tcp", ports = "22", addresses = var.ssh_allowed_addresses },
      { protocol = "tcp", ports = "80", addresses = ["0.0.0.0/0", "::/0"] },
      { protocol = "tcp", ports = "443", addresses = ["0.0.0.0/0", "::/0"] },
      { protocol = "icmp", addresses = [var.vpc_ip_range] },
      # Among the machines: the API, etcd, flannel's VXLAN and the kubelet.
      { protocol = "tcp", ports = "6443", tags = [digitalocean_tag.machines.name] },
      { protocol = "tcp", ports = "2379-2380", tags = [digitalocean_tag.machines.name] },
      { protocol = "udp", ports = "8472", tags = [digitalocean_tag.machines.name] },
      { protocol = "tcp", ports = "10250", tags = [digitalocean_tag.machines.name] },
    ],
    length(var.api_allowed_addresses) > 0 ? [{ protocol = "tcp", ports = "6443", addresses = var.api_allowed_addresses }] : [],
  )
}
