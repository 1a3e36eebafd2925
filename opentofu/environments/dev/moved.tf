# Where these modules were before they became one: an environment in use goes on as it is.
moved {
  from = module.vpc
  to   = module.prototype.module.vpc
}

moved {
  from = module.kubernetes
  to   = module.prototype.module.kubernetes
}

moved {
  from = module.storage
  to   = module.prototype.module.storage
}

moved {
  from = module.firewall
  to   = module.prototype.module.firewall
}

moved {
  from = module.backups
  to   = module.prototype.module.backups
}

moved {
  from = module.project
  to   = module.prototype.module.project
}
