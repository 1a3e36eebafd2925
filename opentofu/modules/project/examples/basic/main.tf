module "storage" {
  source = "../../../storage"

  name    = "dogitops-example"
  region  = "fra1"
  keep    = false # an example is thrown away
  volumes = { data = { size = 10 } }
}

module "project" {
  source = "../.."

  name        = "dogitops-example"
  environment = "development"
  resources   = module.storage.urns
}
