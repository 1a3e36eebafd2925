# METADATA
# title: Modules from elsewhere are pinned
# description: >
#   A module is code that plans run. From a registry it needs an exact version, from Git a full commit: a tag or a
#   branch can be moved. From anywhere else there is nothing to pin it by.
package rules.pinned_modules

import data.lib

deny contains lib.at(module, message) if {
	some module in input.modules
	not module.local
	from_git(module.source)
	not regex.match(`[?&]ref=[0-9a-f]{40}(&|$)`, module.source)
	message := sprintf("%s comes from Git without a commit: end its source in ?ref= and the 40 digits of one.", [module.address])
}

deny contains lib.at(module, message) if {
	some module in input.modules
	not module.local
	from_registry(module.source)
	not exact(module.version)
	message := sprintf("%s comes from a registry without an exact version: write version = \"1.2.3\".", [module.address])
}

deny contains lib.at(module, message) if {
	some module in input.modules
	not module.local
	not from_git(module.source)
	not from_registry(module.source)
	message := sprintf("%s comes from a place where it can't be pinned: take it from Git or a registry, or copy it into opentofu/modules.", [module.address])
}

exact(version) if {
	is_string(version)
	regex.match(`^\s*=?\s*\d+\.\d+\.\d+\s*$`, version)
}

from_git(source) if startswith(source, "git::")

from_git(source) if regex.match(`^(github\.com|bitbucket\.org)/|^git@`, source)

# [HOST/]NAMESPACE/NAME/SYSTEM[//FOLDER]
from_registry(source) if {
	not from_git(source)
	regex.match(`^([\w.-]+\.[a-z]+(:\d+)?/)?[\w-]+/[\w-]+/[\w-]+(//.*)?$`, source)
}
