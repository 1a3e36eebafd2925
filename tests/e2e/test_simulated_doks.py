"""A Kubernetes cluster of the simulated DigitalOcean is a real one: its nodes, labels, taints, and its end."""

from __future__ import annotations

import base64
import http.client
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation import wait
from automation.clusters.base import ClusterSpec
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.doks import DoksProvider
from automation.digitalocean.transport import Patience
from automation.jobs.machines.simulated_clusters import kind_maker
from automation.kube import Kube
from automation.secret import Secret
from automation.simulators.digitalocean import DigitalOceanSimulator, Limits, makers
from tests.integration.simulators.digitalocean.ocean import client_of

TAINT = {"key": "only", "value": "batch", "effect": "NoSchedule"}
POOL: dict[str, Any] = {"name": "dogitops-e2e-web", "size": "s-2vcpu-4gb", "count": 1, "labels": {"tier": "web"}}
pytestmark = [pytest.mark.e2e, pytest.mark.thorough]
MINUTES = 300.0


@pytest.fixture(scope="module")
def cloud(docker: None) -> Iterator[DigitalOceanSimulator]:
    limits = Limits(hour=None, minute=None)
    with DigitalOceanSimulator(limits=limits, seed=20_260) as cloud, makers.using(cloud, kind_maker(most=2)) as works:
        yield cloud
    assert works.made == set()


def docker_says(*words: str) -> list[str]:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.split()


def containers(name: str) -> list[str]:
    """Return the containers whose name, or whose cluster's name, has this in it."""
    listed = docker_says("ps", "-a", "--format", '{{.ID}}/{{.Names}}/{{.Label "io.x-k8s.kind.cluster"}}')
    return [it.partition("/")[0] for it in listed if name in it]


def volumes(name: str) -> list[str]:
    """Return the volumes of the containers of a name; none of one that is just being made."""
    told = ["docker", "inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", *containers(name)]
    return subprocess.run(told, check=False, capture_output=True, text=True).stdout.split()


def assert_nothing_left(name: str, had: list[str]) -> None:
    """No container and no network of the name, and none of the volumes that they had."""
    assert containers(name) == []
    assert docker_says("network", "ls", "-q", "--filter", f"name={name}") == []
    assert had
    assert not set(had) & set(docker_says("volume", "ls", "-q"))


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

    had = volumes(number[:8])
    client.kubernetes.delete_cluster(number)
    wait.until(lambda: client.kubernetes.get_cluster(number).get("id"), "the 404", timeout=MINUTES, interval=1)
    assert containers(POOL["name"]) == []
    assert_nothing_left(number[:8], had)


def text_of(cloud: DigitalOceanSimulator, path: str) -> str:
    connection = http.client.HTTPConnection(cloud.url.removeprefix("http://"), timeout=10)
    connection.request("GET", path, headers={"Authorization": f"Bearer {cloud.token()}"})
    text = connection.getresponse().read().decode()
    connection.close()
    return text


@dataclass
class Command:
    """The command ``simulate digitalocean`` as a process of its own."""

    child: subprocess.Popen[str]
    cloud: DigitalOcean

    @property
    def provider(self) -> DoksProvider:
        until = datetime.now(UTC) + timedelta(hours=1)
        return DoksProvider(self.cloud, "fra1", "s-2vcpu-4gb", environment="e2e", until=until)


@contextmanager
def command() -> Iterator[Command]:
    words = ["simulate", "digitalocean", "--clusters", "kind", "--nodes", "1", "--pace", "0"]
    argv = [sys.executable, "-m", "automation", *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            url, token = child.stdout.readline().strip(), child.stdout.readline().strip()
            yield Command(child, DigitalOcean(Secret(token), url, Patience(poll=0.5)))
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=MINUTES) == 0
        finally:
            child.kill()


def test_doks_is_a_cluster_provider_from_the_command_line_to_a_node(docker: None, tmp_path: Path) -> None:
    spec = ClusterSpec("dogitops-e2e-doks", workers=1)
    with command() as simulator:
        provider, kubeconfig = simulator.provider, tmp_path / "kubeconfig"
        provider.create(spec, kubeconfig)
        kube = Kube(kubeconfig)
        assert list(workers(kube)) == provider.nodes(spec.name)
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "used"}})
        provider.create(spec, tmp_path / "again")  # it is there: nothing is made
        assert [it["metadata"]["name"] for it in Kube(tmp_path / "again").list("v1", "Namespace")].count("used") == 1
        (cluster,) = simulator.cloud.clusters()
        had = volumes(cluster.id[:8])
    assert_nothing_left(cluster.id[:8], had)  # the command's end ends its clusters


def test_what_a_killed_simulator_left_is_removed_by_the_next(docker: None) -> None:
    pool = {"name": "dogitops-e2e-killed", "size": "s-2vcpu-4gb", "count": 1}
    body = {"name": "killed", "region": "fra1", "version": "1.34.5-do.3", "ha": False, "node_pools": [pool]}
    argv = [sys.executable, "-m", "automation", "simulate", "digitalocean", "--clusters", "kind", "--seed", "20261"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        url, token = child.stdout.readline().strip(), child.stdout.readline().strip()
        made = DigitalOcean(Secret(token), url)._pydo.kubernetes.create_cluster(body)["kubernetes_cluster"]["id"]
        had = wait.until(lambda: volumes(made[:8]), "the first container", timeout=MINUTES, interval=0.2)
        child.kill()
    kind_maker()
    assert_nothing_left(made[:8], had)
