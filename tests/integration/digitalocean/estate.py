"""An account with one of everything that is ours, beside the same that is somebody else's."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from automation.digitalocean import ownership
from automation.digitalocean.client import DigitalOcean
from automation.simulators.digitalocean import DigitalOceanSimulator

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PAST, FUTURE = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
DROPLET: dict[str, Any] = {"name": "x", "region": "fra1", "size": "s-1vcpu-1gb", "image": "ubuntu-24-04-x64"}


def key(number: int = 0) -> str:
    """Return an SSH key of its own."""
    blob = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + number.to_bytes(32, "big")
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} test"


KEY = key()


def everything(cloud: DigitalOcean, number: int, *, ours: bool, until: datetime | None = None) -> None:
    """Make one of each kind, marked as ours or as nobody's."""
    api = cloud._pydo
    prefix = f"{'dogitops-' if ours else 'somebody-'}{number}"
    marks = ownership.tags("pr", until) if ours else ["somebody"]
    name = ownership.name_until(prefix, until) if until else prefix
    droplet = api.droplets.create({**DROPLET, "name": prefix, "tags": marks})["droplet"]["id"]
    cloud.droplets()  # it is active from the next request on
    volume = api.volumes.create({"name": prefix, "region": "fra1", "size_gigabytes": 10, "tags": marks})["volume"]["id"]
    api.volume_actions.post_by_id(volume, {"type": "attach", "droplet_id": droplet, "region": "fra1"})
    api.volume_snapshots.create(volume, {"name": prefix, "tags": marks})
    api.droplet_actions.post(droplet, {"type": "snapshot", "name": name})
    rule = {"entry_protocol": "tcp", "entry_port": 80, "target_protocol": "tcp", "target_port": 80}
    api.load_balancers.create({"name": name, "region": "fra1", "forwarding_rules": [rule]})
    inbound = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["192.0.2.0/24"]}}
    api.firewalls.create({"name": name, "inbound_rules": [inbound]})
    api.reserved_ips.create({"droplet_id": droplet})
    project = api.projects.create({"name": name, "purpose": "tests", "environment": "Development"})["project"]["id"]
    api.reserved_ips.create({"region": "fra1", "project_id": project})
    api.domains.create({"name": f"{prefix}.example.com" if not until else f"{name}.example.com"})
    shared = f"shared-{number}.example.org"
    api.domains.create({"name": shared})
    api.domains.create_record(shared, {"type": "A", "name": name, "data": "192.0.2.1"})
    api.ssh_keys.create({"name": name, "public_key": key(number)})
    api.spaces_key.create({"name": name, "grants": [{"bucket": "", "permission": "fullaccess"}]})
    api.vpcs.create({"name": name, "region": "fra1"})
    size = {"size": "db-s-1vcpu-1gb", "region": "fra1", "num_nodes": 1}
    api.databases.create_cluster({"name": prefix, "engine": "pg", **size, "tags": marks})
    pool = {"name": "pool", "size": "s-2vcpu-4gb", "count": 1}
    version = cloud.kubernetes_options().versions[0]
    api.kubernetes.create_cluster(
        {"name": prefix, "region": "fra1", "version": version, "tags": marks, "node_pools": [pool]}
    )


def there(sky: DigitalOceanSimulator) -> set[tuple[str, str]]:
    """Return all resources of a cloud, by kind and id, but not what only tells of the past."""
    with sky.lock:
        sky.settle()
        return {
            (kind, str(identity))
            for kind, found in sky.state.resources.items()
            if kind != "actions"
            for identity, one in found.items()
            if not getattr(one, "deleted", False)
        }
