package tests.database_sources

import data.rules.database_sources
import data.testing

database := testing.resource("digitalocean_database_cluster", "main", {})

firewall(module, reference, value) := testing.but(
	testing.resource("digitalocean_database_firewall", "main", {"rule": [{"type": "ip_addr", "value": value}]}),
	{"module": module, "set": {"cluster_id": [sprintf("%s.id", [reference]), reference]}},
)

id := "digitalocean_database_cluster.main"

test_fails_without_a_firewall if {
	count(database_sources.deny) == 1 with input as {"resources": [database]}
}

test_fails_with_the_firewall_of_another_database if {
	other := firewall("", "digitalocean_database_cluster.main_two", "192.0.2.1")
	count(database_sources.deny) == 1 with input as {"resources": [database, other]}
}

test_fails_with_a_firewall_that_lets_everybody_in if {
	count(database_sources.deny) == 1 with input as {"resources": [database, firewall("", id, "0.0.0.0/0")]}
}

test_passes_with_a_firewall if {
	count(database_sources.deny) == 0 with input as {"resources": [database, firewall("", id, "192.0.2.1")]}
}

test_passes_with_a_firewall_outside_of_its_module if {
	inside := testing.but(database, {"module": "module.data.module.db"})
	count(database_sources.deny) == 0 with input as {"resources": [inside, firewall("module.data", "module.db", "192.0.2.1")]}
	count(database_sources.deny) == 1 with input as {"resources": [inside, firewall("", "module.db", "192.0.2.1")]}
}
