package tests.allowed_providers

import data.rules.allowed_providers

provider(source) := {"providers": [{"source": source, "file": "versions.tf", "line": 1}]}

test_fails_for_others if {
	every source in [
		"registry.opentofu.org/hashicorp/external",
		"registry.opentofu.org/somebody/digitalocean",
		"example.com/digitalocean/digitalocean",
	] {
		count(allowed_providers.deny) == 1 with input as provider(source)
	}
}

test_passes_for_known_ones if {
	count(allowed_providers.deny) == 0 with input as provider("registry.opentofu.org/digitalocean/digitalocean")
	count(allowed_providers.deny) == 0 with input as {"providers": []}
}
