#!/usr/bin/env python3
"""Make the examples of plan comments: ``make.py`` writes the Markdown, docs/images/render.py draws it.

The plans are invented, in the shape that ``tofu show -json`` has for DigitalOcean's provider, and always the same.
"""

from __future__ import annotations

import copy
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from automation.opentofu import comment, cost, guard, plan  # noqa: E402 - the package of this clone
from automation.opentofu.comment import Facts  # noqa: E402
from automation.opentofu.policy import PolicyResult  # noqa: E402

HERE = Path(__file__).resolve().parent
REGIONS = ("fra1", "ams3", "nyc3", "sgp1")
PROVIDER = "digitalocean/digitalocean"
Document = dict[str, Any]


def change(
    address: str,
    actions: list[str],
    before: Document | None,
    after: Document | None,
    *,
    unknown: Document | None = None,
    sensitive: Document | None = None,
    **more: Any,
) -> Document:
    """Return one entry of resource_changes."""
    module, _, rest = address.rpartition(".digitalocean_") if address.startswith("module.") else ("", "", address)
    kind = (f"digitalocean_{rest}" if module else rest).split(".")[0]
    inner = {
        "actions": actions,
        "before": before,
        "after": after,
        "after_unknown": unknown or {},
        "before_sensitive": sensitive or {},
        "after_sensitive": sensitive or {},
    }
    inner |= {key: more.pop(key) for key in ("replace_paths", "importing") if key in more}
    found = {"address": address, "mode": "managed", "type": kind, "name": "x", "provider_name": PROVIDER}
    return found | ({"module_address": module} if module else {}) | {"change": inner} | more


def update(address: str, before: Document, **changes: Any) -> Document:
    """Return a change in place of some attributes."""
    return change(address, ["update"], before, {**copy.deepcopy(before), **changes})


def document(changes: list[Document], **more: Any) -> Document:
    """Return what ``tofu show -json`` prints, as far as it is read."""
    head = {"format_version": "1.2", "terraform_version": "1.12.6", "planned_values": {}, "output_changes": {}}
    return head | {"resource_changes": changes, "complete": True, "errored": False} | more


def droplet(name: str, number: int, size: str = "s-2vcpu-4gb", image: str = "ubuntu-24-04-x64") -> Document:
    """Return the values of a droplet."""
    return {
        "name": f"{name}-{number:04d}",
        "size": size,
        "region": REGIONS[number % 4],
        "image": image,
        "monitoring": True,
        "backups": number % 5 == 0,
        "tags": ["owner:platform", f"role:{name}"],
        "user_data": None,
    }


def record(number: int, ttl: int = 1800) -> Document:
    """Return the values of a DNS record."""
    return {
        "domain": "example.com",
        "type": "A",
        "name": f"app-{number}",
        "value": f"203.0.113.{number % 250}",
        "ttl": ttl,
    }


def small() -> Document:
    """Return the plan of an ordinary pull request: a cluster upgraded, a volume grown, a droplet replaced."""
    cluster = {
        "name": "production",
        "region": "fra1",
        "version": "1.34.5-do.3",
        "ha": True,
        "auto_upgrade": False,
        "tags": ["owner:platform"],
        "node_pool": [
            {"name": "workers", "size": "s-4vcpu-8gb", "auto_scale": True, "min_nodes": 3, "max_nodes": 6, "tags": []}
        ],
        "kube_config": [{"token": "canary"}],
    }
    grown = copy.deepcopy(cluster) | {"version": "1.35.5-do.2"}
    grown["node_pool"][0] |= {"max_nodes": 9}
    firewall = {
        "name": "workers",
        "inbound_rule": [
            {"protocol": "tcp", "port_range": "443", "source_addresses": ["0.0.0.0/0", "::/0"]},
            {"protocol": "tcp", "port_range": "22", "source_addresses": ["192.0.2.0/24"]},
        ],
        "tags": ["owner:platform"],
    }
    opened = copy.deepcopy(firewall)
    opened["inbound_rule"] = opened["inbound_rule"][:1]
    bastion = droplet("bastion", 1, "s-1vcpu-1gb", "debian-12-x64")
    volume = {
        "name": "reports",
        "region": "fra1",
        "size": 100,
        "initial_filesystem_type": "ext4",
        "tags": ["owner:data"],
    }
    return document(
        [
            change(
                "digitalocean_volume.reports", ["delete"], volume, None,
                action_reason="delete_because_no_resource_config",
            ),
            change(
                "digitalocean_droplet.bastion", ["delete", "create"], bastion | {"ipv4_address": "203.0.113.7"},
                bastion | {"image": "debian-13-x64"}, unknown={"ipv4_address": True, "id": True},
                replace_paths=[["image"]], action_reason="replace_because_cannot_update",
            ),
            change(
                "digitalocean_kubernetes_cluster.main", ["update"], cluster, grown,
                sensitive={"kube_config": True},
            ),
            update("digitalocean_firewall.workers", firewall, inbound_rule=opened["inbound_rule"]),
            change(
                "digitalocean_loadbalancer.ingress", ["create"], None,
                {"name": "ingress", "region": "fra1", "size_unit": 2, "algorithm": "round_robin"},
                unknown={"id": True, "ip": True, "urn": True},
            ),
            change(
                'digitalocean_record.app["www"]', ["no-op"], record(1), record(1),
                previous_address="digitalocean_record.www",
            ),
        ],
        output_changes={
            "ingress_ip": {"actions": ["create"], "before": None, "after_unknown": True},
            "kubernetes_version": {"actions": ["update"], "before": "1.34.5-do.3", "after": "1.35.5-do.2"},
        },
        resource_drift=[
            update("digitalocean_vpc.main", {"name": "main", "description": "made by hand"}, description="production")
        ],
    )  # fmt: skip


def large(many: int = 10_000) -> Document:
    """Return the plan of a platform that moves: ``many`` changes of every kind, in modules, of every size."""
    changes: list[Document] = []
    shares = {
        "delete": 0.01,
        "replace": 0.008,
        "alike": 0.35,
        "update": 0.05,
        "text": 0.01,
        "move": 0.02,
        "import": 0.01,
    }
    counts = {name: max(1, int(many * share)) for name, share in shares.items()}
    for n in range(counts["delete"]):
        kind = ("volume", "volume_snapshot", "droplet", "spaces_bucket", "record")[n % 5]
        values = record(n) if kind == "record" else {"name": f"old-{n}", "region": REGIONS[n % 4], "size": 20 + n % 80}
        values |= {"size": "s-1vcpu-2gb"} if kind == "droplet" else {}
        changes.append(
            change(
                f'module.legacy["{REGIONS[n % 4]}"].digitalocean_{kind}.old["tenant-{n:04d}"]',
                ["delete"], values, None,
                action_reason=("delete_because_each_key", "delete_because_no_resource_config")[n % 2],
            )
        )  # fmt: skip
    for n in range(counts["replace"]):
        before = droplet("worker", n)
        after = before | ({"image": "ubuntu-26-04-x64"} if n % 3 else {"region": "fra1" if n % 4 else "lon1"})
        changes.append(
            change(
                f'module.workers["{REGIONS[n % 4]}"].digitalocean_droplet.worker[{n}]',
                ["create", "delete"] if n % 2 else ["delete", "create"],
                before | {"id": str(n), "urn": f"do:droplet:{n}"}, after, unknown={"id": True, "urn": True},
                replace_paths=[["image"] if n % 3 else ["region"]], action_reason="replace_because_cannot_update",
            )
        )  # fmt: skip
    changes += [
        update(f'module.dns.digitalocean_record.app["app-{n}"]', record(0), ttl=300) for n in range(counts["alike"])
    ]
    changes += [_updated(n) for n in range(counts["update"])]
    for n in range(counts["text"]):
        lines = ["#cloud-config", "package_update: true", "packages:", "  - fail2ban", f"  - tool-{n}", "runcmd:"]
        lines += [f"  - [systemctl, enable, unit-{i}]" for i in range(12)]
        after = [*lines[:4], f"  - tool-{n}-v2", *lines[5:]]
        before = droplet("edge", n) | {"user_data": "\n".join(lines), "graceful_shutdown": False}
        changes.append(
            update(
                f"module.edge.digitalocean_droplet.edge[{n}]", before, user_data="\n".join(after),
                graceful_shutdown=True,
            )
        )  # fmt: skip
    for n in range(counts["move"]):
        name = f"module.dns.digitalocean_record.moved[{n}]"
        changes.append(change(name, ["no-op"], record(n), record(n), previous_address=f"digitalocean_record.old[{n}]"))
    for n in range(counts["import"]):
        name = f'digitalocean_tag.imported["team-{n}"]'
        changes.append(
            change(name, ["no-op"], {"name": f"team-{n}"}, {"name": f"team-{n}"}, importing={"id": f"team-{n}"})
        )
    kinds = ("record", "droplet", "volume", "firewall", "tag")
    for n in range(many - len(changes)):
        kind = kinds[min(4, n % 13 // 2)]
        values = {
            "record": record(n),
            "droplet": droplet("app", n),
            "volume": {"name": f"data-{n}", "region": REGIONS[n % 4], "size": 50},
            "firewall": {"name": f"fw-{n}", "inbound_rule": [{"protocol": "tcp", "port_range": "443"}]},
            "tag": {"name": f"tenant-{n}"},
        }[kind]
        address = f'module.tenants["{REGIONS[n % 4]}"].digitalocean_{kind}.new["tenant-{n:05d}"]'
        changes.append(change(address, ["create"], None, values, unknown={"id": True, "urn": True}))
    outputs = {
        f"endpoint_{region}": {
            "actions": ["update"],
            "before": f"{region}.old.example.com",
            "after": f"{region}.example.com",
        }
        for region in REGIONS
    }
    drift = [
        update(
            f"module.edge.digitalocean_droplet.edge[{n}]",
            droplet("edge", n),
            tags=["owner:platform", "touched-by-hand"],
        )
        for n in range(7)
    ]
    return document(changes, output_changes=outputs, resource_drift=drift)


def _updated(number: int) -> Document:
    """Return one of the updates that are all different."""
    region = REGIONS[number % 4]
    if number % 3 == 0:
        pool = {"name": f"pool-{number}", "size": "s-4vcpu-8gb", "node_count": 3, "auto_scale": False}
        pool |= {
            "taint": [{"key": "dedicated", "value": f"team-{number}", "effect": "NoSchedule"}],
            "tags": ["owner:platform"],
        }
        changed = {"auto_scale": True, "min_nodes": 3, "max_nodes": 4 + number % 5, "taint": [], "node_count": 3}
        return update(
            f'module.clusters["{region}"].digitalocean_kubernetes_node_pool.pool["{number}"]', pool, **changed
        )
    if number % 3 == 1:
        rules = [
            {"protocol": "tcp", "port_range": str(8000 + number), "source_addresses": ["10.0.0.0/8"]},
            {"protocol": "tcp", "port_range": "22", "source_addresses": ["192.0.2.0/24"]},
        ]
        firewall = {"name": f"fw-{number}", "inbound_rule": rules, "tags": ["owner:platform"]}
        return update(
            f'module.tenants["{region}"].digitalocean_firewall.fw["{number}"]', firewall, inbound_rule=rules[:1]
        )
    volume = {"name": f"data-{number}", "region": region, "size": 50, "tags": ["owner:platform"]}
    return update(
        f'module.tenants["{region}"].digitalocean_volume.data["{number}"]', volume, size=60 + number,
        tags=["owner:platform", f"tenant:{number}"],
    )  # fmt: skip


def shown(raw: Document, policy: tuple[PolicyResult, ...] = (), notes: tuple[str, ...] = ()) -> str:
    """Return the comment for a plan's document."""
    parsed = plan.parse(raw)
    facts = Facts(
        environment="production",
        digest="4be1f09a6d2c8e7750cd3a1b" * 2,
        run_url="https://github.com/acme/platform/actions/runs/17342118854",
        head_sha="9c1185a5c5e9fc54612808977ee8f548b2258d31",
        findings=guard.judge(parsed),
        policy=policy,
        cost=cost.difference(parsed),
        notes=notes,
        expires=datetime(2026, 12, 1, 9, 30, tzinfo=UTC),
    )
    return comment.plan_comment(parsed, facts)


def texts() -> dict[str, str]:
    """Return the examples by the names of their files."""
    https = PolicyResult(
        "open_ports", "warning", "HTTPS is open to everybody (0.0.0.0/0).", "digitalocean_firewall.workers",
        "opentofu/environments/production/firewall.tf", 12,
    )  # fmt: skip
    return {
        "plan-small.md": shown(small(), (https,)) + "\n",
        "plan-10000-changes.md": shown(large()) + "\n",
    }


def main() -> None:
    """Write the examples beside this file."""
    for name, content in texts().items():
        (HERE / name).write_text(content)


if __name__ == "__main__":
    main()
