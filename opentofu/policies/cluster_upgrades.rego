# METADATA
# title: Clusters take patch releases by themselves, at a time that somebody chose
# description: >
#   Without auto_upgrade a cluster stays on a version with known holes until somebody remembers it; without a
#   maintenance policy DigitalOcean picks the hour.
package rules.cluster_upgrades

import data.lib

warn contains lib.finding(instance, "The cluster does not upgrade itself: set auto_upgrade = true.") if {
	some cluster in lib.resources({"digitalocean_kubernetes_cluster"})
	some instance in cluster.instances
	not lib.value(instance, "auto_upgrade", false) in {true, lib.unknown}
}

warn contains lib.finding(instance, "The cluster has no maintenance_policy: say on which day and at what time it may be upgraded.") if {
	some cluster in lib.resources({"digitalocean_kubernetes_cluster"})
	some instance in cluster.instances
	not "maintenance_policy" in object.keys(cluster.set)
	lib.value(instance, "maintenance_policy", []) in {[], lib.unknown}
}
