mock_provider "digitalocean" {}

variables {
  name = "dogitops-test"
  tags = ["dogitops:env:test"]
}

run "lets_nothing_in_unless_asked" {
  command = plan

  assert {
    condition     = length(digitalocean_firewall.this.inbound_rule) == 0 && length(digitalocean_firewall.this.outbound_rule) == 3
    error_message = "The firewall lets something in, or does not let everything out."
  }
}

run "lets_in_what_is_asked_for" {
  command = plan

  variables {
    inbound = [
      { protocol = "tcp", ports = "23-6442", addresses = ["0.0.0.0/0"] },
      { protocol = "tcp", ports = "22", addresses = ["203.0.113.0/24", "198.51.100.7"] },
      { protocol = "udp", ports = "all", tags = ["dogitops:env:test"] },
      { protocol = "icmp", addresses = ["10.20.0.0/20"] },
    ]
  }

  assert {
    condition     = length(digitalocean_firewall.this.inbound_rule) == 4
    error_message = "A rule is lost."
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

run "refuses_too_many_tags" {
  command = plan

  variables {
    tags = ["a", "b", "c", "d", "e", "f"]
  }

  expect_failures = [var.tags]
}

run "refuses_to_protect_nothing" {
  command = plan

  variables {
    tags = []
  }

  expect_failures = [var.tags]
}

run "refuses_too_many_droplets" {
  command = plan

  variables {
    droplet_ids = range(11)
  }

  expect_failures = [var.droplet_ids]
}

run "refuses_an_inbound_protocol_that_is_none" {
  command = plan

  variables {
    inbound = [{ protocol = "http", ports = "80", addresses = ["10.0.0.0/8"] }]
  }

  expect_failures = [var.inbound]
}

run "refuses_tcp_without_ports" {
  command = plan

  variables {
    inbound = [{ protocol = "tcp", addresses = ["10.0.0.0/8"] }]
  }

  expect_failures = [var.inbound]
}

run "refuses_icmp_with_ports" {
  command = plan

  variables {
    inbound = [{ protocol = "icmp", ports = "80", addresses = ["10.0.0.0/8"] }]
  }

  expect_failures = [var.inbound]
}

run "refuses_a_port_that_is_none" {
  command = plan

  variables {
    inbound = [{ protocol = "tcp", ports = "70000", addresses = ["10.0.0.0/8"] }]
  }

  expect_failures = [var.inbound]
}

run "refuses_a_range_that_goes_down" {
  command = plan

  variables {
    inbound = [{ protocol = "tcp", ports = "443-80", addresses = ["10.0.0.0/8"] }]
  }

  expect_failures = [var.inbound]
}

run "refuses_a_rule_without_sources" {
  command = plan

  variables {
    inbound = [{ protocol = "tcp", ports = "80" }]
  }

  expect_failures = [var.inbound]
}

run "refuses_an_address_that_is_none" {
  command = plan

  variables {
    inbound = [{ protocol = "tcp", ports = "80", addresses = ["everywhere"] }]
  }

  expect_failures = [var.inbound]
}

run "refuses_ssh_for_the_whole_internet" {
  command = plan

  variables {
    inbound = [{ protocol = "tcp", ports = "22", addresses = ["0.0.0.0/0"] }]
  }

  expect_failures = [var.inbound]
}

run "refuses_the_api_for_the_whole_internet_in_a_range" {
  command = plan

  variables {
    inbound = [{ protocol = "tcp", ports = "6000-7000", addresses = ["::/0"] }]
  }

  expect_failures = [var.inbound]
}

run "refuses_all_ports_for_half_of_the_internet" {
  command = plan

  variables {
    inbound = [{ protocol = "tcp", ports = "all", addresses = ["128.0.0.0/1"] }]
  }

  expect_failures = [var.inbound]
}

run "refuses_an_outbound_protocol_that_is_none" {
  command = plan

  variables {
    outbound = [{ protocol = "http", ports = "80", addresses = ["10.0.0.0/8"] }]
  }

  expect_failures = [var.outbound]
}

run "refuses_outbound_ports_that_are_none" {
  command = plan

  variables {
    outbound = [{ protocol = "udp", ports = "dns", addresses = ["10.0.0.0/8"] }]
  }

  expect_failures = [var.outbound]
}

run "refuses_an_outbound_rule_without_destinations" {
  command = plan

  variables {
    outbound = [{ protocol = "udp", ports = "53", addresses = [] }]
  }

  expect_failures = [var.outbound]
}
