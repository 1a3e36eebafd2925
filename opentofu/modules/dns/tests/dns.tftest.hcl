mock_provider "digitalocean" {}

variables {
  domain = "dogitops-test.com"
}

run "makes_the_domain" {
  command = plan

  assert {
    condition     = digitalocean_domain.this[0].name == "dogitops-test.com"
    error_message = "There is no domain."
  }
}

run "leaves_a_domain_that_is_there_alone" {
  command = plan

  variables {
    create_domain = false
    records       = { www = { type = "A", name = "dogitops-www", value = "203.0.113.7" } }
  }

  assert {
    condition     = length(digitalocean_domain.this) == 0 && digitalocean_record.this["www"].domain == "dogitops-test.com"
    error_message = "The domain is made, or the record lies in another."
  }
}

run "example" {
  command = plan

  module {
    source = "./examples/basic"
  }
}

run "refuses_a_domain_that_is_none" {
  command = plan

  variables {
    domain = "Example.com."
  }

  expect_failures = [var.domain]
}

run "refuses_a_type_that_is_none" {
  command = plan

  variables {
    records = { it = { type = "SRVX", name = "a", value = "b" } }
  }

  expect_failures = [var.records]
}

run "refuses_a_record_s_name_that_is_none" {
  command = plan

  variables {
    records = { it = { type = "TXT", name = "My Name", value = "b" } }
  }

  expect_failures = [var.records]
}

run "refuses_a_ttl_of_nothing" {
  command = plan

  variables {
    records = { it = { type = "TXT", name = "a", value = "b", ttl = 0 } }
  }

  expect_failures = [var.records]
}

run "refuses_an_a_record_without_address" {
  command = plan

  variables {
    records = { it = { type = "A", name = "a", value = "example.com" } }
  }

  expect_failures = [var.records]
}

run "refuses_a_cname_without_dot" {
  command = plan

  variables {
    records = { it = { type = "CNAME", name = "a", value = "example.com" } }
  }

  expect_failures = [var.records]
}

run "refuses_mail_without_priority" {
  command = plan

  variables {
    records = { it = { type = "MX", name = "@", value = "example.com." } }
  }

  expect_failures = [var.records]
}

run "refuses_a_caa_record_without_tag" {
  command = plan

  variables {
    records = { it = { type = "CAA", name = "@", value = "letsencrypt.org." } }
  }

  expect_failures = [var.records]
}
