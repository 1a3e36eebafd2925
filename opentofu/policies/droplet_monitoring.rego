# METADATA
# title: Droplets are monitored
# description: Without the agent there is no memory, disk or load graph to look at when a machine misbehaves.
package rules.droplet_monitoring

import data.lib

warn contains lib.finding(instance, "The droplet is not monitored: set monitoring = true.") if {
	some droplet in lib.resources({"digitalocean_droplet"})
	some instance in droplet.instances
	not lib.value(instance, "monitoring", false) in {true, lib.unknown}
}
