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

output "urns" {
  description = "URNs of the machines and the load balancer, for a project."
  value = concat(
    [for machine in digitalocean_droplet.control_plane : machine.urn],
    [for machine in digitalocean_droplet.worker : machine.urn],
    [digitalocean_loadbalancer.api.urn],
  )
}
