"""Clusters made by k3d: K3s in containers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation import report
from automation.clusters.base import ClusterSpec, refuse_foreign, write_private
from automation.errors import CommandFailed, ConfigurationError, DogitopsError
from automation.process import run

# What gitops/ brings itself, so that a cluster is the same whoever makes it.
_DISABLED = ("traefik", "servicelb", "local-storage", "metrics-server")
_DIGEST_LABEL = "dogitops.io/spec"


@dataclass(frozen=True)
class K3dProvider:
    """Runs the ``k3d`` binary with a K3s ``image``; both must be reachable upstream."""

    binary: Path
    image: str
    kind: str = "k3d"

    def create(self, spec: ClusterSpec, kubeconfig: Path) -> None:
        """Make the cluster; see :class:`automation.clusters.base.ClusterProvider`."""
        refuse_foreign(spec.name)
        found = self._describe(spec.name)
        if found is not None:
            labels = found["nodes"][0].get("runtimeLabels", {})
            servers_run = all(node["State"]["Running"] for node in found["nodes"] if node["role"] != "loadbalancer")
            if labels.get(_DIGEST_LABEL) == spec.digest and servers_run:
                self.write_kubeconfig(spec.name, kubeconfig)
                report.note(f"cluster {spec.name} is there already")
                return
            if _DIGEST_LABEL in labels and labels[_DIGEST_LABEL] != spec.digest:
                raise ConfigurationError(
                    f"A cluster {spec.name} exists, made from another description.",
                    hint="Delete it first ('dogitops cluster delete ENVIRONMENT'), or plan and apply the change.",
                )
            report.note(f"removing the half-made cluster {spec.name}")
            self.delete(spec.name)
        try:
            run(self._arguments(spec), timeout=600, on_line=lambda line: report.doing(line.strip()))
        except CommandFailed as error:
            self.delete(spec.name)
            raise DogitopsError(
                f"k3d could not make the cluster {spec.name}: {error.message}",
                hint="'dogitops tools doctor' checks this machine; '--provider kind' is the other way.",
            ) from error
        self.write_kubeconfig(spec.name, kubeconfig)

    def delete(self, name: str) -> bool:
        """Remove the cluster; k3d removes its volume and network with it."""
        refuse_foreign(name)
        there = self.exists(name)
        if there:
            run([self.binary, "cluster", "delete", name], timeout=120)
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
        """Return the containers of servers and agents."""
        found = self._describe(name)
        return sorted(n["name"] for n in found["nodes"] if n["role"] in {"server", "agent"}) if found else []

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
            "--network", spec.name,
            "--runtime-label", f"{_DIGEST_LABEL}={spec.digest}@server:*",
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
