package tests.pinned_modules

import data.rules.pinned_modules

module(source, version) := {"modules": [{
	"address": "module.it",
	"source": source,
	"version": version,
	"local": startswith(source, "."),
	"file": "main.tf",
	"line": 1,
}]}

commit := "0123456789abcdef0123456789abcdef01234567"

test_fails_for_git_without_a_commit if {
	every source in [
		"git::https://example.com/a.git",
		"git::https://example.com/a.git?ref=v1.2.3",
		"github.com/owner/name",
		"git@github.com:owner/name.git?ref=main",
		sprintf("git::https://example.com/a.git?ref=%s0", [commit]),
	] {
		count(pinned_modules.deny) == 1 with input as module(source, null)
	}
}

test_fails_for_a_registry_without_a_version if {
	every version in [null, "~> 1.2", ">= 1.0.0", "1.2"] {
		count(pinned_modules.deny) == 1 with input as module("owner/name/digitalocean", version)
		count(pinned_modules.deny) == 1 with input as module("registry.example.com/owner/name/system//folder", version)
	}
}

test_fails_for_archives if {
	count(pinned_modules.deny) == 1 with input as module("https://example.com/module.zip", null)
	count(pinned_modules.deny) == 1 with input as module("s3::https://example.com/module.zip", null)
}

test_passes_for_what_is_pinned if {
	count(pinned_modules.deny) == 0 with input as module("../../modules/machine", null)
	count(pinned_modules.deny) == 0 with input as module(sprintf("git::https://example.com/a.git//x?depth=1&ref=%s", [commit]), null)
	count(pinned_modules.deny) == 0 with input as module("owner/name/digitalocean", "1.2.3")
}
