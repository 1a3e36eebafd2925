# METADATA
# title: Buckets for state and backups keep earlier versions
# description: >
#   A state that was overwritten or deleted can be had back only from an earlier version. A bucket counts if its name
#   has "state" or "backup" in it.
package rules.bucket_versioning

import data.lib

deny contains lib.finding(instance, "The bucket holds state or backups, going by its name, and keeps no earlier versions: add versioning { enabled = true }.") if {
	some bucket in lib.resources({"digitalocean_spaces_bucket"})
	some instance in bucket.instances
	regex.match(`state|backup`, lib.value(instance, "name", ""))
	not versioned(instance)
}

versioned(instance) if {
	some versioning in lib.value(instance, "versioning", [])
	versioning.enabled in {true, lib.unknown}
}
