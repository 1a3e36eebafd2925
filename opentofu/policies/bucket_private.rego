# METADATA
# title: Buckets and their objects are not public
# description: State and backups hold secrets. What shall be public deserves a bucket of its own and a reason.
package rules.bucket_private

import data.lib

types := {"digitalocean_spaces_bucket", "digitalocean_spaces_bucket_object"}

deny contains lib.finding(instance, message) if {
	some resource in lib.resources(types)
	some instance in resource.instances
	acl := lib.value(instance, "acl", "private")
	not acl in {"private", lib.unknown}
	message := sprintf("The %s is not private: remove its acl.", [lib.kind(resource)])
}

deny contains lib.finding(instance, "The bucket's policy lets everybody in: name who may do what.") if {
	some resource in lib.resources({"digitalocean_spaces_bucket_policy"})
	some instance in resource.instances
	policy := lib.value(instance, "policy", "{}")
	json.is_valid(policy)
	some statement in as_list(json.unmarshal(policy).Statement)
	statement.Effect == "Allow"
	everybody(statement.Principal)
}

everybody("*")

everybody(principal) if {
	some names in principal
	"*" in as_list(names)
}

as_list(given) := given if is_array(given)

as_list(given) := [given] if not is_array(given)
