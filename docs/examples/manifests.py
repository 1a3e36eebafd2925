#!/usr/bin/env python3
"""Make the example of a comment on manifests: ``manifests.py`` writes the Markdown, docs/images/render.py draws it.

The cluster is invented, and always the same.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from automation.gitops.comparison import Side, compare, words  # noqa: E402 - the package of this clone
from automation.gitops.comparison.sides import key_of  # noqa: E402
from automation.gitops.manifests import Entry  # noqa: E402

FILE = Path(__file__).resolve().parent / "manifests.md"
Manifest = dict[str, Any]


def manifest(kind: str, name: str, api: str = "v1", **more: Any) -> Manifest:
    """Return an object in the namespace of the shop."""
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, **more}


def before() -> dict[str, list[Manifest]]:
    """Return what the cluster runs, by application."""
    container = {"name": "web", "image": "registry.example.com/shop/web:1.8.2", "ports": [{"containerPort": 8080}]}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}}
    database = {"serviceName": "orders", "selector": {"matchLabels": {"app": "orders"}}}
    return {
        "shop": [
            manifest(
                "Deployment", "web", "apps/v1", spec={"replicas": 2, "template": {"spec": {"containers": [container]}}}
            ),
            manifest("ConfigMap", "web", data={"shop.ini": "[cart]\nlongest = 20\npassword = hunter2\n"}),
            manifest("Secret", "payments", data={"key": "aHVudGVyMg==", "url": "aHR0cHM6Ly9hLmI="}),
            manifest("PersistentVolumeClaim", "uploads", spec=claim),
            manifest("StatefulSet", "orders", "apps/v1", spec=database | {"volumeClaimTemplates": [{"spec": claim}]}),
        ],
        "backups": [manifest("Schedule", "nightly", "velero.io/v1", spec={"schedule": "0 2 * * *"})],
    }


def after() -> dict[str, list[Manifest]]:
    """Return what it runs after the merge."""
    found = copy.deepcopy(before())
    web, settings, secret, _, orders = found["shop"]
    web["spec"]["replicas"] = 3
    web["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/shop/web:1.9.0"
    settings["data"]["shop.ini"] = "[cart]\nlongest = 50\npassword = hunter2\n"
    secret["data"]["key"] = "c3dvcmRmaXNo"
    orders["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] = "40Gi"
    budget = manifest("PodDisruptionBudget", "web", "policy/v1", spec={"minAvailable": 2})
    return {"shop": [web, settings, secret, orders, budget], "backups": []}


def side(applications: dict[str, list[Manifest]], version: str) -> Side:
    """Return one side of the comparison, with a chart whose vendor can't be reached."""
    chart = {"repository": "https://traefik.github.io/charts", "chart": "traefik", "version": version}
    return Side(
        objects={key_of(name, one, "shop"): one for name, listed in applications.items() for one in listed},
        entries={name: Entry(name, "shop", f"gitops/apps/{name}", "apps", "apps") for name in applications},
        charts={"ingress": chart | {"namespace": "ingress"}},
        unknown={"ingress": "traefik.github.io can't be reached from here"},
    )


def text() -> str:
    """Return the comment."""
    facts = words.Facts(
        "production",
        "5f0c1d27a9be4e0f3b6d8a1c2e4f60718293a4b5",
        "9c1185a5c5e9fc54612808977ee8f548b2258d31",
        "https://github.com/acme/platform/actions/runs/17342118854",
    )
    return words.comment(compare(side(before(), "41.3.0"), side(after(), "41.4.0")), facts) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
