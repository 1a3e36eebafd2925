package tests.cluster_ha

import data.rules.cluster_ha
import data.testing

cluster(values) := testing.one("digitalocean_kubernetes_cluster", values)

test_fails_without_ha if {
	count(cluster_ha.deny) == 1 with input as cluster({"name": "a"})
}

test_fails_with_ha_null if {
	count(cluster_ha.deny) == 1 with input as cluster({"ha": null})
}

test_fails_with_ha_unknown if {
	count(cluster_ha.deny) == 1 with input as cluster({"ha": "(known after apply)"})
}

test_fails_where_only_the_cluster_knows_its_ha if {
	known := testing.resource("digitalocean_kubernetes_cluster", "it", {"ha": true})
	count(cluster_ha.deny) == 1 with input as {"resources": [testing.but(known, {"set": {}})]}
}

test_passes_with_true_or_false if {
	count(cluster_ha.deny) == 0 with input as cluster({"ha": true})
	count(cluster_ha.deny) == 0 with input as cluster({"ha": false})
}
