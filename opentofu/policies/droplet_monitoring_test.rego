package tests.droplet_monitoring

import data.rules.droplet_monitoring
import data.testing

test_warns_without if {
	every given in [null, false] {
		count(droplet_monitoring.warn) == 1 with input as testing.one("digitalocean_droplet", {"monitoring": given})
	}
}

test_passes_with if {
	count(droplet_monitoring.warn) == 0 with input as testing.one("digitalocean_droplet", {"monitoring": true})
}
