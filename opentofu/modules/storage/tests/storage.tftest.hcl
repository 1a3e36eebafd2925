mock_provider "digitalocean" {}

variables {
  name    = "dogitops-test"
  region  = "fra1"
  keep    = false
  volumes = { data = { size = 10 } }
}

run "marks_and_keeps_what_holds_data" {
  command = plan

  variables {
    keep      = true
    snapshots = { first = "data" }
  }

  assert {
    condition     = digitalocean_volume.this["data"].name == "dogitops-test-data" && contains(digitalocean_volume.this["data"].tags, "dogitops")
    error_message = "The volume does not carry our mark."
  }

  assert {
    condition     = digitalocean_volume_snapshot.this["first"].name == "dogitops-test-first" && contains(digitalocean_volume_snapshot.this["first"].tags, "dogitops")
    error_message = "The snapshot does not carry our mark."
  }
}

run "starts_from_a_snapshot_without_formatting_it" {
  command = plan

  variables {
    volumes = { data = { size = 10, from_snapshot = "0a1b2c3d" } }
  }

  assert {
    condition     = digitalocean_volume.this["data"].snapshot_id == "0a1b2c3d" && digitalocean_volume.this["data"].initial_filesystem_type == null
    error_message = "The volume does not start from the snapshot as it is."
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

run "refuses_a_region_that_is_none" {
  command = plan

  variables {
    region = "Frankfurt"
  }

  expect_failures = [var.region]
}

run "refuses_a_volume_s_name_that_is_none" {
  command = plan

  variables {
    volumes = { "My Data" = { size = 10 } }
  }

  expect_failures = [var.volumes]
}

run "refuses_a_volume_of_nothing" {
  command = plan

  variables {
    volumes = { data = { size = 0 } }
  }

  expect_failures = [var.volumes]
}

run "refuses_half_a_gib" {
  command = plan

  variables {
    volumes = { data = { size = 10.5 } }
  }

  expect_failures = [var.volumes]
}

run "refuses_a_filesystem_that_is_none" {
  command = plan

  variables {
    volumes = { data = { size = 10, filesystem = "ntfs" } }
  }

  expect_failures = [var.volumes]
}

run "refuses_a_snapshot_of_nothing" {
  command = plan

  variables {
    snapshots = { first = "logs" }
  }

  expect_failures = [var.snapshots]
}

run "refuses_a_tag_that_is_none" {
  command = plan

  variables {
    tags = ["Two Words"]
  }

  expect_failures = [var.tags]
}
