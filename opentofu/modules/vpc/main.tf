/**
 * # vpc
 *
 * A private network in one region. What lies in it talks over private addresses, and what lies outside can't.
 *
 * A network's range and region can't be changed: a change of either replaces it, with all that lies in it.
 */
resource "digitalocean_vpc" "this" {
  name        = var.name
  region      = var.region
  ip_range    = var.ip_range
  description = var.description
}
