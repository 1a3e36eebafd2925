package tests.bucket_versioning

import data.rules.bucket_versioning
import data.testing

bucket(name, versioning) := testing.one("digitalocean_spaces_bucket", {"name": name, "versioning": versioning})

test_fails_without_versions if {
	every name in ["dogitops-main-state", "dogitops-backups"] {
		count(bucket_versioning.deny) == 1 with input as bucket(name, [])
		count(bucket_versioning.deny) == 1 with input as bucket(name, [{"enabled": false}])
	}
}

test_passes_with_versions_and_for_other_buckets if {
	count(bucket_versioning.deny) == 0 with input as bucket("dogitops-main-state", [{"enabled": true}])
	count(bucket_versioning.deny) == 0 with input as bucket("dogitops-pictures", [])
}
