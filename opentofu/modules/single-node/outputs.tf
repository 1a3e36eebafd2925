output "address" {
  description = "The reserved IP, which outlives the machine."
  value       = digitalocean_reserved_ip.this.ip_address
}

output "first_server" {
  description = "Private address of the first server, which the others join."
  value       = digitalocean_droplet.first.ipv4_address_private
}

output "machines" {
  description = "Public addresses of all machines by their names."
  value = merge(
    { (digitalocean_droplet.first.name) = digitalocean_droplet.first.ipv4_address },
    { for machine in digitalocean_droplet.server : machine.name => machine.ipv4_address },
    { for machine in digitalocean_droplet.agent : machine.name => machine.ipv4_address },
  )
}

output "droplets" {
  description = "The machines by their names: id, public address and role (`first`, `server` or `agent`)."
  value = merge(
    { (digitalocean_droplet.first.name) = { id = digitalocean_droplet.first.id, address = digitalocean_droplet.first.ipv4_address, role = "first" } },
    { for machine in digitalocean_droplet.server : machine.name => { id = machine.id, address = machine.ipv4_address, role = "server" } },
    { for machine in digitalocean_droplet.agent : machine.name => { id = machine.id, address = machine.ipv4_address, role = "agent" } },
  )
}

output "volume_id" {
  description = "Id of the volume, to take snapshots of."
  value       = digitalocean_volume.data.id
}

output "urns" {
  description = "URNs of the machines and the volume, for a project."
  value = concat(
    [digitalocean_droplet.first.urn, digitalocean_volume.data.urn],
    [for machine in digitalocean_droplet.server : machine.urn],
    [for machine in digitalocean_droplet.agent : machine.urn],
  )
}
