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
from typing import Any

import pytest
import yaml

from automation.simulators.digitalocean import DigitalOceanSimulator, Limits
from automation.simulators.digitalocean.cloud import ready
from automation.simulators.digitalocean.routing import routes
from tests.unit.simulators.digitalocean.ocean import DROPLET, client_of

DOCUMENT = Path(os.environ.get("DOGITOPS_OPENAPI", Path(__file__).parents[1] / "fixtures/openapi/digitalocean.yaml.xz"))
EXAMPLES = int(os.environ.get("DOGITOPS_OPENAPI_EXAMPLES", "5"))
MINE = re.compile(r"/v2/(account|actions|droplets|images|projects|regions|sizes|snapshots|tags|volumes)(/|$)")
# What the document doesn't know and the real API does: regions and distributions that are newer than it.
NEWER = {"ams1": ["atl1", "ric1"], "Arch Linux": ["AlmaLinux"]}

KEY = "ssh-ed25519 {}C3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl admin"
# What is sent by turns with what schemathesis makes up, so that answers to what can be done are judged, too.
BODIES: dict[str, dict[str, Any]] = {
    "POST /v2/account/keys": {"name": "admin", "public_key": KEY.format("AAAA")},
    "POST /v2/droplets": DROPLET,
    "POST /v2/droplets/{droplet_id}/actions": {"type": "rename", "name": "web-2"},
    "POST /v2/droplets/actions": {"type": "power_cycle"},
    "POST /v2/images/{image_id}/actions": {"type": "transfer", "region": "nyc3"},
    "POST /v2/images": {"name": "own", "region": "nyc3", "url": "https://example.com/image.gz"},
    "POST /v2/projects": {"name": "other", "purpose": "IoT", "environment": "Production"},
    "PUT /v2/projects/{project_id}": {"name": "shop", "purpose": "IoT", "environment": "Staging", "is_default": False},
    "POST /v2/projects/{project_id}/resources": {"resources": ["do:droplet:1"]},
    "POST /v2/tags": {"name": "blue"},
    "POST /v2/volumes": {"name": "more", "region": "fra1", "size_gigabytes": 1},
    "POST /v2/volumes/{volume_id}/actions": {"type": "resize", "size_gigabytes": 20},
    "POST /v2/volumes/{volume_id}/snapshots": {"name": "sunday"},
    "POST /v2/volumes/actions": {"type": "resize", "size_gigabytes": 30, "volume_name": "data", "region": "fra1"},
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
        if MINE.match(path):
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
    limits = Limits(droplets=10_000, volumes=10_000, hour=None, minute=None)
    with DigitalOceanSimulator(limits=limits) as running:
        yield running


@pytest.fixture(scope="module")
def there(cloud: DigitalOceanSimulator) -> dict[str, Any]:
    """Make one of each, and return their ids by the names that paths have for them."""
    client = client_of(cloud)
    key = client.ssh_keys.create({"name": "admin", "public_key": KEY.format("AAAB")})["ssh_key"]
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
        "volume_id": volume["id"],
        "action_id": action["id"],
        "image_id": client.images.list(private=True)["images"][0]["id"],
        "snapshot_id": snapshot["id"],
        "project_id": project["id"],
        "tag_id": "x",
    }


def test_scopes_are_those_of_the_document(document: dict[str, Any]) -> None:
    asked = {(it.method.lower(), re.sub(r"\{[^}]+\}", "{}", it.path)): it.scopes for it in routes()}
    wrong = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            told = {scope for it in operation.get("security", []) for scopes in it.values() for scope in scopes}
            ours = set(asked[method, re.sub(r"\{[^}]+\}", "{}", path)])
            if not ours <= told:
                wrong.append(f"{method} {path}: {ours}, not {told}")
    assert not wrong


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
    wrong = []
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in sorted(operations, key=lambda it: it.method == "delete"):  # what is there is asked for first
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
                case.body = BODIES.get(operation.label, case.body)  # noqa: B023
                case.query = {"tag_name": "x"} if "actions" in case.path else {}
            answer = case.call_and_validate(base_url=cloud.url, headers=headers, checks=checks)
            answered[answer.status_code] += 1

        try:
            ask()
        except Exception as error:  # noqa: BLE001 - of all operations, what is wrong is told together
            wrong.append(f"{operation.label}: {error}")
    assert not wrong, "\n\n".join(wrong)
    assert {200, 201, 202, 204, 404, 422} <= set(answered)
