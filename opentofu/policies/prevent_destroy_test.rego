package tests.prevent_destroy

import data.rules.prevent_destroy
import data.testing

volume(lifecycle) := {"resources": [testing.but(testing.resource("digitalocean_volume", "it", {}), {"lifecycle": lifecycle})]}

test_warns_without if {
	count(prevent_destroy.warn) == 1 with input as volume({})
	count(prevent_destroy.warn) == 1 with input as volume({"prevent_destroy": false})
}

test_passes_with if {
	count(prevent_destroy.warn) == 0 with input as volume({"prevent_destroy": true})
	count(prevent_destroy.warn) == 0 with input as volume({"prevent_destroy": "${var.keep}"})
}

test_says_nothing_of_files_it_can_not_see if {
	count(prevent_destroy.warn) == 0 with input as volume(null)
}
