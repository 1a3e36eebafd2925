mock_provider "digitalocean" {}

variables {
  name   = "dogitops-test"
  region = "fra1"
  tier   = "basic"
}

run "makes_what_is_asked_for" {
  command = plan

  variables {
    repositories = 5
  }

  assert {
    condition     = digitalocean_container_registry.this.subscription_tier_slug == "basic"
    error_message = "The tier is another."
  }
}

run "any_number_is_professional" {
  command = plan

  variables {
    tier         = "professional"
    repositories = 100
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

run "refuses_a_region_without_registries" {
  command = plan

  variables {
    region = "nyc1"
  }

  expect_failures = [var.region]
}

run "refuses_no_repositories" {
  command = plan

  variables {
    repositories = 0
  }

  expect_failures = [var.repositories]
}

run "refuses_a_tier_that_is_none" {
  command = plan

  variables {
    tier = "free"
  }

  expect_failures = [var.tier]
}

run "refuses_three_images_in_the_free_tier" {
  command = plan

  variables {
    tier         = "starter"
    repositories = 3
  }

  expect_failures = [var.tier]
}
