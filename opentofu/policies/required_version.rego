# METADATA
# title: The root says which OpenTofu it needs
# description: An older tofu would stumble over the configuration, or worse, read it in another way.
package rules.required_version

import data.lib

deny contains lib.at(input.tofu, "No terraform block of this environment sets required_version: write one such as required_version = \">= 1.10.0\".") if {
	input.tofu.required_version == null
}
