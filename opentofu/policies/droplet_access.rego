# METADATA
# title: Droplets are entered with SSH keys
# description: Without ssh_keys DigitalOcean mails a root password and the droplet accepts passwords.
package rules.droplet_access

import data.lib

deny contains lib.finding(instance, "The droplet has no ssh_keys: it would be given a root password by mail.") if {
	some droplet in lib.resources({"digitalocean_droplet"})
	some instance in droplet.instances
	not has_keys(droplet, instance)
}

has_keys(_, instance) if count(lib.value(instance, "ssh_keys", [])) > 0

# The fingerprint of a key that the same plan makes is known after the apply only.
has_keys(droplet, instance) if {
	object.get(instance.values, "ssh_keys", null) == null
	count(object.get(droplet.set, "ssh_keys", [])) > 0
}
