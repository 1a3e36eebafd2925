"""Clusters made by k3d: K3s in containers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation import report
from automation.clusters.base import ClusterSpec, is_there, mark_whole, refuse_foreign, write_private
from automation.clusters.removal import TIMEOUT, although_frozen
from automation.errors import CommandFailed, DeadlineExceeded, DogitopsError
from automation.process import run

# What gitops/ brings itself, so that a cluster is the same whoever makes it.
_DISABLED = ("traefik", "servicelb", "local-storage", "metrics-server")
_ROLES = ("server", "agent")


@dataclass(frozen=True)
class K3dProvider:
    """Runs the ``k3d`` binary with a K3s ``image``; both must be reachable upstream."""

    binary: Path
    image: str
    kind: str = "k3d"

    def create(self, spec: ClusterSpec, kubeconfig: Path) -> None:
        """Make the cluster; see :class:`automation.clusters.base.ClusterProvider`."""
        refuse_foreign(spec.name)
        if is_there(self, spec, kubeconfig):
            return
        try:
            run(self._arguments(spec), timeout=600, on_line=lambda line: report.doing(line.strip()))
        except (CommandFailed, DeadlineExceeded) as error:
            self.delete(spec.name)
            raise DogitopsError(
                f"k3d could not make the cluster {spec.name}: {error.message}",
                hint="'dogitops tools doctor' checks this machine; '--provider kind' is the other way.",
            ) from error
        self.write_kubeconfig(spec.name, kubeconfig)
        mark_whole(self.nodes(spec.name)[0], spec)

    def start(self, spec: ClusterSpec) -> None:
        """Start the nodes of a whole cluster that were stopped."""
        run([self.binary, "cluster", "start", spec.name, "--wait", "--timeout", "300s"], timeout=330)

    def delete(self, name: str) -> bool:
        """Remove the cluster; k3d removes its volume, and the network that it made for it alone."""
        refuse_foreign(name)
        there = self.exists(name)
        if there:
            although_frozen(self.nodes(name), lambda _: run([self.binary, "cluster", "delete", name], timeout=TIMEOUT))
        return there

    def exists(self, name: str) -> bool:
        """Whether k3d knows a cluster of this name."""
        return self._describe(name) is not None

    def write_kubeconfig(self, name: str, path: Path) -> None:
        """Write the kubeconfig that reaches the cluster from this machine."""
        write_private(path, run([self.binary, "kubeconfig", "get", name]).stdout)

    def load_images(self, name: str, references: Sequence[str]) -> None:
        """Load images with ``k3d image import``."""
        run([self.binary, "image", "import", "--cluster", name, *references], timeout=900)

    def nodes(self, name: str) -> list[str]:
        """Return the containers of servers and agents, servers first."""
        found = self._describe(name)
        nodes = [(n["role"] != "server", n["name"]) for n in found["nodes"] if n["role"] in _ROLES] if found else []
        return [node for _, node in sorted(nodes)]

    def dump(self, name: str, folder: Path) -> None:
        """Write each node's log; best effort, since things are failing already."""
        folder.mkdir(parents=True, exist_ok=True)
        for node in self.nodes(name):
            (folder / f"{node}.log").write_text(run(["docker", "logs", node], check=False).text)

    def _arguments(self, spec: ClusterSpec) -> list[str | Path]:
        disabled = [word for part in _DISABLED for word in ("--k3s-arg", f"--disable={part}@server:*")]
        return [
            self.binary, "cluster", "create", spec.name,
            "--image", self.image,
            "--servers", str(spec.control_planes), "--agents", str(spec.workers),
            "--kubeconfig-update-default=false", "--kubeconfig-switch-context=false",
            "--wait", "--timeout", "300s",
            *disabled,
        ]  # fmt: skip

    def _describe(self, name: str) -> dict[str, Any] | None:
        listed = run([self.binary, "cluster", "list", name, "-o", "json"], check=False)
        if listed.returncode != 0 or not listed.stdout.strip():
            return None
        clusters: list[dict[str, Any]] = json.loads(listed.stdout)
        return clusters[0] if clusters else None
