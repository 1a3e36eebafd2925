"""The simulator's answers held against DigitalOcean's own OpenAPI document, by schemathesis.

DOGITOPS_OPENAPI names another document than that in tests/fixtures; DOGITOPS_OPENAPI_EXAMPLES is how many requests are
made up for each operation (5).
"""

from __future__ import annotations

import itertools
import lzma
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from automation.simulators.digitalocean import DigitalOceanSimulator, Limits
from automation.simulators.digitalocean.cloud import ready
from automation.simulators.digitalocean.routing import routes
from tests.integration.digitalocean.estate import key as key_of
from tests.integration.simulators.digitalocean.ocean import DROPLET, client_of

if TYPE_CHECKING:
    import pydo

DOCUMENT = Path(os.environ.get("DOGITOPS_OPENAPI", Path(__file__).parents[1] / "fixtures/openapi/digitalocean.yaml.xz"))
EXAMPLES = int(os.environ.get("DOGITOPS_OPENAPI_EXAMPLES", "5"))
BODIES: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("openapi_bodies.yaml").read_text())
# What the document doesn't know and the real API does: regions and distributions that are newer than it.
NEWER = {"ams1": ["atl1", "ric1"], "Arch Linux": ["AlmaLinux"]}

# What is refused here and rightly so: another operation took or uses what there was one of, there are several
# registries, or no action and no collection of garbage of that resource is known. Tests by pydo do these.
NEVER_DONE = {
    "DELETE /v2/kubernetes/clusters/{cluster_id}",
    "DELETE /v2/kubernetes/clusters/{cluster_id}/destroy_with_associated_resources/dangerous",
    "DELETE /v2/kubernetes/clusters/{cluster_id}/node_pools/{node_pool_id}",
    "DELETE /v2/kubernetes/clusters/{cluster_id}/node_pools/{node_pool_id}/nodes/{node_id}",
    "DELETE /v2/registry",
    "DELETE /v2/snapshots/{snapshot_id}",
    "DELETE /v2/volumes",
    "DELETE /v2/vpcs/{vpc_id}",
    "GET /v2/images/{image_id}/actions/{action_id}",
    "GET /v2/registries/{registry_name}/garbage-collection",
    "GET /v2/registry",
    "GET /v2/registry/docker-credentials",
    "GET /v2/registry/{registry_name}/garbage-collection",
    "GET /v2/reserved_ips/{reserved_ip}/actions/{action_id}",
    "GET /v2/volumes/{volume_id}/actions/{action_id}",
    "PUT /v2/registries/{registry_name}/garbage-collection/{garbage_collection_uuid}",
    "PUT /v2/registry/{registry_name}/garbage-collection/{garbage_collection_uuid}",
}

pytestmark = pytest.mark.e2e


def _widened(node: Any) -> Any:
    """Return the document with what is newer than it."""
    if isinstance(node, dict):
        return {key: _enum(value) if key == "enum" else _widened(value) for key, value in node.items()}
    return [_widened(it) for it in node] if isinstance(node, list) else node


def _enum(values: Any) -> Any:
    more = NEWER.get(str(values[0]), []) if isinstance(values, list) and values else []
    return values + more if isinstance(values, list) else _widened(values)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Return the document, with the routes alone that we have."""
    raw = DOCUMENT.read_bytes()
    text = lzma.decompress(raw) if DOCUMENT.suffix == ".xz" else raw
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    read: dict[str, Any] = _widened(yaml.load(text, Loader=loader))  # noqa: S506 - a safe one
    ready()
    ours = {(it.method.lower(), re.sub(r"\{[^}]+\}", "{}", it.path)) for it in routes()}
    kept = {}
    for path, operations in read["paths"].items():
        found = {
            name: it
            for name, it in operations.items()
            if name == "parameters" or (name, re.sub(r"\{[^}]+\}", "{}", path)) in ours
        }
        if set(found) - {"parameters"}:
            kept[path] = found
    return read | {"paths": kept}


@pytest.fixture(scope="module")
def cloud() -> Iterator[DigitalOceanSimulator]:
    """Serve a cloud that has one of each."""
    limits = Limits(droplets=10_000, volumes=10_000, reserved_ips=1_000, hour=None, minute=None)
    with DigitalOceanSimulator(limits=limits) as running:
        yield running


@pytest.fixture(scope="module")
def there(cloud: DigitalOceanSimulator) -> dict[str, Any]:
    """Make one of each, and return their ids by the names that paths have for them."""
    client = client_of(cloud)
    key = client.ssh_keys.create({"name": "first", "public_key": key_of(1)})["ssh_key"]
    volume = client.volumes.create({"name": "data", "region": "fra1", "size_gigabytes": 10, "tags": ["x"]})["volume"]
    order = DROPLET | {"ssh_keys": [key["id"]], "volumes": [volume["id"]], "tags": ["x"], "ipv6": True, "backups": True}
    droplet = client.droplets.create(order)["droplet"]
    client.account.get()
    action = client.droplet_actions.post(droplet["id"], {"type": "snapshot", "name": "s"})["action"]
    client.account.get()
    snapshot = client.volume_snapshots.create(volume["id"], {"name": "monday"})["snapshot"]
    project = client.projects.create({"name": "shop", "purpose": "IoT"})["project"]
    client.projects.assign_resources(project["id"], {"resources": [f"do:droplet:{droplet['id']}"]})
    return {
        "ssh_key_identifier": key["id"],
        "droplet_id": droplet["id"],
        "droplet": str(droplet["id"]),
        "volume_id": volume["id"],
        "action_id": action["id"],
        "image_id": client.images.list(private=True)["images"][0]["id"],
        "snapshot_id": snapshot["id"],
        "project_id": project["id"],
        "tag_id": "x",
        **around(client, droplet["id"]),
    }


def around(client: pydo.Client, droplet: int) -> dict[str, Any]:
    """Make one of each of what lies around a droplet, and return their ids."""
    made = {label: body for label, body in BODIES.items() if label.startswith("POST ")}
    rule = {"droplet_ids": [droplet], "tags": ["x"]}
    firewall = client.firewalls.create({**made["POST /v2/firewalls"], **rule, "name": "inner"})["firewall"]
    balancer = client.load_balancers.create({**made["POST /v2/load_balancers"], "name": "front"})["load_balancer"]
    client.domains.create({"name": "example.com"})
    record = client.domains.create_record("example.com", {"type": "A", "name": "www", "data": "192.0.2.1"})
    client.registries.create({"name": "images", "subscription_tier_slug": "professional", "region": "fra1"})
    database = client.databases.create_cluster({**made["POST /v2/databases"], "name": "main"})["database"]["id"]
    client.databases.add_user(database, {"name": "app"})
    client.databases.add(database, {"name": "app"})
    order = {**made["POST /v2/kubernetes/clusters"], "name": "main"}
    cluster = client.kubernetes.create_cluster(order)["kubernetes_cluster"]
    (pool,) = cluster["node_pools"]
    vpc, *more = [client.vpcs.create({"name": name, "region": "fra1"})["vpc"]["id"] for name in ("inner", "b", "c")]
    peering = client.vpc_peerings.create({"name": "first", "vpc_ids": [vpc, more[0]]})["vpc_peering"]
    return {
        "vpc_id": vpc,
        "second_vpc": more[0],
        "third_vpc": more[1],
        "vpc_peering_id": peering["id"],
        "firewall_id": firewall["id"],
        "lb_id": balancer["id"],
        "reserved_ip": client.reserved_ips.create({"region": "fra1"})["reserved_ip"]["ip"],
        "domain_name": "example.com",
        "domain_record_id": record["domain_record"]["id"],
        "registry_name": "images",
        "database_cluster_uuid": database,
        "username": "app",
        "database_name": "app",
        "cluster_id": cluster["id"],
        "node_pool_id": pool["id"],
        "node_id": pool["nodes"][0]["id"],
        "access_key": client.spaces_key.create(made["POST /v2/spaces/keys"])["key"]["access_key"],
    }


def with_ids(body: Any, there: dict[str, Any]) -> Any:
    """Return a body with the ids that its names stand for."""
    if isinstance(body, dict):
        return {key: with_ids(value, there) for key, value in body.items()}
    if isinstance(body, list):
        return [with_ids(value, there) for value in body]
    return there[body[1:]] if isinstance(body, str) and body.startswith("$") else body


def test_scopes_are_those_of_the_document(document: dict[str, Any]) -> None:
    asked = {(it.method.lower(), re.sub(r"\{[^}]+\}", "{}", it.path)): it.scopes for it in routes()}
    wrong = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            told = {scope for it in operation.get("security", []) for scopes in it.values() for scope in scopes}
            ours = set(asked[method, re.sub(r"\{[^}]+\}", "{}", path)])
            if not ours <= told or bool(ours) != bool(told):
                wrong.append(f"{method} {path}: {ours}, not {told}")
    assert wrong == []


def test_answers_are_what_the_document_says(
    document: dict[str, Any], cloud: DigitalOceanSimulator, there: dict[str, Any]
) -> None:
    import hypothesis  # noqa: PLC0415
    import schemathesis  # noqa: PLC0415 - slow to import, and needed where there is a document
    from schemathesis.checks import not_a_server_error  # noqa: PLC0415
    from schemathesis.specs.openapi.checks import (  # noqa: PLC0415
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    schema = schemathesis.openapi.from_dict(document)
    headers = {"Authorization": f"Bearer {cloud.token()}"}
    answered: Counter[int] = Counter()
    done: set[str] = set()
    wrong = []
    operations = [found.ok() for found in schema.get_all_operations()]
    # What is there is asked for first; it goes from the leaves up.
    for operation in sorted(
        operations, key=lambda it: it.path.count("/") if it.method == "delete" else 99, reverse=True
    ):
        turns = itertools.count()

        @hypothesis.given(case=operation.as_strategy())
        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate],
        )
        def ask(case: schemathesis.Case) -> None:
            if next(turns) % 2 == 0:  # noqa: B023 - it is run within the loop
                known = {name: value for name, value in there.items() if name in case.path_parameters}
                case.path_parameters = {**case.path_parameters, **known}
                if operation.label in BODIES:  # noqa: B023
                    case.body = with_ids(BODIES[operation.label], there)  # noqa: B023
                case.query = {"tag_name": "x"} if "actions" in case.path else {}
            answer = case.call_and_validate(base_url=cloud.url, headers=headers, checks=checks)
            answered[answer.status_code] += 1
            if answer.status_code < 300:
                done.add(operation.label)  # noqa: B023

        try:
            ask()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - of all operations, what is wrong is told together
            wrong.append(f"{operation.label}: {error}")
    assert not wrong, "\n\n".join(wrong)
    assert {200, 201, 202, 204, 404, 422} <= set(answered)
    assert {operation.label for operation in operations} - done <= NEVER_DONE
