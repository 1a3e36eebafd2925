# METADATA
# title: Every resource carries the ownership mark
# description: >
#   Teardown and the reaper touch only what is marked as ours. What DigitalOcean can tag carries the tag `dogitops`
#   or one that begins with `dogitops:`; what it can only name has a name that begins with `dogitops-`.
package rules.ownership

import data.lib

tag := "dogitops"

prefix := "dogitops-"

taggable := {
	"digitalocean_custom_image",
	"digitalocean_database_cluster",
	"digitalocean_database_replica",
	"digitalocean_droplet",
	"digitalocean_kubernetes_cluster",
	"digitalocean_kubernetes_node_pool",
	"digitalocean_nfs",
	"digitalocean_volume",
	"digitalocean_volume_snapshot",
}

# A firewall has tags too, but those choose the droplets that it protects.
named := {
	"digitalocean_certificate",
	"digitalocean_container_registry",
	"digitalocean_droplet_autoscale",
	"digitalocean_droplet_snapshot",
	"digitalocean_firewall",
	"digitalocean_loadbalancer",
	"digitalocean_project",
	"digitalocean_spaces_bucket",
	"digitalocean_spaces_key",
	"digitalocean_ssh_key",
	"digitalocean_vpc",
	"digitalocean_vpc_nat_gateway",
}

deny contains lib.finding(instance, message) if {
	some resource in lib.resources(taggable)
	some instance in resource.instances
	tags := lib.value(instance, "tags", [])
	not marked(tags)
	not unclear(tags)
	message := sprintf("The %s does not carry the tag %q: nothing else tells that it is ours.", [lib.kind(resource), tag])
}

warn contains lib.finding(instance, message) if {
	some resource in lib.resources(taggable)
	some instance in resource.instances
	tags := lib.value(instance, "tags", [])
	not marked(tags)
	unclear(tags)
	message := sprintf("The tags of the %s are not known before the apply: write %q itself, or use the name of a digitalocean_tag, not its id.", [lib.kind(resource), tag])
}

deny contains lib.finding(instance, message) if {
	some resource in lib.resources(named)
	some instance in resource.instances
	name := lib.value(instance, "name", "")
	not name in lib.hidden
	not startswith(name, prefix)
	message := sprintf("The name of the %s does not begin with %q: it can't be tagged, and nothing else tells that it is ours.", [lib.kind(resource), prefix])
}

marked(tags) if {
	some each in tags
	each == tag
}

marked(tags) if {
	some each in tags
	startswith(each, concat("", [tag, ":"]))
}

unclear(tags) if tags in lib.hidden

unclear(tags) if {
	some each in tags
	each in lib.hidden
}
