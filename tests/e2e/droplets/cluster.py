"""Machines of a kubeadm cluster that run here: containers in a network of their own, with what they download at hand.

The images that nodes need can't be pulled everywhere, so they lie in the machines' image; all else is downloaded.
"""

from __future__ import annotations

import json
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automation import objectstore
from automation.droplets import keys, kubeadm
from automation.droplets.keys import KeyPair
from automation.droplets.kubeadm import Gives
from automation.droplets.machine import Machine, replace_host_key, wait_for_ssh
from automation.objectstore import ObjectStore
from automation.process import run
from automation.secret import Secret
from automation.toolchain import engine, install, oci, recipe
from automation.toolchain.image_build import Builder
from tests.e2e.droplets import local
from tests.e2e.droplets.local import artifact, droplet, mirror, rendered_all

VERSION = install.version("kubernetes")
PROGRAMS = ("kubelet", "kubeadm", "kubectl")
BUCKET = "dogitops-snapshots"
KEPT = 2  # snapshots of each control plane
PASSWORD = Secret("a-password-that-seals-snapshots")
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
_CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")
_ETCD = ("etcdctl", "etcdutl")


@dataclass(frozen=True)
class Prepared:
    """What machines download, and what the image of such a machine has besides."""

    url: str
    files: Path
    options: tuple[str, ...]
    artifacts: tuple[dict[str, str], ...]

    @property
    def checksums(self) -> dict[str, str]:
        """The sha256 of Kubernetes's programs by their names."""
        return {Path(it["path"]).name: it["sha256"] for it in self.artifacts if Path(it["path"]).name in PROGRAMS}


@dataclass
class Local:
    """Machines that boot, and then a cluster; the load balancer's backends, and the bucket of snapshots."""

    prepared: Prepared
    store: ObjectStore
    endpoint: str
    backends: list[str]
    control_planes: list[Machine] = field(default_factory=list)
    workers: list[Machine] = field(default_factory=list)
    start: Callable[[str], Machine] | None = None

    @property
    def cluster(self) -> kubeadm.Cluster:
        return kubeadm.Cluster(tuple(self.control_planes), tuple(self.workers))

    @property
    def gives(self) -> Gives:
        return {kubeadm.KEYS: lambda: kubeadm.keys(self.store.access_key, self.store.secret_key, PASSWORD)}

    def join(self) -> None:
        """Wait until all machines have booted, and are nodes of one cluster."""
        for machines in (self.control_planes, self.workers):
            for number, machine in enumerate(machines):
                machines[number] = self._known(machine)
        kubeadm.bring_up(self.cluster, self.gives, timeout=900, interval=0.7)

    def replace(self, number: int) -> None:
        """Put a new machine in a control plane's place, as OpenTofu does, and have it join."""
        assert self.start is not None
        machine = self.start(self.control_planes[number].name)
        self.backends[number] = machine.address
        self.control_planes[number] = self._known(machine)
        kubeadm.bring_up(self.cluster, self.gives, timeout=900, interval=0.7)

    @staticmethod
    def _known(machine: Machine) -> Machine:
        if not machine.first_contact:
            return machine
        wait_for_ssh(machine, 240, interval=0.5)
        return replace_host_key(machine, lambda _: None)


@dataclass(frozen=True)
class Planned:
    """Machines with all that they need around them, and none of them there yet."""

    folder: Path
    prefix: str
    local: Local
    texts: dict[str, str]
    login: KeyPair
    boot_key: KeyPair

    @contextmanager
    def started(self) -> Iterator[Local]:
        """Yield the machines, which have begun to boot."""
        where = ("--network", f"{self.prefix}-network", *self.local.prepared.options)
        with ExitStack() as stack:

            def start(name: str) -> Machine:
                seed = self.folder / name
                return stack.enter_context(droplet(name, seed, self.texts[name], self.login, self.boot_key, *where))

            self.local.start = start
            for name in self.texts:
                made = start(name)
                if "control-plane" in name:
                    self.local.control_planes.append(made)
                    self.local.backends.append(made.address)
                else:
                    self.local.workers.append(made)
            yield self.local


@contextmanager
def machines(folder: Path, prefix: str, *, control_planes: int, workers: int) -> Iterator[Local]:
    """Yield machines that have begun to boot, with all that they need around them."""
    with (
        planned(folder, prefix, control_planes=control_planes, workers=workers) as made,
        made.started() as booting,
    ):
        yield booting


@contextmanager
def planned(
    folder: Path, prefix: str, *, control_planes: int, workers: int, snapshots: bool = True
) -> Iterator[Planned]:
    """Yield all that machines need: what they download, network, load balancer, bucket, and their user data."""
    login, boot_key = keys.new_pair("admin"), keys.new_pair("boot")
    with ExitStack() as stack:
        prepared = stack.enter_context(prepare(folder))
        address = stack.enter_context(network(f"{prefix}-network"))
        backends: list[str] = []
        endpoint = stack.enter_context(load_balancer(address, backends))
        store = stack.enter_context(bucket(folder / "objectstore"))
        roles = [("control-plane", number + 1) for number in range(control_planes)]
        roles += [("worker", number + 1) for number in range(workers)]
        facts = {f"{prefix}-{role}-{number}": known(endpoint, role, number) for role, number in roles}
        texts = rendered_all(
            folder / "tofu", facts, boot_key, design="kubeadm", kubernetes_version=VERSION, network="routes",
            artifacts=list(prepared.artifacts),
            snapshots={"bucket_url": f"{store.endpoint}/{BUCKET}", "keep": KEPT} if snapshots else None,
        )  # fmt: skip
        yield Planned(folder, prefix, Local(prepared, store, endpoint, backends), texts, login, boot_key)


def known(endpoint: str, role: str, number: int) -> dict[str, Any]:
    """Return what the module kubeadm-cluster fills in."""
    return {
        "name": "dogitops-test",
        "kubernetes_version": VERSION,
        "control_planes": 3,
        "endpoint": endpoint,
        "pod_subnet": "10.112.0.0/14",
        "service_subnet": "10.96.0.0/16",
        "role": role,
        "number": str(number),
    }


@contextmanager
def prepare(folder: Path) -> Iterator[Prepared]:
    """Serve the programs, and gather the images."""
    programs = install.ensure(*_CONTAINERD, *PROGRAMS, *_ETCD)
    files, images = folder / "mirror", folder / "images"
    files.mkdir(parents=True)
    images.mkdir()
    with tarfile.open(files / "containerd.tar.gz", "w:gz", compresslevel=1) as archive:
        for name in _CONTAINERD:
            archive.add(programs[name], f"bin/{name}")
    for name in (*PROGRAMS, *_ETCD):
        (files / name).symlink_to(programs[name])
    inside = [reference for reference, each in recipe.load().images.items() if each.node]
    for number, layout in enumerate(Builder.default().build(*inside).values()):
        oci.pack(layout.folder, images / f"{number}.tar")
    # Docker's own DNS at 127.0.0.11 is CoreDNS itself, seen from CoreDNS's pod; nothing here needs names from outside.
    (folder / "resolv.conf").write_text(f"nameserver {engine.bridge_address()}\n")
    volumes = [
        "/var",
        f"{folder}/resolv.conf:/etc/resolv.conf:ro",
        f"{images}:/usr/local/share/dogitops/images:ro",
        "/lib/modules:/lib/modules:ro",
    ]
    if engine.lacks_sys_resource():
        spec = json.loads(run([programs["ctr"], "oci", "spec"]).stdout)
        spec["process"].pop("rlimits", None)
        (folder / "base.json").write_text(json.dumps(spec))
        (folder / "here.toml").write_text(HERE)
        volumes += [
            f"{folder}/base.json:/etc/containerd/base.json:ro",
            f"{folder}/here.toml:/etc/containerd/conf.d/here.toml:ro",
        ]
    options = tuple(word for volume in volumes for word in ("--volume", volume))
    with mirror(files) as url:
        artifacts = [artifact(url, files / name, f"/usr/local/bin/{name}") for name in (*PROGRAMS, *_ETCD)]
        artifacts.append(artifact(url, files / "containerd.tar.gz", "/usr/local/"))
        yield Prepared(url, files, options, tuple(artifacts))


@contextmanager
def bucket(folder: Path) -> Iterator[ObjectStore]:
    """Serve an S3 bucket for snapshots."""
    with socket.socket() as free:
        free.bind((engine.bridge_address(), 0))
        port = free.getsockname()[1]
    binary = install.path("versitygw")
    store = objectstore.serve_local(folder, binary, engine.bridge_address(), port, "us-east-1")
    try:
        store.ensure_bucket(BUCKET)
        yield store
    finally:
        objectstore.stop_local(folder)


@contextmanager
def network(name: str) -> Iterator[str]:
    """Yield the address that this machine has in a network of its own."""
    run(["docker", "network", "rm", name], check=False)
    local.docker("network", "create", name)
    try:
        yield local.docker("network", "inspect", name, "--format", "{{(index .IPAM.Config 0).Gateway}}")
    finally:
        run(["docker", "network", "rm", name], check=False)


@contextmanager
def load_balancer(address: str, backends: Sequence[str]) -> Iterator[str]:
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
