package tests.droplet_access

import data.rules.droplet_access
import data.testing

test_fails_without_keys if {
	count(droplet_access.deny) == 1 with input as testing.one("digitalocean_droplet", {})
	count(droplet_access.deny) == 1 with input as testing.one("digitalocean_droplet", {"ssh_keys": []})
	count(droplet_access.deny) == 1 with input as testing.one("digitalocean_droplet", {"ssh_keys": null})
}

test_passes_with_keys if {
	count(droplet_access.deny) == 0 with input as testing.one("digitalocean_droplet", {"ssh_keys": ["aa:bb"]})
	count(droplet_access.deny) == 0 with input as testing.one("digitalocean_droplet", {"ssh_keys": "(known after apply)"})
}
