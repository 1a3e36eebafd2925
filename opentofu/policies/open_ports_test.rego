package tests.open_ports

import data.rules.open_ports
import data.testing

firewall(protocol, range, sources) := testing.one("digitalocean_firewall", {"inbound_rule": [{
	"protocol": protocol,
	"port_range": range,
	"source_addresses": sources,
}]})

control_plane(enabled, sources) := testing.one("digitalocean_kubernetes_cluster", {"control_plane_firewall": [{
	"enabled": enabled,
	"allowed_addresses": sources,
}]})

everywhere := ["0.0.0.0/0"]

test_fails_for_each_way_to_write_the_port if {
	every range in ["22", "20-30", " 20 - 22 "] {
		count(open_ports.deny) == 1 with input as firewall("tcp", range, everywhere)
	}
	count(open_ports.deny) == 1 with input as firewall("tcp", "6443", everywhere)
}

test_fails_for_both_where_all_ports_are_open if {
	every range in ["all", "", "0", null, "1-65535"] {
		count(open_ports.deny) > 0 with input as firewall("tcp", range, everywhere)
	}
	count(open_ports.deny) == 2 with input as firewall("tcp", "all", everywhere)
}

test_fails_for_each_way_to_write_the_internet if {
	every source in ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "0::0/0", "2000::/3"] {
		count(open_ports.deny) == 1 with input as firewall("tcp", "22", ["203.0.113.1", source])
	}
}

test_fails_for_the_control_plane if {
	count(open_ports.deny) == 1 with input as control_plane(true, everywhere)
}

test_passes_for_networks_and_other_ports if {
	count(open_ports.deny) == 0 with input as firewall("tcp", "22", ["203.0.113.0/24", "10.0.0.0/8", "2001:db8::/32", "192.0.2.1"])
	count(open_ports.deny) == 0 with input as firewall("tcp", "443", everywhere)
	count(open_ports.deny) == 0 with input as firewall("tcp", "23-6442", everywhere)
	count(open_ports.deny) == 0 with input as firewall("udp", "22", everywhere)
	count(open_ports.deny) == 0 with input as firewall("icmp", null, everywhere)
	count(open_ports.deny) == 0 with input as firewall("tcp", "22", null)
	count(open_ports.deny) == 0 with input as control_plane(true, ["203.0.113.0/24"])
	count(open_ports.deny) == 0 with input as control_plane(false, everywhere)
}

test_warns_of_what_is_not_known if {
	count(open_ports.warn) == 1 with input as firewall("tcp", "22", ["(known after apply)"])
	count(open_ports.warn) == 1 with input as firewall("tcp", "22", "(sensitive)")
	count(open_ports.warn) == 1 with input as firewall("tcp", "(known after apply)", everywhere)
	count(open_ports.warn) == 1 with input as testing.one("digitalocean_firewall", {"inbound_rule": "(known after apply)"})
	count(open_ports.warn) == 0 with input as firewall("tcp", "443", ["(known after apply)"])
}
