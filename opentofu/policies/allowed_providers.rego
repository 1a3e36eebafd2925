# METADATA
# title: Only providers that somebody looked at
# description: >
#   A provider is a program, and planning a pull request runs it, with the plan's credentials. Adding one here is a
#   change that is reviewed by itself.
package rules.allowed_providers

import data.lib

registries := {"registry.opentofu.org", "registry.terraform.io"}

allowed := {
	"digitalocean/digitalocean",
	"hashicorp/helm",
	"hashicorp/kubernetes",
	"hashicorp/local",
	"hashicorp/null",
	"hashicorp/random",
	"hashicorp/time",
	"hashicorp/tls",
}

deny contains lib.at(provider, message) if {
	some provider in input.providers
	not known(provider.source)
	message := sprintf("The provider %s is not on the allow-list, and planning runs its code. Look at it first, then add it to allowed_providers.rego.", [provider.source])
}

known(source) if {
	some registry in registries
	some name in allowed
	source == sprintf("%s/%s", [registry, name])
}
