mock_provider "digitalocean" {
  mock_resource "digitalocean_volume" {
    defaults = {
      urn = "do:volume:11111111-2222-3333-4444-555555555555"
    }
  }
}

variables {
  name        = "dogitops-test"
  environment = "staging"
  resources   = ["do:volume:11111111-2222-3333-4444-555555555555"]
}

run "holds_what_it_is_given" {
  command = plan

  assert {
    condition     = digitalocean_project.this.environment == "Staging" && digitalocean_project_resources.this.resources == toset(["do:volume:11111111-2222-3333-4444-555555555555"])
    error_message = "The project is of another environment, or holds something else."
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

run "refuses_a_description_without_end" {
  command = plan

  variables {
    description = join("", [for i in range(256) : "a"])
  }

  expect_failures = [var.description]
}

run "refuses_no_purpose" {
  command = plan

  variables {
    purpose = ""
  }

  expect_failures = [var.purpose]
}

run "refuses_an_environment_that_is_none" {
  command = plan

  variables {
    environment = "prod"
  }

  expect_failures = [var.environment]
}

run "refuses_a_project_of_nothing" {
  command = plan

  variables {
    resources = []
  }

  expect_failures = [var.resources]
}

run "refuses_what_is_no_urn" {
  command = plan

  variables {
    resources = ["1234"]
  }

  expect_failures = [var.resources]
}
