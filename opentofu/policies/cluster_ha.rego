# METADATA
# title: Every Kubernetes cluster says whether its control plane is highly available
# description: >
#   The default of `ha` depends on the Kubernetes version (true from 1.36 on), costs money, and can't be taken back:
#   an upgrade must not decide it.
package rules.cluster_ha

import data.lib

deny contains lib.finding(cluster, "The cluster does not set ha. Its default depends on the version: write ha = true or ha = false.") if {
	some cluster in lib.resources({"digitalocean_kubernetes_cluster"})
	not "ha" in object.keys(cluster.set)
}

deny contains lib.finding(instance, "The cluster's ha is null or known after the apply only: give it a value.") if {
	some cluster in lib.resources({"digitalocean_kubernetes_cluster"})
	"ha" in object.keys(cluster.set)
	some instance in cluster.instances
	lib.value(instance, "ha", lib.unknown) == lib.unknown
}
