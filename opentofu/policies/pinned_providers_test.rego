package tests.pinned_providers

import data.rules.pinned_providers

provider(constraint) := {"providers": [{"source": "a/b/c", "constraint": constraint, "file": "versions.tf", "line": 1}]}

test_fails_without_an_upper_end if {
	every constraint in [null, ">= 2.0", "> 2.0", "!= 2.1.0", ">= 2.0, != 2.1.0"] {
		count(pinned_providers.deny) == 1 with input as provider(constraint)
	}
}

test_passes_with_one if {
	every constraint in ["~> 2.99", "2.99.1", "= 2.99.1", ">= 2.0, < 3.0", ">= 2.0.0,<= 2.99.1"] {
		count(pinned_providers.deny) == 0 with input as provider(constraint)
	}
}
