# METADATA
# title: Plans and applies do not run programs of their own
# description: >
#   A local-exec provisioner and an external data source run whatever the pull request says, where the credentials
#   are; what they do shows in no plan.
package rules.runs_programs

import data.lib

deny contains lib.finding(resource, message) if {
	some resource in input.resources
	some provisioner in {"local-exec", "remote-exec"}
	provisioner in resource.provisioners
	message := sprintf("The resource runs programs of its own in a %s provisioner.", [provisioner])
}

deny contains lib.finding(resource, "The data source runs a program whenever somebody plans.") if {
	some resource in input.resources
	resource.mode == "data"
	resource.type == "external"
}
