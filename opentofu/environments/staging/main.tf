# What comes before production: the same as dev, in a network of its own, and its data outlives the cluster.

module "prototype" {
  source = "../../modules/prototype"

  name                  = "dogitops-staging"
  environment           = "staging"
  ip_range              = "10.21.0.0/20"
  other_ranges          = ["10.20.0.0/20", "10.22.0.0/20", "10.23.0.0/20", "10.24.0.0/20"] # of the other environments
  api_allowed_addresses = var.api_allowed_addresses
  keep_data             = var.keep_data
  destroy_associated    = false # what applications keep on volumes outlives the cluster
}
