mock_provider "digitalocean" {}

variables {
  name    = "dogitops-test"
  region  = "fra1"
  buckets = { backups = {} }
}

run "keeps_earlier_versions_and_opens_nothing_else" {
  command = plan

  assert {
    condition     = digitalocean_spaces_bucket.this["backups"].acl == "private" && digitalocean_spaces_bucket.this["backups"].versioning[0].enabled
    error_message = "The bucket is public, or keeps no versions."
  }

  assert {
    condition     = !digitalocean_spaces_bucket.this["backups"].force_destroy
    error_message = "The bucket could be destroyed with what is in it."
  }

  assert {
    condition     = digitalocean_spaces_key.this["backups"].grant[0].bucket == "dogitops-test-backups" && digitalocean_spaces_key.this["backups"].grant[0].permission == "readwrite"
    error_message = "The key opens more than its bucket."
  }
}

run "example" {
  command = plan

  module {
    source = "./examples/basic"
  }
}

run "refuses_a_name_without_our_mark" {
  command = plan

  variables {
    name = "main"
  }

  expect_failures = [var.name]
}

run "refuses_a_region_without_spaces" {
  command = plan

  variables {
    region = "nyc1"
  }

  expect_failures = [var.region]
}

run "refuses_a_bucket_s_name_that_is_none" {
  command = plan

  variables {
    buckets = { "My Bucket" = {} }
  }

  expect_failures = [var.buckets]
}

run "refuses_a_bucket_s_name_without_end" {
  command = plan

  variables {
    buckets = { (join("", [for i in range(60) : "a"])) = {} }
  }

  expect_failures = [var.buckets]
}

run "refuses_backups_without_earlier_versions" {
  command = plan

  variables {
    buckets = { backups = { versioning = false } }
  }

  expect_failures = [var.buckets]
}

run "refuses_versions_of_no_days" {
  command = plan

  variables {
    buckets = { backups = { old_versions_days = 0 } }
  }

  expect_failures = [var.buckets]
}

run "refuses_a_key_to_everything" {
  command = plan

  variables {
    buckets = { backups = { permission = "fullaccess" } }
  }

  expect_failures = [var.buckets]
}
