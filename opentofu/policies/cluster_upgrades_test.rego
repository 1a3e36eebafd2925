package tests.cluster_upgrades

import data.rules.cluster_upgrades
import data.testing

cluster(values) := testing.one("digitalocean_kubernetes_cluster", values)

policy := [{"day": "sunday", "start_time": "04:00"}]

test_warns_without_upgrades if {
	count(cluster_upgrades.warn) == 1 with input as cluster({"auto_upgrade": false, "maintenance_policy": policy})
	count(cluster_upgrades.warn) == 1 with input as cluster({"auto_upgrade": null, "maintenance_policy": policy})
}

test_warns_without_a_time if {
	count(cluster_upgrades.warn) == 1 with input as cluster({"auto_upgrade": true})
}

test_passes_with_both if {
	count(cluster_upgrades.warn) == 0 with input as cluster({"auto_upgrade": true, "maintenance_policy": policy})
}
