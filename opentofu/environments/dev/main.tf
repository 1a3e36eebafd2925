# The prototype, for development: the module of that name says what it is.

module "prototype" {
  source = "../../modules/prototype"

  name                  = "dogitops-dev"
  environment           = "development"
  ip_range              = "10.20.0.0/20"
  other_ranges          = ["10.21.0.0/20", "10.22.0.0/20", "10.23.0.0/20", "10.24.0.0/20"] # of the other environments
  api_allowed_addresses = var.api_allowed_addresses
  keep_data             = var.keep_data
  destroy_associated    = true # a prototype: volumes and load balancers of the cluster go with it
}
