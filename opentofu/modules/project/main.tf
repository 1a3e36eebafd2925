/**
 * # project
 *
 * A project: what is shown together in the control panel, and billed apart.
 *
 * Of what a cluster makes by itself (volumes, load balancers) DigitalOcean puts nothing here; networks, firewalls and
 * registries belong to no project.
 */
resource "digitalocean_project" "this" {
  name        = var.name
  description = var.description
  purpose     = var.purpose
  environment = title(var.environment)
}

# Apart from the project, so that resources added by hand are left where they are.
resource "digitalocean_project_resources" "this" {
  project   = digitalocean_project.this.id
  resources = var.resources
}
