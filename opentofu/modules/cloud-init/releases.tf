# What is downloaded from where, as releases.yaml says.
locals {
  releases   = yamldecode(file("${path.module}/releases.yaml"))
  kubernetes = local.releases.kubernetes
  beside     = [for it in local.releases.beside : { url = it.url, sha256 = it.sha256, path = it.path, options = it.options }]
  networks   = local.releases.networks
}
