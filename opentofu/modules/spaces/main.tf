/**
 * # spaces
 *
 * Buckets for backups and other objects, private and with earlier versions kept, and a key for each that opens nothing
 * else.
 *
 * The provider makes buckets with a Spaces key, which it reads from the variables SPACES_ACCESS_KEY_ID and
 * SPACES_SECRET_ACCESS_KEY: a token alone can make keys, not buckets. The bucket that holds an environment's own state
 * can't be made here, for the plan that would make it needs it.
 *
 * The keys' secrets are in the state, and are shown by DigitalOcean at their creation only.
 */
resource "digitalocean_spaces_bucket" "this" {
  for_each = var.buckets

  name          = "${var.name}-${each.key}"
  region        = var.region
  acl           = "private"
  force_destroy = !var.keep

  versioning {
    enabled = each.value.versioning
  }

  dynamic "lifecycle_rule" {
    for_each = each.value.versioning ? [each.value.old_versions_days] : []

    content {
      id                                     = "old-versions"
      enabled                                = true
      abort_incomplete_multipart_upload_days = 7

      noncurrent_version_expiration {
        days = lifecycle_rule.value
      }
    }
  }

  lifecycle {
    prevent_destroy = var.keep
  }
}

resource "digitalocean_spaces_key" "this" {
  for_each = var.buckets

  name = "${var.name}-${each.key}"

  grant {
    bucket     = digitalocean_spaces_bucket.this[each.key].name
    permission = each.value.permission
  }
}
