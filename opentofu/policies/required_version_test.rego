package tests.required_version

import data.rules.required_version

root(version) := {"tofu": {"required_version": version, "file": "versions.tf", "line": 1}}

test_fails_without if {
	count(required_version.deny) == 1 with input as root(null)
}

test_passes_with if {
	count(required_version.deny) == 0 with input as root(">= 1.10.0")
}
