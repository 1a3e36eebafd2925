# METADATA
# title: What holds data says so to OpenTofu
# description: >
#   prevent_destroy makes a plan fail at once that would destroy or replace a database, a volume or a bucket for
#   backups, also where somebody runs tofu by hand and no guard looks on.
package rules.prevent_destroy

import data.lib

warn contains lib.finding(resource, message) if {
	some resource in lib.resources({"digitalocean_database_cluster", "digitalocean_volume", "digitalocean_spaces_bucket"})
	is_object(resource.lifecycle)
	object.get(resource.lifecycle, "prevent_destroy", false) == false
	message := sprintf("The %s holds data and may be destroyed: add lifecycle { prevent_destroy = true }.", [lib.kind(resource)])
}
