"""A Kubernetes cluster of the simulated DigitalOcean is a real one: its nodes, labels, taints, and its end."""

from __future__ import annotations

import base64
import http.client
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation import wait
from automation.jobs.simulated_clusters import kind_maker
from automation.kube import Kube
from automation.simulators.digitalocean import DigitalOceanSimulator, Limits, makers
from tests.unit.simulators.digitalocean.ocean import client_of

TAINT = {"key": "only", "value": "batch", "effect": "NoSchedule"}
POOL = {"name": "dogitops-e2e-web", "size": "s-2vcpu-4gb", "count": 1, "labels": {"tier": "web"}}
pytestmark = pytest.mark.e2e
MINUTES = 300.0


@pytest.fixture(scope="module")
def cloud(docker: None) -> Iterator[DigitalOceanSimulator]:
    limits = Limits(hour=None, minute=None)
    with DigitalOceanSimulator(limits=limits, seed=20_260) as cloud, makers.using(cloud, kind_maker(most=2)) as works:
        yield cloud
    assert works.made == set()


def containers(name: str) -> list[str]:
    listed = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"name={name}"], check=True, capture_output=True, text=True
    )
    return listed.stdout.split()


def settled(client: Any, number: str, pool: str, count: int) -> dict[str, Any]:
    def seen() -> dict[str, Any] | None:
        cluster = client.kubernetes.get_cluster(number)["kubernetes_cluster"]
        assert cluster["status"]["state"] != "error", cluster["status"]
        found = client.kubernetes.get_node_pool(number, pool)["node_pool"]
        states = [it["status"]["state"] for it in found["nodes"]]
        return found if cluster["status"]["state"] == "running" and states == ["running"] * count else None

    return wait.until(seen, f"{count} running nodes", timeout=MINUTES, interval=1)


def workers(kube: Kube) -> dict[str, dict[str, Any]]:
    nodes = kube.list("v1", "Node")
    return {it["metadata"]["name"]: it for it in nodes if "control-plane" not in it["metadata"]["name"]}


def test_a_cluster_of_the_simulator_is_real_from_its_nodes_to_its_end(
    cloud: DigitalOceanSimulator, tmp_path: Path
) -> None:
    client = client_of(cloud)
    body = {"name": "e2e", "region": "fra1", "version": "1.34.5-do.3", "ha": False, "node_pools": [POOL]}
    made = client.kubernetes.create_cluster(body)["kubernetes_cluster"]
    number, pool = made["id"], made["node_pools"][0]["id"]
    (node,) = settled(client, number, pool, 1)["nodes"]
    assert "message" not in node["status"]

    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(text_of(cloud, f"/v2/kubernetes/clusters/{number}/kubeconfig"))
    kubeconfig.chmod(0o600)
    kube = Kube(kubeconfig)
    assert list(workers(kube)) == [node["name"]]
    labels = workers(kube)[node["name"]]["metadata"]["labels"]
    assert (labels["tier"], labels["doks.digitalocean.com/node-pool"]) == ("web", POOL["name"])
    credentials = client.kubernetes.get_credentials(number)
    assert base64.b64decode(credentials["client_certificate_data"]).startswith(b"-----BEGIN CERTIFICATE")

    change = {"name": POOL["name"], "count": 3, "labels": {"tier": "batch"}, "taints": [TAINT]}
    client.kubernetes.update_node_pool(number, pool, change)
    nodes = settled(client, number, pool, 3)["nodes"]
    real = [it["name"] for it in nodes if "message" not in it["status"]]
    assert len(real) == 2  # and the third says that no real node is behind it
    found = workers(kube)
    assert sorted(found) == sorted(real)
    for it in found.values():
        assert it["metadata"]["labels"]["tier"] == "batch"
        assert TAINT in it["spec"]["taints"]
        assert any(said["type"] == "Ready" and said["status"] == "True" for said in it["status"]["conditions"])

    client.kubernetes.update_node_pool(number, pool, {"name": POOL["name"], "count": 1})
    (left,) = settled(client, number, pool, 1)["nodes"]
    assert list(workers(kube)) == [left["name"]]
    assert len(containers(POOL["name"])) == 1

    client.kubernetes.delete_cluster(number)
    wait.until(lambda: client.kubernetes.get_cluster(number).get("id"), "the 404", timeout=MINUTES, interval=1)
    assert containers(POOL["name"]) == []
    assert containers(number[:8]) == []


def text_of(cloud: DigitalOceanSimulator, path: str) -> str:
    connection = http.client.HTTPConnection(cloud.url.removeprefix("http://"), timeout=10)
    connection.request("GET", path, headers={"Authorization": f"Bearer {cloud.token()}"})
    text = connection.getresponse().read().decode()
    connection.close()
    return text
