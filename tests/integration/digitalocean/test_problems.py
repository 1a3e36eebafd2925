"""What a token lacks is told by its name."""

from __future__ import annotations

import pytest

from automation.digitalocean import problems

API = "https://api.digitalocean.com"


# As DigitalOcean's OpenAPI document has them, by request.
@pytest.mark.parametrize(
    ("verb", "path", "scope"),
    [
        ("GET", "/v2/account", "account:read"),
        ("POST", "/v2/account/keys", "ssh_key:create"),
        ("GET", "/v2/actions/1", "actions:read"),
        ("DELETE", "/v2/databases/x", "database:delete"),
        ("GET", "/v2/domains/example.com/records", "domain:read"),
        ("DELETE", "/v2/droplets/1", "droplet:delete"),
        ("POST", "/v2/droplets/1/actions", "droplet:update"),
        ("GET", "/v2/firewalls", "firewall:read"),
        ("POST", "/v2/kubernetes/clusters", "kubernetes:create"),
        ("DELETE", "/v2/load_balancers/x", "load_balancer:delete"),
        ("POST", "/v2/projects/x/resources", "project:assign_resource"),
        ("GET", "/v2/registries", "registry:read"),
        ("GET", "/v2/registry", "registry:read"),
        ("POST", "/v2/reserved_ips/1.2.3.4/actions", "reserved_ip:update"),
        ("GET", "/v2/regions", "regions:read"),
        ("GET", "/v2/sizes", "sizes:read"),
        ("GET", "/v2/snapshots", "snapshot:read"),
        ("DELETE", "/v2/spaces/keys/x", "spaces_key:delete"),
        ("DELETE", "/v2/tags/x", "tag:delete"),
        ("GET", "/v2/volumes", "block_storage:read"),
        ("POST", "/v2/volumes/x/actions", "block_storage_action:create"),
        ("POST", "/v2/volumes/x/snapshots", "block_storage_snapshot:create"),
        ("DELETE", "/v2/vpcs/x", "vpc:delete"),
        ("GET", "/v2/unheard_of", ""),
    ],
)
def test_the_scope_of_a_request(verb: str, path: str, scope: str) -> None:
    assert problems.scope_of(verb, API + path) == scope
    error = problems.from_answer(verb, API + path, 403, {"message": "You are not authorized."}, {})
    assert isinstance(error, problems.ScopeMissing)
    assert error.scope == scope
    assert error.exit_code == 2
    assert (f"`{scope}`" in str(error.hint)) is bool(scope)


def test_a_server_fault_names_the_request() -> None:
    error = problems.from_answer("GET", f"{API}/v2/droplets?page=2", 500, None, {"x-request-id": "r-1"})
    assert error.message == "DigitalOcean answered 500 to GET /v2/droplets. (request r-1)"


@pytest.mark.parametrize("data", [None, [], "text", {"message": None}, {"message": {"a": 1}}, {"id": "x" * 9000}])
def test_any_body_can_come_with_an_error(data: object) -> None:
    assert len(problems.from_answer("GET", API, 422, data, {}).message) < 700
