"""A cluster of three control planes and a worker, each booted from nothing, behind a load balancer: and one is lost.

The pods' network is not part of it, so nodes register, and are not Ready.
"""

from __future__ import annotations

import json
import socket
import tarfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from automation import wait
from automation.droplets import boot, joining, keys
from automation.droplets.machine import Machine, replace_host_key, wait_for_ssh
from automation.process import run
from automation.toolchain import engine, install, oci, recipe
from automation.toolchain.image_build import Builder
from tests.e2e.droplets.local import artifact, droplet, mirror, rendered
from tests.e2e.droplets.local import docker as run_docker
from tests.e2e.droplets.test_user_data import KUBEADM

pytestmark = pytest.mark.e2e

NETWORK = "dogitops-droplet-kubeadm"
CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")
KUBERNETES = ("kubelet", "kubeadm", "kubectl")
# What a machine of this kind does not let containers do.
HERE = """\
version = 3
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
  base_runtime_spec = '/etc/containerd/base.json'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    SystemdCgroup = true
"""


@dataclass
class Cluster:
    """The machines, the control planes first, known by their own host keys; and the load balancer's backends."""

    machines: list[Machine] = field(default_factory=list)
    backends: list[str] = field(default_factory=list)

    def get(self, machine: Machine, what: str) -> Any:
        """Ask the API, at the load balancer, from one of the machines."""
        return json.loads(machine.ok(f"kubectl --kubeconfig /etc/kubernetes/admin.conf get {what} -o json"))


@contextmanager
def network(name: str) -> Iterator[str]:
    """Yield the address that this machine has in a network of its own."""
    run(["docker", "network", "rm", name], check=False)
    run_docker("network", "create", name)
    try:
        yield run_docker("network", "inspect", name, "--format", "{{(index .IPAM.Config 0).Gateway}}")
    finally:
        run(["docker", "network", "rm", name], check=False)


@contextmanager
def load_balancer(address: str, backends: list[str]) -> Iterator[str]:
    """Pass connections on to the first backend that takes them; yield the endpoint."""
    server = socket.create_server((address, 0))

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def pass_on(client: socket.socket) -> None:
        for backend in list(backends):
            with suppress(OSError):
                upstream = socket.create_connection((backend, 6443), timeout=2)
                upstream.settimeout(None)
                threading.Thread(target=pump, args=(client, upstream), daemon=True).start()
                return pump(upstream, client)
        client.close()
        return None

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                threading.Thread(target=pass_on, args=(client,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"{address}:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def prepared(folder: Path) -> tuple[Path, list[str]]:
    """Return a folder to download from, and what the image of such a machine has besides: images, and limits."""
    programs = install.ensure(*CONTAINERD, *KUBERNETES)
    files, images = folder / "mirror", folder / "images"
    files.mkdir()
    images.mkdir()
    with tarfile.open(files / "containerd.tar.gz", "w:gz", compresslevel=1) as archive:
        for name in CONTAINERD:
            archive.add(programs[name], f"bin/{name}")
    for name in KUBERNETES:
        (files / name).symlink_to(programs[name])
    inside = [reference for reference, each in recipe.load().images.items() if each.node]
    for number, layout in enumerate(Builder.default().build(*inside).values()):
        oci.pack(layout.folder, images / f"{number}.tar")
    volumes = ["/var", f"{images}:/usr/local/share/dogitops/images:ro", "/lib/modules:/lib/modules:ro"]
    if engine.lacks_sys_resource():
        spec = json.loads(run([programs["ctr"], "oci", "spec"]).stdout)
        spec["process"].pop("rlimits", None)
        (folder / "base.json").write_text(json.dumps(spec))
        (folder / "here.toml").write_text(HERE)
        volumes += [
            f"{folder}/base.json:/etc/containerd/base.json:ro",
            f"{folder}/here.toml:/etc/containerd/conf.d/here.toml:ro",
        ]
    return files, [word for volume in volumes for word in ("--volume", volume)]


@pytest.fixture(scope="module")
def cluster(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("kubeadm")
    login, boot_key = keys.new_pair("admin"), keys.new_pair("boot")
    files, options = prepared(folder)
    made = Cluster()
    with ExitStack() as stack:
        url = stack.enter_context(mirror(files))
        endpoint = stack.enter_context(load_balancer(stack.enter_context(network(NETWORK)), made.backends))
        artifacts = [artifact(url, files / name, f"/usr/local/bin/{name}") for name in KUBERNETES]
        artifacts.append(artifact(url, files / "containerd.tar.gz", "/usr/local/"))
        booting = []
        for role, number in (("control-plane", 1), ("control-plane", 2), ("control-plane", 3), ("worker", 1)):
            name = f"dogitops-droplet-{role}-{number}"
            facts = {**KUBEADM, "endpoint": endpoint, "role": role, "number": str(number)}
            text = rendered(folder / name / "tofu", facts, boot_key, design="kubeadm", artifacts=artifacts)
            seed = folder / name / "seed"
            where = ("--network", NETWORK, *options)
            booting.append(stack.enter_context(droplet(name, seed, text, login, boot_key, *where)))
            if role == "control-plane":
                made.backends.append(booting[-1].address)
        for machine in booting:
            wait_for_ssh(machine, 120)
            made.machines.append(replace_host_key(machine, lambda _: None))
            first, now = made.machines[0], made.machines[-1]
            more = "control-plane" in now.name
            gives = {"join.env": lambda first=first, more=more: joining.kubeadm(first, control_plane=more)}
            boot.wait_for_boot(now, timeout=240, gives=gives)
        yield made


def test_all_machines_are_nodes_of_one_cluster(cluster: Cluster) -> None:
    nodes = cluster.get(cluster.machines[0], "nodes")["items"]
    roles = {
        it["metadata"]["name"]: "node-role.kubernetes.io/control-plane" in it["metadata"]["labels"] for it in nodes
    }
    assert roles == {machine.name: "control-plane" in machine.name for machine in cluster.machines}
    assert {it["status"]["nodeInfo"]["kubeletVersion"] for it in nodes} == {"v1.34.4"}


def test_tokens_are_short_lived_and_none_is_left_on_a_machine(cluster: Cluster) -> None:
    for machine in cluster.machines:
        assert machine.run("ls /run/dogitops/handover").code != 0
    told = cluster.machines[0].ok("kubeadm token list -o json").replace("}\n{", "},{")
    assert told.count('"expires"') == told.count('"token"') > 0


def test_the_api_tells_who_did_what(cluster: Cluster) -> None:
    log = cluster.machines[0].ok("tail -n 200 /var/log/kubernetes/audit.log").splitlines()
    assert {json.loads(line)["kind"] for line in log} == {"Event"}


def test_one_control_plane_is_lost_and_the_api_goes_on(cluster: Cluster) -> None:
    lost, second = cluster.machines[0], cluster.machines[1]
    run_docker("kill", lost.name)

    def answers() -> bool:
        done = second.run("kubectl --kubeconfig /etc/kubernetes/admin.conf create namespace after-the-loss")
        return done.code == 0 or "already exists" in done.text

    wait.until(answers, "the API to take a change with two control planes", timeout=90)
    names = [it["metadata"]["name"] for it in cluster.get(second, "namespaces")["items"]]
    assert "after-the-loss" in names
