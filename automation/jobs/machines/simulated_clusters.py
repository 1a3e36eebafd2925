"""Real clusters for the simulated DigitalOcean: kind makes the control plane, and nodes join it and leave it.

kind itself neither adds nodes to a cluster nor takes any away. A node here is a container like those of kind, with
kind's labels (so that deleting the cluster takes it along), that joins by kubeadm. What DigitalOcean hides, the
control plane, is a node of its own here, which takes no pods of workloads.
"""

from __future__ import annotations

import fcntl
import json
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from automation import report, wait
from automation.clusters.base import ClusterSpec
from automation.clusters.kind import KindProvider
from automation.clusters.removal import remove
from automation.environment import OWNED_PREFIX
from automation.errors import CommandFailed, DogitopsError
from automation.process import run
from automation.secret import Secret
from automation.simulators.digitalocean.makers import NodeSpec
from automation.toolchain import engine, images, install
from automation.workspace import cache_folder

MOST_NODES = 3  # about 0.5 GiB of memory each
_ADMIN = "/etc/kubernetes/admin.conf"
_JOIN = "/kind/dogitops-join.yaml"
_SET_BY_US = "dogitops/labels"  # an annotation: which labels of a node come from its pool
_HOSTS = "/etc/containerd/certs.d"  # where kind has containerd look for mirrors
_SYSTEM_TAINTS = "node.kubernetes.io/"
_CONTROL_PLANE_TAINT = "node-role.kubernetes.io/control-plane:NoSchedule"
# As kind v0.33 starts a node's container (pkg/cluster/internal/providers/docker/provision.go).
_NODE = [
    "--detach",
    "--tty",
    "--privileged",
    "--security-opt",
    "seccomp=unconfined",
    "--security-opt",
    "apparmor=unconfined",
    "--tmpfs",
    "/tmp",  # noqa: S108 - the node's own
    "--tmpfs",
    "/run",
    "--volume",
    "/var",
    "--volume",
    "/lib/modules:/lib/modules:ro",
    "--restart=on-failure:1",
    "--init=false",
    "--cgroupns=private",
    "-e",
    "KIND_EXPERIMENTAL_CONTAINERD_SNAPSHOTTER",
]


def kind_maker(most: int = MOST_NODES, mirror: str = "") -> KindMaker:
    """Return a maker with the node image of this machine; its nodes pull images from ``mirror`` where one is given.

    What an earlier one left because it was killed is removed. Raises ConfigurationError where docker does not run.
    """
    engine.ensure_docker()
    image = images.node_image()
    provider = KindProvider(install.path("kind"), image, engine.image_label(image, "dogitops.cni"))
    runs = cache_folder() / "simulated-clusters"
    runs.mkdir(parents=True, exist_ok=True)
    for lock in sorted(runs.glob("*.lock")):
        _clear(provider, lock)
    hosts = tuple(sorted(images.containerd_hosts(mirror).items())) if mirror else ()
    run_id = secrets.token_hex(2)
    held = (runs / f"{run_id}.lock").open("w")
    fcntl.flock(held, fcntl.LOCK_EX)  # for as long as this process lives
    return KindMaker(provider, most, run_id, hosts, held)


def _clear(provider: KindProvider, lock: Path) -> None:
    """Remove the clusters of a run that has ended, unless it lives."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        label = "io.x-k8s.kind.cluster"
        told = run(["docker", "ps", "-a", "--filter", f"label={label}", "--format", f'{{{{.Label "{label}"}}}}']).stdout
        told += run(["docker", "network", "ls", "--format", "{{.Name}}"]).stdout
        ours = re.compile(rf"{OWNED_PREFIX}doks-[0-9a-f]{{8}}-{re.escape(lock.stem)}")
        for name in sorted(set(filter(ours.fullmatch, told.split()))):
            report.note(f"removing the cluster {name} of a simulator that was killed")
            provider.delete(name)
        lock.unlink(missing_ok=True)


@dataclass(frozen=True)
class KindMaker:
    """Makes clusters for the simulator (see automation.simulators.digitalocean.makers.ClusterMaker).

    Two makers never share a cluster, though the simulator gives the same names for the same seed; the names of
    nodes, which are containers, must differ on one machine.
    """

    provider: KindProvider
    most: int = MOST_NODES
    run_id: str = field(default_factory=lambda: secrets.token_hex(2))
    hosts: tuple[tuple[str, str], ...] = ()  # files below containerd's certs.d, with their text
    held: IO[str] | None = None  # a lock that tells others that we live

    def create(self, name: str, nodes: Sequence[NodeSpec]) -> None:
        """Make a cluster with these nodes; return when they are Ready."""
        cluster = self.full_name(name)
        with TemporaryDirectory() as folder:
            self.provider.create(ClusterSpec(cluster), Path(folder) / "kubeconfig")
        control_plane = self._control_plane(cluster)
        self._mirrored(control_plane)
        # kind lets pods onto a control plane that is alone.
        self._kubectl(cluster, "taint", "node", control_plane, _CONTROL_PLANE_TAINT, "--overwrite")
        self.resize(name, nodes)

    def kubeconfig(self, name: str) -> str:
        """Return the YAML that reaches the cluster from this machine."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "kubeconfig"
            self.provider.write_kubeconfig(self.full_name(name), path)
            return path.read_text()

    def resize(self, name: str, nodes: Sequence[NodeSpec]) -> None:
        """Add and remove nodes until the cluster has these, with these labels and taints."""
        cluster = self.full_name(name)
        control_plane = self._control_plane(cluster)
        there = {it for it in self.provider.nodes(cluster) if it != control_plane}
        wanted = {it.name: it for it in nodes}
        for gone in sorted(there - wanted.keys()):
            self._remove(cluster, gone)
        new = [it for it in wanted if it not in there]
        if new:
            token = Secret(self._exec(control_plane, "kubeadm", "token", "create", "--ttl", "10m").strip())
            for added in new:
                self._join(cluster, control_plane, added, token)
            # It runs already; this gives new nodes their network, and waits until all are Ready.
            self.provider.start(ClusterSpec(cluster, 1, len(wanted)))
        for it in nodes:
            self._mark(cluster, it)

    def delete(self, name: str) -> None:
        """Remove the cluster with all its nodes."""
        self.provider.delete(self.full_name(name))

    def full_name(self, name: str) -> str:
        """Return what the cluster is called on this machine."""
        return f"{OWNED_PREFIX}{name}-{self.run_id}"

    def _control_plane(self, cluster: str) -> str:
        nodes = self.provider.nodes(cluster)
        if not nodes:
            raise DogitopsError(f"There is no cluster {cluster} any more.", hint="Someone removed its containers.")
        return nodes[0]

    def _join(self, cluster: str, control_plane: str, node: str, token: Secret) -> None:
        report.doing(f"joining {node} to {cluster}")
        labels = ("--label", f"io.x-k8s.kind.cluster={cluster}", "--label", "io.x-k8s.kind.role=worker")
        arguments = ("--name", node, "--hostname", node, "--net", cluster, *labels)
        run(["docker", "run", *arguments, *_NODE, self.provider.image], timeout=120)
        wait.until(
            lambda: (
                run(["docker", "exec", node, "crictl", "info"], check=False).returncode == 0
                or run(["docker", "exec", node, "ctr", "version"], check=False).returncode == 0
            ),
            f"containerd in {node}",
            timeout=self.provider.patience,
            interval=0.3,
        )
        self._mirrored(node)
        configuration = {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "JoinConfiguration",
            "discovery": {
                "bootstrapToken": {
                    "apiServerEndpoint": f"{control_plane}:6443",
                    "token": token.reveal(),
                    "unsafeSkipCAVerification": True,  # as kind does it, inside a network of the cluster's own
                }
            },
            "nodeRegistration": {
                "name": node,
                "criSocket": "unix:///run/containerd/containerd.sock",
                "kubeletExtraArgs": [{"name": "provider-id", "value": f"kind://docker/{cluster}/{node}"}],
            },
        }
        run(["docker", "exec", "-i", node, "cp", "/dev/stdin", _JOIN], stdin=json.dumps(configuration))
        self._exec(node, "kubeadm", "join", "--config", _JOIN, "--skip-phases=preflight")

    def _mirrored(self, node: str) -> None:
        """Have a node pull from the mirror; containerd reads these files at each pull."""
        for file, text in self.hosts:
            path = f"{_HOSTS}/{file}"
            run(["docker", "exec", node, "mkdir", "-p", path.rpartition("/")[0]])
            run(["docker", "exec", "-i", node, "cp", "/dev/stdin", path], stdin=text)

    def _remove(self, cluster: str, node: str) -> None:
        report.doing(f"taking {node} from {cluster}")
        try:
            options = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=60s")
            self._kubectl(cluster, "drain", node, *options)
        except CommandFailed as error:
            report.note(f"{node} could not be drained, and is removed as it is: {error.message}")
        self._kubectl(cluster, "delete", "node", node, "--ignore-not-found")
        remove([node])

    def _mark(self, cluster: str, node: NodeSpec) -> None:
        """Give a node its labels and taints; those that its pool has no more are taken away."""
        found = json.loads(self._kubectl(cluster, "get", "node", node.name, "-o", "json"))
        patch = _patch(node, found)
        self._kubectl(cluster, "patch", "node", node.name, "--type=merge", "-p", json.dumps(patch))

    def _kubectl(self, cluster: str, *arguments: str) -> str:
        return self._exec(self._control_plane(cluster), "kubectl", "--kubeconfig", _ADMIN, *arguments)

    @staticmethod
    def _exec(node: str, *arguments: str) -> str:
        return run(["docker", "exec", node, *arguments], timeout=180).stdout


def _patch(node: NodeSpec, found: dict[str, Any]) -> dict[str, Any]:
    """Return the merge patch that gives a node what its pool says."""
    ours = json.loads(found["metadata"].get("annotations", {}).get(_SET_BY_US, "[]"))
    labels: dict[str, str | None] = {**dict.fromkeys(ours), **dict(node.labels)}
    taints = [{"key": key, "value": value, "effect": effect} for key, value, effect in node.taints]
    kept: Iterable[dict[str, str]] = found["spec"].get("taints", [])
    return {
        "metadata": {
            "labels": labels,
            "annotations": {_SET_BY_US: json.dumps(sorted(dict(node.labels)))},
        },
        "spec": {"taints": [*taints, *(it for it in kept if it["key"].startswith(_SYSTEM_TAINTS))]},
    }
