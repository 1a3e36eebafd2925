"""A real kind cluster of two nodes, made once and shared by the tests that look at clusters from inside.

PYTEST_DONT_REWRITE: tests import names from here before pytest loads it as a plugin.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from automation.clusters.base import ClusterSpec
from automation.clusters.kind import KindProvider
from automation.kube import Kube
from automation.toolchain import engine, images, install
from automation.toolchain.locks import locked
from automation.workspace import cache_folder
from tests.e2e.images import in_docker

NAME = "dogitops-e2e-nodes"
CONTROL_PLANE, WORKER = f"{NAME}-control-plane", f"{NAME}-worker"
BUSYBOX = "docker.io/library/busybox:1.36.1"
USERS_KUBECONFIG = Path.home() / ".kube" / "config"


@dataclass
class Nodes:
    """The cluster, and how to get rid of it."""

    provider: KindProvider
    spec: ClusterSpec
    kubeconfig: Path
    users_kubeconfig_before: str
    released: bool = False

    @property
    def kube(self) -> Kube:
        return Kube(self.kubeconfig)

    def release(self) -> None:
        """Delete the cluster and hold that nothing of it is left."""
        if self.released:
            return
        volumes = [mount["Name"] for node in inspected() for mount in node["Mounts"] if mount["Type"] == "volume"]
        assert volumes, "a node keeps its data on a volume"
        assert self.provider.delete(NAME)
        self.released = True
        assert docker("ps", "-aq", "--filter", f"label=io.x-k8s.kind.cluster={NAME}") == "", "containers are left"
        assert NAME not in docker("network", "ls", "--format", "{{.Name}}").split(), "the network is left"
        assert not set(volumes) & set(docker("volume", "ls", "-q").split()), "volumes are left"
        assert content(USERS_KUBECONFIG) == self.users_kubeconfig_before, "the user's own kubeconfig was changed"
        assert not self.provider.delete(NAME), "deleting again is no error, and finds nothing"


def kind_provider(**options: Any) -> KindProvider:
    image = images.node_image()
    return KindProvider(install.path("kind"), image, engine.image_label(image, "dogitops.cni"), **options)


def inspected() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(docker("inspect", CONTROL_PLANE, WORKER))
    return found


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def content(file: Path) -> str:
    return file.read_text() if file.exists() else ""


@pytest.fixture(scope="session")
def nodes(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Yield the cluster; what an earlier, killed run left under its name goes first."""
    provider = kind_provider()
    with locked(cache_folder() / "e2e" / "nodes.lock", "the tests of clusters"):
        provider.delete(NAME)
        kubeconfig = tmp_path_factory.mktemp("nodes") / "kubeconfig"
        made = Nodes(provider, ClusterSpec(NAME, control_planes=1, workers=1), kubeconfig, content(USERS_KUBECONFIG))
        try:
            provider.create(made.spec, made.kubeconfig)
            provider.load_images(NAME, [in_docker(BUSYBOX)])
            yield made
            made.release()
        finally:
            provider.delete(NAME)


@pytest.fixture(scope="session")
def kubeconfig(nodes: Nodes) -> Path:
    """Return what the fixture ``kube`` connects to."""
    return nodes.kubeconfig
