"""Clusters made by kind: containers as nodes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation import keeper, report, wait
from automation.clusters.base import ClusterSpec, is_there, mark_whole, refuse_foreign, write_private
from automation.clusters.removal import remove
from automation.errors import CommandFailed, DeadlineExceeded, DogitopsError
from automation.process import run
from automation.workspace import cache_folder

_SERVICES = "10.96.0.0/16"
# Pods start as soon as their own image is there, not after those of all pods before them.
_PARALLEL_PULLS = """\
kind: KubeletConfiguration
apiVersion: kubelet.config.k8s.io/v1beta1
serializeImagePulls: false
maxParallelImagePulls: 4
"""
_ADMIN = "/etc/kubernetes/admin.conf"
_HINT = "'dogitops cluster dump' gathers the nodes' logs; creating it again removes it first."


@dataclass(frozen=True)
class KindProvider:
    """Runs the ``kind`` binary with a node ``image`` of the local docker engine.

    ``cni`` is ``ptp`` for our own node image, which carries no network: the plain CNI plugin is configured
    here instead (it enforces no NetworkPolicy). Otherwise kind's own network is used. ``patience`` is how many
    seconds the nodes may take to become Ready.
    """

    binary: Path
    image: str
    cni: str | None = None
    kind: str = "kind"
    patience: float = 180.0

    def create(self, spec: ClusterSpec, kubeconfig: Path) -> None:
        """Make the cluster; see :class:`automation.clusters.base.ClusterProvider`."""
        refuse_foreign(spec.name)
        lock = self._wait_for_earlier(spec.name)
        if is_there(self, spec, kubeconfig):
            return
        mirrors = kubeconfig.parent / "certs.d"
        for file, text in spec.mirrors:
            target = mirrors / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        configuration = self._configuration(spec, mirrors if spec.mirrors else None)
        try:
            run(
                keeper.command(lock, [
                    # What fails is kept until its logs are gathered: we remove it ourselves.
                    self.binary, "create", "cluster", "--retain", "--name", spec.name, "--image", self.image,
                    "--kubeconfig", kubeconfig, "--config", "-",
                ]),
                stdin=json.dumps(configuration),
                env=self._network(spec.name),
                timeout=600,
                on_line=lambda line: report.doing(line.strip()),
            )  # fmt: skip
        except (CommandFailed, DeadlineExceeded) as error:
            self.dump(spec.name, kubeconfig.parent / "dump")
            self.delete(spec.name)
            raise DogitopsError(
                f"kind could not make the cluster {spec.name}: {error.message}",
                hint=f"The nodes' logs are in {kubeconfig.parent / 'dump'}; 'dogitops tools doctor' checks it.",
            ) from error
        kubeconfig.chmod(0o600)
        self._finish(spec)
        mark_whole(self._control_plane(spec.name), spec)

    def start(self, spec: ClusterSpec) -> None:
        """Start the nodes of a whole cluster that were stopped."""
        run(["docker", "start", *self.nodes(spec.name)], timeout=120)
        self._finish(spec)

    def delete(self, name: str) -> bool:
        """Remove the cluster and its network."""
        refuse_foreign(name)
        self._wait_for_earlier(name)  # or it would go on making what we remove
        nodes = self.nodes(name)
        if nodes:
            remove(nodes)
        network = run(["docker", "network", "rm", name], check=False)
        if network.returncode != 0 and "not found" not in network.text and "No such" not in network.text:
            raise DogitopsError(
                f"The network {name} could not be removed: {network.text.strip()}",
                hint=f"'docker network inspect {name}' names what still uses it.",
            )
        return bool(nodes)

    def exists(self, name: str) -> bool:
        """Whether any node of the cluster is there, running or not."""
        return bool(self.nodes(name))

    def write_kubeconfig(self, name: str, path: Path) -> None:
        """Write the kubeconfig that reaches the cluster from this machine."""
        write_private(path, run([self.binary, "get", "kubeconfig", "--name", name]).stdout)

    def load_images(self, name: str, references: Sequence[str]) -> None:
        """Load images with ``kind load``."""
        run([self.binary, "load", "docker-image", "--name", name, *references], timeout=900)

    def nodes(self, name: str) -> list[str]:
        """Return the nodes' containers, control planes first."""
        listed = run(
            ["docker", "ps", "-a", "--filter", f"label=io.x-k8s.kind.cluster={name}", "--format", "{{.Names}}"]
        )
        return sorted(listed.stdout.split(), key=lambda node: ("control-plane" not in node, node))

    def dump(self, name: str, folder: Path) -> None:
        """Write kind's export of logs; best effort, since things are failing already."""
        if self.exists(name):
            run([self.binary, "export", "logs", "--name", name, folder], check=False, timeout=120)

    @staticmethod
    def _wait_for_earlier(name: str) -> Path:
        """Wait until a creation whose dogitops was killed has ended; return the file that tells."""
        lock = cache_folder() / "clusters" / f"{name}.lock"
        keeper.wait_for_earlier(lock, f"the creation of {name}")
        return lock

    def _configuration(self, spec: ClusterSpec, mirrors: Path | None) -> dict[str, Any]:
        mounts = (
            [{"hostPath": str(mirrors), "containerPath": "/etc/containerd/certs.d", "readOnly": True}]
            if mirrors
            else []
        )
        roles = ["control-plane"] * spec.control_planes + ["worker"] * spec.workers
        return {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "networking": {"disableDefaultCNI": self.cni is not None, "serviceSubnet": _SERVICES},
            "kubeadmConfigPatches": [_PARALLEL_PULLS],
            "nodes": [{"role": role, "extraMounts": mounts} for role in roles],
        }

    @staticmethod
    def _network(name: str) -> dict[str, str]:
        """Give each cluster its network, so that deleting the cluster can delete its network."""
        return {"KIND_EXPERIMENTAL_DOCKER_NETWORK": name}

    def _control_plane(self, name: str) -> str:
        return self.nodes(name)[0]

    def _kubectl(self, name: str, *arguments: str) -> str:
        done = run(
            ["docker", "exec", self._control_plane(name), "kubectl", "--kubeconfig", _ADMIN, *arguments], check=False
        )
        return done.stdout if done.returncode == 0 else ""

    def _keep_service_addresses_inside(self, spec: ClusterSpec) -> None:
        """Reject what goes to a Service that kube-proxy does not know yet, instead of letting it out.

        Where something outside answers for every address (a transparent proxy), the API server's aggregation
        layer would keep its connection to that for good, and the API service would never become available.
        """
        for node in self.nodes(spec.name):
            for chain in ("OUTPUT", "FORWARD"):
                run(["docker", "exec", node, "iptables", "-w", "-A", chain, "-d", _SERVICES, "-j", "REJECT"])

    def _finish(self, spec: ClusterSpec) -> None:
        """Do what a node loses when it is stopped, and wait until all are Ready."""
        self._keep_service_addresses_inside(spec)
        if self.cni == "ptp":
            self._configure_ptp(spec)
        self._wait_ready(spec)

    def _configure_ptp(self, spec: ClusterSpec) -> None:
        """Write each node's CNI configuration for its pod range, and routes to the other nodes' ranges."""

        def assigned() -> dict[str, str] | None:
            listed = json.loads(self._kubectl(spec.name, "get", "nodes", "-o", "json") or '{"items": []}')
            found = {node["metadata"]["name"]: node["spec"].get("podCIDR", "") for node in listed["items"]}
            return found if len(found) == spec.nodes and all(found.values()) else None

        ranges = wait.until(
            assigned, "pod address ranges of all nodes", timeout=self.patience, interval=0.3, hint=_HINT
        )
        addresses = _addresses(list(ranges))
        for node, cidr in ranges.items():
            for other, others in ranges.items():
                if other != node:
                    run(["docker", "exec", node, "ip", "route", "replace", others, "via", addresses[other]])
            run(
                ["docker", "exec", "-i", node, "tee", "/etc/cni/net.d/10-dogitops.conflist"],
                stdin=json.dumps(_conflist(cidr)),
            )

    def _wait_ready(self, spec: ClusterSpec) -> None:
        path = '{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'

        def ready() -> bool:
            states = self._kubectl(spec.name, "get", "nodes", "-o", f"jsonpath={path}").split()
            return len(states) == spec.nodes and set(states) == {"True"}

        wait.until(
            ready,
            f"all {spec.nodes} nodes of {spec.name} to be Ready",
            timeout=self.patience,
            interval=0.3,
            state=lambda: self._kubectl(spec.name, "get", "nodes", "--no-headers").strip() or "no answer",
            hint=_HINT,
        )


def _addresses(nodes: Sequence[str]) -> dict[str, str]:
    """Return the nodes' addresses, from the engine: the API may still tell those of before a stop."""
    told = json.loads(run(["docker", "inspect", *nodes]).stdout)
    return {
        node["Name"].lstrip("/"): next(iter(node["NetworkSettings"]["Networks"].values()))["IPAddress"] for node in told
    }


def _conflist(cidr: str) -> dict[str, Any]:
    return {
        "cniVersion": "0.4.0",
        "name": "dogitops",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": True,
                "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam-state",
                         "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": cidr}]]},
                "mtu": 1500,
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }  # fmt: skip
