mock_provider "digitalocean" {
  mock_resource "digitalocean_kubernetes_cluster" {
    defaults = {
      urn = "do:kubernetes:1"
    }
  }

  mock_resource "digitalocean_volume" {
    defaults = {
      urn = "do:volume:1"
    }
  }

  mock_resource "digitalocean_spaces_bucket" {
    defaults = {
      urn = "do:space:1"
    }
  }

  mock_data "digitalocean_kubernetes_versions" {
    defaults = {
      latest_version = "1.35.5-do.2"
    }
  }

  mock_data "digitalocean_sizes" {
    defaults = {
      sizes = [
        { slug = "s-4vcpu-8gb", regions = ["fra1"], available = true, memory = 8192, vcpus = 4, disk = 160, transfer = 5, price_monthly = 48, price_hourly = 0.07143, gpu_info = [] },
        { slug = "c-4", regions = ["fra1"], available = true, memory = 8192, vcpus = 4, disk = 50, transfer = 5, price_monthly = 84, price_hourly = 0.125, gpu_info = [] },
      ]
    }
  }
}

variables {
  name        = "dogitops-test"
  environment = "development"
  ip_range    = "10.20.0.0/20"
  keep_data   = false
}

run "is_as_large_as_the_design_says" {
  command = plan

  assert {
    condition     = output.pools == { primary = { size = "s-4vcpu-8gb", count = 3 }, monitoring = { size = "c-4", count = 2 } }
    error_message = "The pools are not three nodes of s-4vcpu-8gb and two of c-4."
  }

  assert {
    condition     = output.backup_bucket == "dogitops-test-backups"
    error_message = "The bucket of the backups has another name."
  }
}

run "example" {
  command = plan

  module {
    source = "./examples/basic"
  }
}

run "refuses_a_name_that_is_not_ours" {
  command = plan

  variables {
    name = "dev"
  }

  expect_failures = [var.name]
}

run "refuses_production" {
  command = plan

  variables {
    environment = "production"
  }

  expect_failures = [var.environment]
}

run "refuses_a_region_by_its_city" {
  command = plan

  variables {
    region = "Frankfurt"
  }

  expect_failures = [var.region]
}

run "refuses_a_patch_version" {
  command = plan

  variables {
    kubernetes_version = "1.35.5-do.2"
  }

  expect_failures = [var.kubernetes_version]
}

run "refuses_a_range_that_is_none" {
  command = plan

  variables {
    ip_range = "10.20.0.0"
  }

  expect_failures = [var.ip_range]
}

run "refuses_another_range_that_is_none" {
  command = plan

  variables {
    other_ranges = ["everything"]
  }

  expect_failures = [var.other_ranges]
}

run "refuses_an_address_without_a_prefix" {
  command = plan

  variables {
    api_allowed_addresses = ["203.0.113.7"]
  }

  expect_failures = [var.api_allowed_addresses]
}
