# METADATA
# title: The root says which versions of a provider will do
# description: A constraint without an upper end lets `tofu init -upgrade` cross a major version.
package rules.pinned_providers

import data.lib

deny contains lib.at(provider, message) if {
	some provider in input.providers
	provider.constraint == null
	message := sprintf("required_providers gives no version for %s: write one such as \"~> 2.99\".", [provider.source])
}

deny contains lib.at(provider, message) if {
	some provider in input.providers
	is_string(provider.constraint)
	not bounded(provider.constraint)
	message := sprintf("The constraint %q of %s has no upper end: write one such as \"~> 2.99\".", [provider.constraint, provider.source])
}

# "~> 2", "~> 2.99", "< 3.0" and "2.99.1" have one; ">= 2.0" and "!= 2.1" do not.
bounded(constraint) if {
	some part in split(constraint, ",")
	regex.match(`^\s*(~>|<=?|=)?\s*v?\d`, part)
}
