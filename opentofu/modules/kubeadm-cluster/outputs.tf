output "endpoint" {
  description = "Private address and port of the Kubernetes API, at the load balancer."
  value       = "${digitalocean_loadbalancer.api.ip}:6443"
}

output "control_planes" {
  description = "Addresses of the control planes by their names."
  value = {
    for machine in digitalocean_droplet.control_plane : machine.name => { public = machine.ipv4_address, private = machine.ipv4_address_private }
  }
}

output "workers" {
  description = "Addresses of the workers by their names."
  value = {
    for machine in digitalocean_droplet.worker : machine.name => { public = machine.ipv4_address, private = machine.ipv4_address_private }
  }
}

output "droplets" {
  description = "By its name each machine's id, the address it is reached at from outside, and its role: `control-plane` or `worker`."
  value = merge(
    { for machine in digitalocean_droplet.control_plane : machine.name => { id = machine.id, address = machine.ipv4_address, role = "control-plane" } },
    { for machine in digitalocean_droplet.worker : machine.name => { id = machine.id, address = machine.ipv4_address, role = "worker" } },
  )
}

output "urns" {
  description = "URNs of the machines and the load balancer, for a project."
  value = concat(
    [for machine in digitalocean_droplet.control_plane : machine.urn],
    [for machine in digitalocean_droplet.worker : machine.urn],
    [digitalocean_loadbalancer.api.urn],
  )
}
