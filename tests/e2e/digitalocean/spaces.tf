# A key and a bucket. A second run sets the variable, for the change.
variable "changed" {
  type    = bool
  default = false
}

resource "digitalocean_spaces_key" "app" {
  name = var.changed ? "app-renamed" : "app"

  grant {
    bucket     = digitalocean_spaces_bucket.data.name
    permission = "readwrite"
  }
}

resource "digitalocean_spaces_bucket" "data" {
  name          = "dogitops-e2e-data"
  region        = "fra1"
  force_destroy = true

  versioning {
    enabled = true
  }

  dynamic "lifecycle_rule" {
    for_each = var.changed ? ["old"] : []
    content {
      id      = lifecycle_rule.value
      enabled = true
      expiration {
        days = 30
      }
    }
  }

  lifecycle {
    ignore_changes = [force_destroy, acl] # an import doesn't learn them
  }
}

resource "digitalocean_spaces_bucket_object" "hello" {
  bucket  = digitalocean_spaces_bucket.data.name
  region  = "fra1"
  key     = "hello.txt"
  content = var.changed ? "hello again" : "hello"
}
