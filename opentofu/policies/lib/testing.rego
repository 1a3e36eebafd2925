# Makes small inputs for the tests of the rules.
package testing

# An input with one managed resource `type.it`; its `values` are also what its configuration sets.
one(type, values) := {"resources": [resource(type, "it", values)]}

resource(type, name, values) := {
	"address": sprintf("%s.%s", [type, name]),
	"mode": "managed",
	"type": type,
	"name": name,
	"module": "",
	"set": {key: [] | some key, _ in values},
	"provisioners": [],
	"lifecycle": {},
	"file": "main.tf",
	"line": 1,
	"instances": [{"address": sprintf("%s.%s", [type, name]), "actions": ["create"], "values": values}],
}

# The same resource, with some of its facts replaced.
but(made, facts) := object.union(object.remove(made, object.keys(facts)), facts)
