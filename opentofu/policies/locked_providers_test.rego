package tests.locked_providers

import data.rules.locked_providers

provider(locked) := {"providers": [{"source": "a/b/c", "locked": locked, "file": "versions.tf", "line": 1}]}

test_fails_without_checksums if {
	count(locked_providers.deny) == 1 with input as provider(false)
}

test_passes_with_checksums if {
	count(locked_providers.deny) == 0 with input as provider(true)
}
