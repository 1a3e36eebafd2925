package tests.runs_programs

import data.rules.runs_programs
import data.testing

with_provisioners(types) := {"resources": [testing.but(testing.resource("terraform_data", "it", {}), {"provisioners": types})]}

data_source(type) := {"resources": [testing.but(testing.resource(type, "it", {}), {"mode": "data"})]}

test_fails_for_provisioners if {
	count(runs_programs.deny) == 1 with input as with_provisioners(["local-exec"])
	count(runs_programs.deny) == 1 with input as with_provisioners(["file", "remote-exec"])
}

test_fails_for_external_data if {
	count(runs_programs.deny) == 1 with input as data_source("external")
}

test_passes_for_the_rest if {
	count(runs_programs.deny) == 0 with input as with_provisioners([])
	count(runs_programs.deny) == 0 with input as data_source("digitalocean_region")
}
