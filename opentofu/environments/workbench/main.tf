# A cluster and the bucket for its backups, made by dogitops itself as environment.yaml describes them.
# Only the built-in provider is used, so that `tofu init` downloads nothing. The environments local, workbench and
# ephemeral have the same main.tf and outputs.tf.

locals {
  environment = yamldecode(file("${path.module}/environment.yaml"))
}

# dogitops:allow runs_programs our own command makes the bucket, so that no provider is needed
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

# dogitops:allow runs_programs our own command makes the cluster, so that no provider is needed
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
