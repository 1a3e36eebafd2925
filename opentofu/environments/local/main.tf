# The local environment: a cluster and the bucket for its backups, made by dogitops itself.
# Only the built-in provider is used, so that `tofu init` downloads nothing.

locals {
  environment = yamldecode(file("${path.module}/environment.yaml"))
}

# dogitops:allow runs_programs no provider makes a bucket on this machine, so our own command does
resource "terraform_data" "bucket" {
  input = local.environment.backup.bucket

  provisioner "local-exec" {
    command = "dogitops objectstore create \"$ENVIRONMENT\" \"$BUCKET\""
    environment = {
      ENVIRONMENT = basename(abspath(path.module))
      BUCKET      = self.input
    }
  }

  provisioner "local-exec" {
    when    = destroy
    command = "dogitops objectstore delete \"$ENVIRONMENT\" \"$BUCKET\""
    environment = {
      ENVIRONMENT = basename(abspath(path.module))
      BUCKET      = self.input
    }
  }
}

# dogitops:allow runs_programs no provider makes a cluster on this machine, so our own command does
resource "terraform_data" "cluster" {
  input            = local.environment.cluster
  triggers_replace = [local.environment.cluster]

  provisioner "local-exec" {
    command = "dogitops cluster create \"$ENVIRONMENT\""
    environment = {
      ENVIRONMENT = basename(abspath(path.module))
    }
  }

  provisioner "local-exec" {
    when    = destroy
    command = "dogitops cluster delete \"$ENVIRONMENT\" --yes --keep-foreign"
    environment = {
      ENVIRONMENT = basename(abspath(path.module))
    }
  }
}
