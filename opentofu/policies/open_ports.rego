# METADATA
# title: SSH and the Kubernetes API are not open to the whole internet
# description: >
#   A network that is as wide as the internet may not reach port 22 or 6443, alone or in a range, nor the control
#   plane of a cluster whose firewall is on.
package rules.open_ports

import data.lib

guarded := {22: "SSH", 6443: "the Kubernetes API"}

# A prefix of at most this many bits counts as the whole internet, so that two halves of it do too.
widest := {4: 7, 6: 15}

deny contains lib.finding(instance, message) if {
	some [instance, rule] in inbound
	some port, name in guarded
	covers(rule, port)
	sources := [source | some source in rule.source_addresses; open(source)]
	count(sources) > 0
	message := sprintf("The firewall opens %s (port %d) to %s: name the networks that need it.", [name, port, concat(" and ", sources)])
}

deny contains lib.finding(instance, message) if {
	some cluster in lib.resources({"digitalocean_kubernetes_cluster"})
	some instance in cluster.instances
	some firewall in lib.value(instance, "control_plane_firewall", [])
	firewall.enabled == true
	sources := [source | some source in firewall.allowed_addresses; open(source)]
	count(sources) > 0
	message := sprintf("The control plane's firewall lets %s reach the Kubernetes API: name the networks that need it.", [concat(" and ", sources)])
}

warn contains lib.finding(instance, message) if {
	some firewall in lib.resources({"digitalocean_firewall"})
	some instance in firewall.instances
	rules := lib.value(instance, "inbound_rule", [])
	unjudged(rules)
	message := "Not all of the firewall's inbound rules are known before the apply, so nobody can tell whether they open SSH or the Kubernetes API."
}

inbound := [[instance, rule] |
	some firewall in lib.resources({"digitalocean_firewall"})
	some instance in firewall.instances
	rules := lib.value(instance, "inbound_rule", [])
	is_array(rules)
	some rule in rules
	is_object(rule)
]

unjudged(rules) if not is_array(rules)

unjudged(rules) if {
	some rule in rules
	not is_object(rule)
}

unjudged(rules) if {
	some rule in rules
	some name in {"protocol", "port_range", "source_addresses"}
	rule[name] in lib.hidden
}

unjudged(rules) if {
	some rule in rules
	some port, _ in guarded
	covers(rule, port)
	some source in rule.source_addresses
	source in lib.hidden
}

covers(rule, port) if {
	rule.protocol == "tcp"
	range_covers(object.get(rule, "port_range", null), port)
}

# The provider takes "all", "", "0" and no port_range at all for every port.
range_covers(range, _) if range in {"all", "", "0", null}

range_covers(range, port) if range == sprintf("%d", [port])

range_covers(range, port) if {
	regex.match(`^\s*\d+\s*-\s*\d+\s*$`, range)
	[first, last] := [to_number(trim_space(part)) | some part in split(range, "-")]
	first <= port
	port <= last
}

open(source) if {
	regex.match(`/\d+$`, source)
	[address, bits] := split(source, "/")
	to_number(bits) <= widest[version(address)]
}

version(address) := 6 if {
	contains(address, ":")
} else := 4
