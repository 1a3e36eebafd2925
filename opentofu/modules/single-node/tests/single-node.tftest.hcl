mock_provider "digitalocean" {
  mock_data "digitalocean_sizes" {
    defaults = {
      sizes = [
        { slug = "s-1vcpu-2gb", regions = ["fra1"], available = true, memory = 2048, vcpus = 1, disk = 50, transfer = 2, price_monthly = 12, price_hourly = 0.01786, gpu_info = [] },
        { slug = "s-2vcpu-4gb", regions = ["fra1"], available = true, memory = 4096, vcpus = 2, disk = 80, transfer = 4, price_monthly = 24, price_hourly = 0.03571, gpu_info = [] },
      ]
    }
  }

  mock_resource "digitalocean_droplet" {
    defaults = {
      id = "1"
    }
  }
}

variables {
  name                  = "dogitops-test"
  region                = "fra1"
  vpc_id                = "11111111-2222-3333-4444-555555555555"
  vpc_ip_range          = "10.20.0.0/20"
  ssh_keys              = { admin = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl admin" }
  ssh_allowed_addresses = ["203.0.113.0/24"]
  k3s_version           = "v1.34.4+k3s1"
  keep                  = false
  user_data             = "#cloud-config\nfacts: $${role} $${k3s_version} $${datastore} $${volume} [$${first_server}] $${restore}\n"
}

run "is_one_small_machine_by_default" {
  command = plan

  assert {
    condition     = digitalocean_droplet.first.size == "s-1vcpu-2gb" && digitalocean_droplet.first.image == "ubuntu-24-04-x64" && length(digitalocean_droplet.server) + length(digitalocean_droplet.agent) == 0
    error_message = "There is more than one small machine."
  }

  assert {
    condition     = digitalocean_volume.data.size == 10 && contains(digitalocean_volume.data.tags, "dogitops") && contains(digitalocean_droplet.first.tags, "dogitops")
    error_message = "The volume is of another size, or something does not carry our mark."
  }

  assert {
    condition     = digitalocean_droplet.first.monitoring && digitalocean_droplet.first.resize_disk == false
    error_message = "The machine is not watched, or can't be made smaller again."
  }
}

run "fills_in_what_it_knows" {
  command = plan

  variables {
    restore = "nightly-20261121"
  }

  assert {
    condition     = strcontains(digitalocean_droplet.first.user_data, "facts: first v1.34.4+k3s1 sqlite /dev/disk/by-id/scsi-0DO_Volume_dogitops-test-data [] nightly-20261121")
    error_message = "The template is not filled in."
  }
}

run "scales_out_to_three_servers_and_agents" {
  command = plan

  variables {
    datastore  = "etcd"
    servers    = 3
    agents     = 2
    agent_size = "s-2vcpu-4gb"
  }

  assert {
    condition     = join(",", keys(digitalocean_droplet.server)) == "2,3" && digitalocean_droplet.agent["2"].size == "s-2vcpu-4gb"
    error_message = "There are not three servers and two agents."
  }
}

run "starts_a_volume_from_a_snapshot" {
  command = plan

  variables {
    restore_from_snapshot = "506f78a4-e098-11e5-ad9f-000f53306ae1"
  }

  assert {
    condition     = digitalocean_volume.data.snapshot_id == "506f78a4-e098-11e5-ad9f-000f53306ae1" && digitalocean_volume.data.initial_filesystem_type == null
    error_message = "The volume does not start from the snapshot as it is."
  }
}

run "example" {
  command = plan

  module {
    source = "./examples/basic"
  }
}

run "refuses_a_size_that_its_region_does_not_offer" {
  command = plan

  variables {
    region = "nyc1"
  }

  expect_failures = [digitalocean_droplet.first]
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

run "refuses_a_size_that_is_no_slug" {
  command = plan

  variables {
    size = "large"
  }

  expect_failures = [var.size]
}

run "refuses_a_size_that_is_too_small" {
  command = plan

  variables {
    size = "s-1vcpu-1gb"
  }

  expect_failures = [var.size]
}

run "refuses_an_image_that_is_not_set_up_for" {
  command = plan

  variables {
    image = "debian-13-x64"
  }

  expect_failures = [var.image]
}

run "refuses_no_network" {
  command = plan

  variables {
    vpc_id = ""
  }

  expect_failures = [var.vpc_id]
}

run "refuses_a_network_s_range_that_is_none" {
  command = plan

  variables {
    vpc_ip_range = "everything"
  }

  expect_failures = [var.vpc_ip_range]
}

run "refuses_to_log_nobody_in" {
  command = plan

  variables {
    ssh_keys = {}
  }

  expect_failures = [var.ssh_keys]
}

run "refuses_a_private_key" {
  command = plan

  variables {
    ssh_keys = { admin = "-----BEGIN OPENSSH PRIVATE KEY-----" }
  }

  expect_failures = [var.ssh_keys]
}

run "refuses_nobody_at_ssh" {
  command = plan

  variables {
    ssh_allowed_addresses = []
  }

  expect_failures = [var.ssh_allowed_addresses]
}

run "refuses_everybody_at_ssh" {
  command = plan

  variables {
    ssh_allowed_addresses = ["0.0.0.0/0"]
  }

  expect_failures = [var.ssh_allowed_addresses]
}

run "refuses_everybody_at_the_api" {
  command = plan

  variables {
    api_allowed_addresses = ["::/0"]
  }

  expect_failures = [var.api_allowed_addresses]
}

run "refuses_a_volume_that_is_too_small" {
  command = plan

  variables {
    volume_gib = 5
  }

  expect_failures = [var.volume_gib]
}

run "refuses_a_version_of_kubernetes_for_one_of_k3s" {
  command = plan

  variables {
    k3s_version = "1.34.4"
  }

  expect_failures = [var.k3s_version]
}

run "refuses_latest_for_a_version" {
  command = plan

  variables {
    k3s_version = "latest"
  }

  expect_failures = [var.k3s_version]
}

run "refuses_a_datastore_that_is_none" {
  command = plan

  variables {
    datastore = "mysql"
  }

  expect_failures = [var.datastore]
}

run "refuses_two_servers" {
  command = plan

  variables {
    servers   = 2
    datastore = "etcd"
  }

  expect_failures = [var.servers]
}

run "refuses_three_servers_on_sqlite" {
  command = plan

  variables {
    servers = 3
  }

  expect_failures = [var.servers]
}

run "refuses_fewer_agents_than_none" {
  command = plan

  variables {
    agents = -1
  }

  expect_failures = [var.agents]
}

run "refuses_an_agent_size_that_is_no_slug" {
  command = plan

  variables {
    agent_size = "large"
  }

  expect_failures = [var.agent_size]
}

run "refuses_a_backup_s_name_that_is_none" {
  command = plan

  variables {
    restore = "Last Night!"
  }

  expect_failures = [var.restore]
}

run "refuses_a_snapshot_by_its_name" {
  command = plan

  variables {
    restore_from_snapshot = "last night"
  }

  expect_failures = [var.restore_from_snapshot]
}

run "refuses_user_data_that_nobody_would_read" {
  command = plan

  variables {
    user_data = "hostname: a"
  }

  expect_failures = [var.user_data]
}

run "refuses_user_data_without_end" {
  command = plan

  variables {
    user_data = "#!/bin/sh\n${join("", [for i in range(1000) : join("", [for j in range(64) : "a"])])}"
  }

  expect_failures = [var.user_data]
}

run "refuses_a_tag_that_is_none" {
  command = plan

  variables {
    tags = ["Two Words"]
  }

  expect_failures = [var.tags]
}
