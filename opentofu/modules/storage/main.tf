/**
 * # storage
 *
 * Block volumes, and snapshots of them.
 *
 * A volume grows when its `size` does, and never shrinks. With `keep` (the default) a plan that would destroy or replace
 * one fails at once; set it to false, apply, and only then take the volume away.
 *
 * A volume with `from_snapshot` starts with what the snapshot holds: that is how data comes back.
 */
resource "digitalocean_volume" "this" {
  for_each = var.volumes

  name                    = "${var.name}-${each.key}"
  region                  = var.region
  size                    = each.value.size
  description             = each.value.description
  snapshot_id             = each.value.from_snapshot
  initial_filesystem_type = each.value.from_snapshot == null ? each.value.filesystem : null
  tags                    = setunion(["dogitops"], var.tags)

  lifecycle {
    prevent_destroy = var.keep
  }
}

resource "digitalocean_volume_snapshot" "this" {
  for_each = var.snapshots

  name      = "${var.name}-${each.key}"
  volume_id = digitalocean_volume.this[each.value].id
  tags      = setunion(["dogitops"], var.tags)
}
