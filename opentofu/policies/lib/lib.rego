# What the rules share: finding resources in the input, and the shape of a finding.
package lib

# Stands for a value that only the apply will tell, and for one that may not be shown.
unknown := "(known after apply)"

hidden := {unknown, "(sensitive)"}

# A finding about one resource as a whole; dogitops adds the file and the line of its block.
finding(resource, message) := {"msg": message, "address": resource.address}

# A finding about something that is no resource but has a place: a provider, a module, the `terraform` block.
at(place, message) := {"msg": message, "address": object.get(place, "address", null), "file": place.file, "line": place.line}

# The managed resources whose type is in `types`.
resources(types) := [resource |
	some resource in input.resources
	resource.mode == "managed"
	resource.type in types
]

# The value of an attribute after the plan; `absent` where it is null or missing.
value(instance, attribute, absent) := given if {
	given := object.get(instance.values, attribute, null)
	given != null
} else := absent

# A word for each kind of resource, for messages: "digitalocean_database_cluster" becomes "database cluster".
kind(resource) := strings.replace_n(
	{"_": " ", "kubernetes": "Kubernetes", "spaces": "Spaces", "ssh": "SSH", "vpc": "VPC", "nfs": "NFS share"},
	trim_prefix(resource.type, "digitalocean_"),
)
