# METADATA
# title: Every provider is locked with its checksums
# description: >
#   Without an entry in .terraform.lock.hcl each plan may run another version, and nothing tells a provider that was
#   exchanged.
package rules.locked_providers

import data.lib

deny contains lib.at(provider, message) if {
	some provider in input.providers
	not provider.locked
	message := sprintf("The provider %s has no checksums in .terraform.lock.hcl: run 'tofu providers lock' and commit the file.", [provider.source])
}
