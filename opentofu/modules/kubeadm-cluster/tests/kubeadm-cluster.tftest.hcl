mock_provider "digitalocean" {
  mock_data "digitalocean_sizes" {
    defaults = {
      sizes = [
        { slug = "s-1vcpu-2gb", regions = ["fra1"], available = true, memory = 2048, vcpus = 1, disk = 50, transfer = 2, price_monthly = 12, price_hourly = 0.01786, gpu_info = [] },
        { slug = "s-2vcpu-4gb", regions = ["fra1"], available = true, memory = 4096, vcpus = 2, disk = 80, transfer = 4, price_monthly = 24, price_hourly = 0.03571, gpu_info = [] },
      ]
    }
  }
}

variables {
  name                  = "dogitops-test"
  region                = "fra1"
  environment           = "development"
  control_planes        = 1
  workers               = 2
  worker_size           = "s-2vcpu-4gb"
  kubernetes_version    = "1.34.4"
  vpc_id                = "11111111-2222-3333-4444-555555555555"
  vpc_ip_range          = "10.20.0.0/20"
  ssh_keys              = { admin = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl admin" }
  ssh_allowed_addresses = ["203.0.113.0/24"]
  user_data             = "#cloud-config\nfacts: $${role} $${number} of $${control_planes} $${kubernetes_version} $${pod_subnet} $${service_subnet}\n"
}

run "one_control_plane_has_a_load_balancer_too" {
  command = plan

  assert {
    condition     = length(digitalocean_droplet.control_plane) == 1 && length(digitalocean_droplet.worker) == 2
    error_message = "There are other machines than asked for."
  }

  assert {
    condition     = digitalocean_loadbalancer.api.network == "INTERNAL" && digitalocean_loadbalancer.api.droplet_tag == "dogitops:control-plane:test"
    error_message = "The API is not behind a private load balancer."
  }
}

run "production_has_three_control_planes" {
  command = plan

  variables {
    environment    = "production"
    control_planes = 3
  }

  assert {
    condition     = join(",", keys(digitalocean_droplet.control_plane)) == "1,2,3"
    error_message = "There are not three control planes."
  }

  assert {
    condition     = alltrue([for machine in digitalocean_droplet.control_plane : machine.image == "ubuntu-24-04-x64" && contains(machine.tags, "dogitops")])
    error_message = "A machine has another system, or does not carry our mark."
  }
}

run "fills_in_what_it_knows" {
  command = apply

  assert {
    condition     = strcontains(digitalocean_droplet.worker["2"].user_data, "facts: worker 2 of 1 1.34.4 10.112.0.0/14 10.96.0.0/16")
    error_message = "The template is not filled in."
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

  expect_failures = [digitalocean_droplet.control_plane]
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

run "refuses_an_environment_that_is_none" {
  command = plan

  variables {
    environment = "prod"
  }

  expect_failures = [var.environment]
}

run "refuses_two_control_planes" {
  command = plan

  variables {
    control_planes = 2
  }

  expect_failures = [var.control_planes]
}

run "refuses_ha_off_in_production" {
  command = plan

  variables {
    environment = "production"
  }

  expect_failures = [var.control_planes]
}

run "refuses_a_control_plane_of_one_cpu" {
  command = plan

  variables {
    control_plane_size = "s-1vcpu-2gb"
  }

  expect_failures = [var.control_plane_size]
}

run "refuses_a_load_balancer_of_nothing" {
  command = plan

  variables {
    load_balancer_nodes = 0
  }

  expect_failures = [var.load_balancer_nodes]
}

run "refuses_a_cluster_without_workers" {
  command = plan

  variables {
    workers = 0
  }

  expect_failures = [var.workers]
}

run "refuses_a_worker_that_is_too_small" {
  command = plan

  variables {
    worker_size = "s-1vcpu-1gb"
  }

  expect_failures = [var.worker_size]
}

run "refuses_an_image_that_is_not_set_up_for" {
  command = plan

  variables {
    image = "debian-13-x64"
  }

  expect_failures = [var.image]
}

run "refuses_a_minor_version_without_patch" {
  command = plan

  variables {
    kubernetes_version = "1.34"
  }

  expect_failures = [var.kubernetes_version]
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

run "refuses_a_pods_range_that_is_none" {
  command = plan

  variables {
    pod_subnet = "many"
  }

  expect_failures = [var.pod_subnet]
}

run "refuses_pods_in_the_network_s_range" {
  command = plan

  variables {
    pod_subnet = "10.20.0.0/16"
  }

  expect_failures = [var.pod_subnet]
}

run "refuses_a_services_range_that_is_none" {
  command = plan

  variables {
    service_subnet = "few"
  }

  expect_failures = [var.service_subnet]
}

run "refuses_services_in_the_pods_range" {
  command = plan

  variables {
    service_subnet = "10.113.0.0/16"
  }

  expect_failures = [var.service_subnet]
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
