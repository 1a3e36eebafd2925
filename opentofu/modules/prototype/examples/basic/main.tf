module "prototype" {
  source = "../.."

  name               = "dogitops-example"
  environment        = "development"
  ip_range           = "10.20.0.0/20"
  other_ranges       = ["10.21.0.0/20"]
  destroy_associated = true
  keep_data          = false
}

output "cluster" {
  value = module.prototype.cluster
}
