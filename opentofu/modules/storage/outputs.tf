output "ids" {
  description = "Ids of the volumes by their names; a PersistentVolume names one as its volumeHandle."
  value       = { for name, volume in digitalocean_volume.this : name => volume.id }
}

output "names" {
  description = "Full names of the volumes: a droplet finds them as /dev/disk/by-id/scsi-0DO_Volume_<name>."
  value       = { for name, volume in digitalocean_volume.this : name => volume.name }
}

output "urns" {
  description = "URNs of the volumes, for a project."
  value       = [for volume in digitalocean_volume.this : volume.urn]
}

output "snapshot_ids" {
  description = "Ids of the snapshots by their names."
  value       = { for name, snapshot in digitalocean_volume_snapshot.this : name => snapshot.id }
}
