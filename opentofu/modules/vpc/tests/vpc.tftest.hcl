mock_provider "digitalocean" {}

variables {
  name     = "dogitops-test"
  region   = "fra1"
  ip_range = "10.20.0.0/20"
}

run "makes_what_is_asked_for" {
  command = plan

  assert {
    condition     = digitalocean_vpc.this.ip_range == "10.20.0.0/20" && digitalocean_vpc.this.region == "fra1"
    error_message = "The network has another range or region."
  }
}

run "takes_neighbours" {
  command = plan

  variables {
    other_ranges = ["10.20.16.0/20", "10.19.240.0/20"]
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

run "refuses_what_is_no_range" {
  command = plan

  variables {
    ip_range = "10.20.0.0"
  }

  expect_failures = [var.ip_range]
}

run "refuses_bits_beyond_the_prefix" {
  command = plan

  variables {
    ip_range = "10.20.0.5/20"
  }

  expect_failures = [var.ip_range]
}

run "refuses_a_range_that_is_too_large" {
  command = plan

  variables {
    ip_range = "10.0.0.0/8"
  }

  expect_failures = [var.ip_range]
}

run "refuses_a_public_range" {
  command = plan

  variables {
    ip_range = "203.0.112.0/20"
  }

  expect_failures = [var.ip_range]
}

run "refuses_a_range_of_digitalocean_s_own" {
  command = plan

  variables {
    ip_range = "10.244.16.0/20"
  }

  expect_failures = [var.ip_range]
}

run "refuses_another_range_that_is_none" {
  command = plan

  variables {
    other_ranges = ["everywhere"]
  }

  expect_failures = [var.other_ranges]
}

run "refuses_an_overlap" {
  command = plan

  variables {
    other_ranges = ["10.20.0.0/16"]
  }

  expect_failures = [var.other_ranges]
}

run "refuses_a_description_without_end" {
  command = plan

  variables {
    description = join("", [for i in range(256) : "a"])
  }

  expect_failures = [var.description]
}
