package tests.bucket_private

import data.rules.bucket_private
import data.testing

policy(principal) := testing.one("digitalocean_spaces_bucket_policy", {"policy": json.marshal({"Statement": [{
	"Effect": "Allow",
	"Principal": principal,
}]})})

test_fails_for_a_public_acl if {
	every type in bucket_private.types {
		count(bucket_private.deny) == 1 with input as testing.one(type, {"acl": "public-read"})
	}
}

test_fails_for_a_policy_for_everybody if {
	every principal in ["*", {"AWS": "*"}, {"AWS": ["somebody", "*"]}] {
		count(bucket_private.deny) == 1 with input as policy(principal)
	}
}

test_passes_for_private_ones if {
	count(bucket_private.deny) == 0 with input as testing.one("digitalocean_spaces_bucket", {"acl": "private"})
	count(bucket_private.deny) == 0 with input as testing.one("digitalocean_spaces_bucket", {"acl": null})
	count(bucket_private.deny) == 0 with input as policy({"AWS": ["somebody"]})
	count(bucket_private.deny) == 0 with input as testing.one("digitalocean_spaces_bucket_policy", {"policy": "(known after apply)"})
}
