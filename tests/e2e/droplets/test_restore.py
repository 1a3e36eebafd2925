"""From two tokens to applications from Git, and back after a full wipe: one command each.

DigitalOcean is the simulator and its droplet runs here. K3s can't be had: the program that stands in for it passes its
API on to a cluster that kind makes when the machine comes, and that is gone when the machine goes. Argo CD, Velero, Git
and the S3 server are real.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from automation import daemon
from automation.clusters.base import ClusterSpec
from automation.gitops import repository
from automation.jobs.machines.simulated_clusters import kind_maker
from automation.process import run
from automation.simulators.digitalocean.models.droplets import Droplet
from automation.toolchain import engine, images, install
from tests.e2e.conftest import git
from tests.e2e.digitalocean.conftest import configuration
from tests.e2e.droplets.estate import NETWORK
from tests.e2e.droplets.local import docker as run_docker
from tests.e2e.droplets.place import NAME, Place, placed, stand_in
from tests.e2e.pulls import make_tree
from tests.e2e.scheduled import MIRROR, free_port, replace

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]
__all__ = ["configuration"]  # a fixture

CLUSTER, ADDRESS = "dogitops-estate-k3s", "198.19.255.250"
NODES = "gitops/clusters/single-node"


class Behind:
    """The real cluster behind the machine: made and removed with it."""

    def __init__(self, folder: Path, mirror: str) -> None:
        self.folder = folder
        self.provider = kind_maker(1, mirror).provider
        self.mirrors = tuple(sorted(images.containerd_hosts(mirror).items())) if mirror else ()
        folder.mkdir()

    def made(self, _: Droplet) -> None:
        kubeconfig = self.folder.parent / "behind" / "kubeconfig"
        self.provider.create(ClusterSpec(CLUSTER, mirrors=self.mirrors), kubeconfig)
        (node,) = self.provider.nodes(CLUSTER)
        run_docker("network", "connect", "--ip", ADDRESS, NETWORK, node)
        (self.folder / "kubeconfig").write_text(kubeconfig.read_text())
        (self.folder / "address").write_text(f"{ADDRESS}:6443")

    def gone(self, _: int) -> None:
        for file in self.folder.iterdir():
            file.unlink()
        self.provider.delete(CLUSTER)


def settled(root: Path, spaces: int, code: str) -> None:
    """Write the addresses of this test's servers into the clone, and have volumes where kind has some."""
    bridge = engine.bridge_address()
    clusters = root / "gitops/clusters"
    text = (clusters / "ephemeral/kustomization.yaml").read_text()
    (clusters / "single-node/kustomization.yaml").write_text(
        text.replace("ephemeral/velero", "single-node/velero").replace("https://github.com/OWNER/dogitops.git", code)
    )
    replace(
        clusters / "single-node/velero/kustomization.yaml",
        "https://fra1.digitaloceanspaces.com",
        f"http://{bridge}:{spaces}",
    )
    file = root / "opentofu/environments/single-node/environment.yaml"
    told = yaml.safe_load(file.with_name("environment.example.yaml").read_text())
    told["gitops"]["repository"] = code
    told["secrets"] = [one for one in told["secrets"] if one["namespace"] != "digitalocean"]
    file.write_text(yaml.safe_dump(told, sort_keys=False))


@pytest.fixture(scope="module")
def place(docker: None, configuration: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("restore")
    root, origin, bridge = folder / "desk", folder / "origin.git", engine.bridge_address()
    make_tree(root)
    port, spaces = free_port(bridge), free_port(bridge)
    settled(root, spaces, f"http://{bridge}:{port}/repository.git")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "As tested")
    git(folder, "clone", "-q", "--bare", str(root), str(origin))
    images.ensure(*images.for_local())
    behind = Behind(folder / "target", images.serve_mirror(folder / "mirror", free_port(bridge)) or "")
    try:
        repository.serve(folder / "git", origin, bridge, port)
        options = ("--volume", f"{folder}/target:/usr/local/share/stand-in:ro")
        with placed(
            folder, root, configuration, program=stand_in(), options=options, spaces_port=spaces,
            made=behind.made, gone=behind.gone,
        ) as made:  # fmt: skip
            yield made
    finally:
        repository.stop(folder / "git")
        daemon.stop(folder / "mirror", MIRROR)
        behind.provider.delete(CLUSTER)


def kubectl(place: Place, *words: str) -> str:
    return run([install.path("kubectl"), "--kubeconfig", place.kept / "kubeconfig", *words], timeout=120).stdout


def entry(place: Place, *words: str) -> str:
    """Ask the sample application's Redis."""
    secret = json.loads(kubectl(place, "get", "secret", "ledger-redis", "-n", "ledger", "-o", "json"))
    password = base64.b64decode(secret["data"]["password"]).decode()
    exec_ = ("exec", "-n", "ledger", "statefulset/redis", "-c", "redis", "--")
    return kubectl(place, *exec_, "env", f"REDISCLI_AUTH={password}", "redis-cli", *words).strip()


def test_a_wiped_environment_is_rebuilt_and_restored_by_the_same_command(place: Place) -> None:
    told = place.run("bootstrap", "single-node", GITHUB_TOKEN="a-token-that-nobody-needs-here")
    assert "Synced" in told
    entry(place, "SET", "kept", "before the wipe")
    place.run("backup", "single-node", "--name", "before-the-wipe")
    place.run("cluster", "delete", "single-node", "--yes")
    with place.cloud.lock:
        assert not place.cloud.state.all(Droplet)
    told = place.run("bootstrap", "single-node", "--restore", "before-the-wipe")
    assert entry(place, "GET", "kept") == "before the wipe"
    assert f"{NAME}" in told
