# METADATA
# title: Databases accept connections from trusted sources only
# description: >
#   A database cluster without a digitalocean_database_firewall answers the whole internet, with a password as its
#   only defence.
package rules.database_sources

import data.lib

deny contains lib.finding(database, "The database cluster has no digitalocean_database_firewall: it accepts connections from anywhere.") if {
	some database in lib.resources({"digitalocean_database_cluster"})
	count(database.instances) > 0
	not guarded(database)
}

deny contains lib.finding(instance, message) if {
	some firewall in lib.resources({"digitalocean_database_firewall"})
	some instance in firewall.instances
	some rule in lib.value(instance, "rule", [])
	rule.type == "ip_addr"
	endswith(rule.value, "/0")
	message := sprintf("The database's trusted sources include %s: name the networks that need it.", [rule.value])
}

# In its own module by its address, in another one by an output of its module.
guarded(database) if {
	some firewall in lib.resources({"digitalocean_database_firewall"})
	firewall.module == database.module
	sprintf("%s.%s", [database.type, database.name]) in firewall.set.cluster_id
}

guarded(database) if {
	some firewall in lib.resources({"digitalocean_database_firewall"})
	firewall.module != database.module
	some reference in firewall.set.cluster_id
	startswith(prefixed(firewall.module, reference), sprintf("%s.", [database.module]))
}

prefixed("", reference) := reference

prefixed(module, reference) := sprintf("%s.%s", [module, reference]) if module != ""
