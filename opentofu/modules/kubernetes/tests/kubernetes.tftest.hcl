mock_provider "digitalocean" {
  mock_data "digitalocean_kubernetes_versions" {
    defaults = {
      latest_version = "1.35.5-do.2"
    }
  }

  mock_data "digitalocean_sizes" {
    defaults = {
      sizes = [
        { slug = "s-2vcpu-4gb", regions = ["fra1", "nyc1"], available = true, memory = 4096, vcpus = 2, disk = 80, transfer = 4, price_monthly = 24, price_hourly = 0.03571, gpu_info = [] },
        { slug = "c-4", regions = ["nyc1"], available = true, memory = 8192, vcpus = 4, disk = 50, transfer = 5, price_monthly = 84, price_hourly = 0.125, gpu_info = [] },
      ]
    }
  }
}

variables {
  name               = "dogitops-test"
  region             = "fra1"
  kubernetes_version = "1.35"
  environment        = "development"
  ha                 = false
  vpc_id             = "11111111-2222-3333-4444-555555555555"
  vpc_ip_range       = "10.20.0.0/20"
  default_pool       = "primary"
  node_pools         = { primary = { size = "s-2vcpu-4gb", count = 3 } }
}

run "says_explicitly_what_costs_and_what_upgrades" {
  command = plan

  assert {
    condition     = digitalocean_kubernetes_cluster.this.ha == false
    error_message = "ha is not set."
  }

  assert {
    condition     = digitalocean_kubernetes_cluster.this.auto_upgrade && digitalocean_kubernetes_cluster.this.surge_upgrade
    error_message = "The cluster does not upgrade itself."
  }

  assert {
    condition     = digitalocean_kubernetes_cluster.this.maintenance_policy[0].day == "sunday"
    error_message = "There is no maintenance window."
  }

  assert {
    condition     = contains(digitalocean_kubernetes_cluster.this.tags, "dogitops") && contains(digitalocean_kubernetes_cluster.this.node_pool[0].tags, "dogitops")
    error_message = "The cluster or its nodes do not carry our mark."
  }

  assert {
    condition     = digitalocean_kubernetes_cluster.this.version == "1.35.5-do.2" && data.digitalocean_kubernetes_versions.asked.version_prefix == "1.35."
    error_message = "The newest patch of the minor version is not taken."
  }

  assert {
    condition     = length(digitalocean_kubernetes_cluster.this.control_plane_firewall) == 0
    error_message = "There is a firewall that nobody asked for."
  }
}

run "makes_every_pool_as_it_is_described" {
  command = plan

  variables {
    node_pools = {
      primary = { size = "s-2vcpu-4gb", autoscale = { min = 2, max = 5 } }
      monitoring = {
        size   = "s-2vcpu-4gb"
        count  = 2
        labels = { workload = "monitoring" }
        taints = [{ key = "workload", value = "monitoring", effect = "NoSchedule" }]
      }
      burst = { size = "s-2vcpu-4gb", count = 1, autoscale = { min = 0, max = 3 } }
    }
    api_allowed_addresses = ["203.0.113.0/24", "198.51.100.7"]
    cluster_subnet        = "10.100.0.0/16"
    service_subnet        = "10.101.0.0/20"
  }

  assert {
    condition     = digitalocean_kubernetes_cluster.this.node_pool[0].auto_scale && digitalocean_kubernetes_cluster.this.node_pool[0].min_nodes == 2 && digitalocean_kubernetes_cluster.this.node_pool[0].max_nodes == 5
    error_message = "The default pool does not scale from 2 to 5."
  }

  assert {
    condition     = digitalocean_kubernetes_node_pool.fixed["monitoring"].node_count == 2 && one(digitalocean_kubernetes_node_pool.fixed["monitoring"].taint).effect == "NoSchedule"
    error_message = "The monitoring pool is not as described."
  }

  assert {
    condition     = digitalocean_kubernetes_node_pool.autoscaled["burst"].node_count == 1 && digitalocean_kubernetes_node_pool.autoscaled["burst"].min_nodes == 0
    error_message = "The burst pool does not start with one node and shrink to none."
  }

  assert {
    condition     = digitalocean_kubernetes_cluster.this.control_plane_firewall[0].enabled
    error_message = "The control plane's firewall is off."
  }
}

run "production_is_highly_available" {
  command = plan

  variables {
    environment = "production"
    ha          = true
  }

  assert {
    condition     = digitalocean_kubernetes_cluster.this.ha && !digitalocean_kubernetes_cluster.this.destroy_all_associated_resources
    error_message = "Production is not as safe as it should be."
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
    node_pools = { primary = { size = "c-4", count = 2 } }
  }

  expect_failures = [digitalocean_kubernetes_cluster.this]
}

run "refuses_a_size_that_nobody_offers" {
  command = plan

  variables {
    node_pools = { primary = { size = "s-3vcpu-5gb", count = 2 } }
  }

  expect_failures = [digitalocean_kubernetes_cluster.this]
}

run "refuses_a_version_that_is_no_longer_offered" {
  command = plan

  override_data {
    target = data.digitalocean_kubernetes_versions.asked
    values = { latest_version = "" }
  }

  expect_failures = [digitalocean_kubernetes_cluster.this]
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

run "refuses_a_patch_for_a_version" {
  command = plan

  variables {
    kubernetes_version = "1.35.5-do.2"
  }

  expect_failures = [var.kubernetes_version]
}

run "refuses_a_version_that_is_too_old" {
  command = plan

  variables {
    kubernetes_version = "1.27"
  }

  expect_failures = [var.kubernetes_version]
}

run "refuses_an_environment_that_is_none" {
  command = plan

  variables {
    environment = "prod"
  }

  expect_failures = [var.environment]
}

run "refuses_ha_off_in_production" {
  command = plan

  variables {
    environment = "production"
  }

  expect_failures = [var.ha]
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
    cluster_subnet = "many"
  }

  expect_failures = [var.cluster_subnet]
}

run "refuses_pods_in_the_network_s_range" {
  command = plan

  variables {
    cluster_subnet = "10.20.0.0/16"
  }

  expect_failures = [var.cluster_subnet]
}

run "refuses_a_services_range_that_is_none" {
  command = plan

  variables {
    service_subnet = "few"
  }

  expect_failures = [var.service_subnet]
}

run "refuses_services_in_the_network_s_range" {
  command = plan

  variables {
    service_subnet = "10.20.8.0/21"
  }

  expect_failures = [var.service_subnet]
}

run "refuses_services_in_the_pods_range" {
  command = plan

  variables {
    cluster_subnet = "10.100.0.0/16"
    service_subnet = "10.100.64.0/20"
  }

  expect_failures = [var.service_subnet]
}

run "refuses_a_cluster_without_pools" {
  command = plan

  variables {
    node_pools = {}
  }

  expect_failures = [var.node_pools]
}

run "refuses_a_pool_with_a_bad_name" {
  command = plan

  variables {
    node_pools = { primary = { size = "s-2vcpu-4gb", count = 1 }, "My Pool" = { size = "s-2vcpu-4gb", count = 1 } }
  }

  expect_failures = [var.node_pools]
}

run "refuses_a_size_that_is_no_slug" {
  command = plan

  variables {
    node_pools = { primary = { size = "large", count = 1 } }
  }

  expect_failures = [var.node_pools]
}

run "refuses_a_pool_without_a_number_of_nodes" {
  command = plan

  variables {
    node_pools = { primary = { size = "s-2vcpu-4gb" } }
  }

  expect_failures = [var.node_pools]
}

run "refuses_a_pool_of_no_nodes" {
  command = plan

  variables {
    node_pools = { primary = { size = "s-2vcpu-4gb", count = 0 } }
  }

  expect_failures = [var.node_pools]
}

run "refuses_a_max_below_the_min" {
  command = plan

  variables {
    node_pools = { primary = { size = "s-2vcpu-4gb", autoscale = { min = 5, max = 2 } } }
  }

  expect_failures = [var.node_pools]
}

run "refuses_a_start_outside_of_min_and_max" {
  command = plan

  variables {
    node_pools = { primary = { size = "s-2vcpu-4gb", count = 1 }, more = { size = "s-2vcpu-4gb", count = 9, autoscale = { min = 1, max = 3 } } }
  }

  expect_failures = [var.node_pools]
}

run "refuses_a_taint_without_effect" {
  command = plan

  variables {
    node_pools = { primary = { size = "s-2vcpu-4gb", count = 1 }, more = { size = "s-2vcpu-4gb", count = 1, taints = [{ key = "a", value = "b", effect = "Never" }] } }
  }

  expect_failures = [var.node_pools]
}

run "refuses_a_default_pool_that_is_none" {
  command = plan

  variables {
    default_pool = "main"
  }

  expect_failures = [var.default_pool]
}

run "refuses_a_default_pool_that_may_be_empty" {
  command = plan

  variables {
    node_pools = { primary = { size = "s-2vcpu-4gb", autoscale = { min = 0, max = 2 } } }
  }

  expect_failures = [var.default_pool]
}

run "refuses_a_default_pool_with_two_numbers" {
  command = plan

  variables {
    node_pools = { primary = { size = "s-2vcpu-4gb", count = 2, autoscale = { min = 1, max = 2 } } }
  }

  expect_failures = [var.default_pool]
}

run "refuses_a_default_pool_that_keeps_pods_out" {
  command = plan

  variables {
    node_pools = { primary = { size = "s-2vcpu-4gb", count = 2, taints = [{ key = "a", value = "b", effect = "NoSchedule" }] } }
  }

  expect_failures = [var.default_pool]
}

run "refuses_a_day_that_is_none" {
  command = plan

  variables {
    maintenance = { day = "Sonntag", start_time = "02:00" }
  }

  expect_failures = [var.maintenance]
}

run "refuses_a_time_that_is_none" {
  command = plan

  variables {
    maintenance = { day = "any", start_time = "2am" }
  }

  expect_failures = [var.maintenance]
}

run "refuses_an_address_that_is_none" {
  command = plan

  variables {
    api_allowed_addresses = ["home"]
  }

  expect_failures = [var.api_allowed_addresses]
}

run "refuses_the_whole_internet" {
  command = plan

  variables {
    api_allowed_addresses = ["0.0.0.0/0"]
  }

  expect_failures = [var.api_allowed_addresses]
}

run "refuses_to_destroy_production_s_volumes" {
  command = plan

  variables {
    environment        = "production"
    ha                 = true
    destroy_associated = true
  }

  expect_failures = [var.destroy_associated]
}

run "refuses_a_kubeconfig_that_lives_less_than_nothing" {
  command = plan

  variables {
    kubeconfig_seconds = -1
  }

  expect_failures = [var.kubeconfig_seconds]
}

run "refuses_a_tag_that_is_none" {
  command = plan

  variables {
    tags = ["Two Words"]
  }

  expect_failures = [var.tags]
}
