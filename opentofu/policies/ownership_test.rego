package tests.ownership

import data.rules.ownership
import data.testing

droplet(tags) := testing.one("digitalocean_droplet", {"tags": tags})

test_fails_without_the_tag if {
	every tags in [null, [], ["web"], ["dogitopsy"]] {
		count(ownership.deny) == 1 with input as droplet(tags)
	}
}

test_fails_without_the_name if {
	every type in ["digitalocean_spaces_bucket", "digitalocean_vpc", "digitalocean_firewall"] {
		count(ownership.deny) == 1 with input as testing.one(type, {"name": "main"})
		count(ownership.deny) == 0 with input as testing.one(type, {"name": "dogitops-main"})
	}
}

test_a_firewall_is_not_marked_by_the_droplets_it_protects if {
	count(ownership.deny) == 1 with input as testing.one("digitalocean_firewall", {"name": "main", "tags": ["dogitops"]})
}

test_passes_with_the_tag if {
	count(ownership.deny | ownership.warn) == 0 with input as droplet(["web", "dogitops"])
	count(ownership.deny | ownership.warn) == 0 with input as droplet(["dogitops:environment:staging"])
	count(ownership.deny | ownership.warn) == 0 with input as testing.one("terraform_data", {})
}

test_warns_of_tags_that_are_not_known if {
	every tags in ["(known after apply)", ["(known after apply)"]] {
		count(ownership.warn) == 1 with input as droplet(tags)
		count(ownership.deny) == 0 with input as droplet(tags)
	}
	count(ownership.warn) == 0 with input as droplet(["(known after apply)", "dogitops"])
}
