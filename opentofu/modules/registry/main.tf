/**
 * # registry
 *
 * The account's container registry. An account has one by default, so its name is the account's choice, too.
 *
 * Docker logs in to it with a DigitalOcean token (`doctl registry login`); a cluster pulls from it where the module
 * kubernetes has `registry_integration`. No credentials for Docker are made here: the provider's resource for them
 * calls a fixed public address when it is deleted, and what it makes would lie in the state.
 */
resource "digitalocean_container_registry" "this" {
  name                   = var.name
  region                 = var.region
  subscription_tier_slug = var.tier
}
