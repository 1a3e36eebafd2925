"""The scopes that docs/security.md tells people to give are those of the requests that are sent, and no others."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from automation.clusters.base import ClusterSpec
from automation.digitalocean.doks import DoksProvider
from automation.jobs.infrastructure.reap import Reaper, reap
from automation.simulators.digitalocean import DigitalOceanSimulator, Fault, Limits
from automation.simulators.digitalocean.routing import find
from tests.integration.digitalocean.estate import DROPLET, NOW, everything
from tests.integration.digitalocean.scripted import account

DOCUMENT = Path(__file__).parents[3] / "docs" / "security.md"
LIMITS = Limits(droplets=1000, volumes=1000, reserved_ips=50, hour=None, minute=None)


def told(row: str) -> list[str]:
    """Return the scopes that a row of the table tells."""
    (line,) = [line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| {row}")]
    return re.findall(r"`([a-z_]+:[a-z_]+)`", line)


def asked(sky: DigitalOceanSimulator) -> set[str]:
    """Return the scopes that the requests so far needed."""
    routes = [find(one.method, one.path) for one in sky.requests]
    return {scope for route in routes if route is not None for scope in route[0].scopes}


LOOKING, DELETING = told("`dogitops reap`"), told("`dogitops reap --yes`")


@pytest.mark.parametrize("delete", [False, True])
def test_the_scopes_of_reaping(delete: bool) -> None:
    with DigitalOceanSimulator(limits=LIMITS) as sky:
        cloud = account(sky.url, token=sky.token())
        everything(cloud, 2, ours=True)
        api = cloud._pydo
        theirs = api.droplets.create({**DROPLET, "name": "somebody"})["droplet"]["id"]
        body = {"name": "dogitops-attached", "region": "fra1", "size_gigabytes": 1, "tags": ["dogitops"]}
        volume = api.volumes.create(body)["volume"]["id"]
        api.volume_actions.post_by_id(volume, {"type": "attach", "droplet_id": theirs, "region": "fra1"})
        (cluster,) = cloud.clusters()
        mark = {"tags": [f"k8s:{cluster.id}"]}
        claim = api.volumes.create({"name": "pvc", "region": "fra1", "size_gigabytes": 1, **mark})["volume"]["id"]
        api.volume_snapshots.create(claim, {"name": "pvc", **mark})
        api.registries.create({"name": "dogitops-images", "subscription_tier_slug": "basic", "region": "fra1"})
        sky.faults.add(Fault("5xx-before", "DELETE", "/v2/reserved_ips/*", status=422))  # it has to be unassigned first
        sky.requests.clear()
        scopes = LOOKING + (DELETING if delete else [])
        limited = account(sky.url, token=sky.token(scopes))
        reap(Reaper(limited, everything=True, now=NOW), confirm=lambda _: delete)
        assert sorted(asked(sky)) == sorted(scopes)


def test_the_scopes_of_clusters(tmp_path: Path) -> None:
    with DigitalOceanSimulator(limits=LIMITS) as sky:
        scopes = told("clusters: created")
        cloud = account(sky.url, token=sky.token(scopes))
        provider = DoksProvider(cloud, "fra1", "s-2vcpu-4gb", environment="e2e", until=datetime.now(UTC))
        spec = ClusterSpec("dogitops-scopes", workers=1)
        provider.create(spec, tmp_path / "kubeconfig")
        (cluster,) = cloud.clusters()
        workloads = account(sky.url, token=sky.full_token())._pydo  # what the cluster's controllers do with theirs
        rule = {"entry_protocol": "tcp", "entry_port": 80, "target_protocol": "tcp", "target_port": 80}
        mark = {"region": "fra1", "tags": [f"k8s:{cluster.id}"]}
        before = len(sky.requests)
        claim = workloads.volumes.create({"name": "pvc", "size_gigabytes": 1, **mark})["volume"]["id"]
        workloads.volume_snapshots.create(claim, {"name": "pvc", "tags": mark["tags"]})
        workloads.load_balancers.create({"name": "ingress", "forwarding_rules": [rule], **mark})
        for _ in range(len(sky.requests) - before):
            sky.requests.pop()
        provider.delete(spec.name)
        left_behind = {"block_storage:delete", "load_balancer:delete", "snapshot:delete"}
        assert sorted(asked(sky) | left_behind) == sorted(scopes)
