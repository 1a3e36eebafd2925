"""Another version of Kubernetes on a cluster of machines: whether it may be, and then machine by machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import total_ordering
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from automation import report
from automation.droplets import etcd, kubeadm
from automation.droplets.kubeadm import Cluster
from automation.droplets.machine import Machine
from automation.errors import ConfigurationError, Refused

_UPGRADE = "/usr/local/lib/dogitops/upgrade"
_PROGRAMS = "https://dl.k8s.io/release/v{version}/bin/linux/amd64/{program}"
_SKEW = 3  # minor versions that a kubelet may be behind the API (kubernetes.io, version skew policy)
_PATIENCE = 1200.0  # seconds for one step of kubeadm, which pulls images


@total_ordering
@dataclass(frozen=True)
class Version:
    """A version of Kubernetes with its patch."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``1.34.4`` or ``v1.34.4``. Raises ConfigurationError for anything else."""
        found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", text.strip())
        if found is None:
            raise ConfigurationError(
                f"{text!r} is no version of Kubernetes.", hint="It is written with its patch, such as 1.34.11."
            )
        return cls(*(int(part) for part in found.groups()))

    def __lt__(self, other: Version) -> bool:
        return (self.major, self.minor, self.patch) < (other.major, other.minor, other.patch)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def line(self) -> str:
        """``1.34``."""
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True)
class Node:
    """A node as the API tells it; ``api`` is the version of its API server, None for a worker."""

    name: str
    kubelet: Version
    runtime: str
    ready: bool
    api: Version | None = None


class Component(BaseModel):
    """Something that is pinned beside Kubernetes, and the minor versions it works with (none: all)."""

    model_config = ConfigDict(frozen=True)
    version: str
    kubernetes: tuple[str, ...] = ()
    name: str = ""


class Releases(BaseModel):
    """``releases.yaml`` of the module cloud-init: what is known, with its checksums."""

    model_config = ConfigDict(frozen=True)
    kubernetes: dict[str, dict[str, str]]
    beside: tuple[Component, ...] = ()
    networks: dict[str, Component] = {}

    @classmethod
    def read(cls, root: Path) -> Releases:
        """Read it from a repository."""
        return cls.model_validate(yaml.safe_load((root / "opentofu/modules/cloud-init/releases.yaml").read_text()))


def nodes(cluster: Cluster) -> list[Node]:
    """Ask the API for all nodes."""
    servers = {
        pod["spec"]["nodeName"]: Version.parse(pod["spec"]["containers"][0]["image"].rpartition(":")[2])
        for pod in cluster.objects("pods", "-n", "kube-system", "-l", "component=kube-apiserver")
    }
    found = []
    for node in cluster.objects("nodes"):
        name, told = node["metadata"]["name"], node["status"]["nodeInfo"]
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"]["conditions"])
        kubelet = Version.parse(told["kubeletVersion"])
        found.append(Node(name, kubelet, told["containerRuntimeVersion"], ready, servers.get(name)))
    return found


def networks(cluster: Cluster) -> dict[str, str]:
    """Return the pods' network that runs, by its name, with its version; nothing for one that is not known here."""
    told: list[dict[str, Any]] = cluster.objects("daemonsets", "-A", "-l", "k8s-app=calico-node")
    images = [container["image"] for each in told for container in each["spec"]["template"]["spec"]["containers"]]
    return {"calico": images[0].rpartition(":")[2].removeprefix("v")} if images else {}


def check(found: Sequence[Node], to: Version, releases: Releases, running: dict[str, str]) -> None:
    """Raise Refused, with all reasons, where the cluster may not go to this version.

    ``running`` are the versions of further components by their names.
    """
    api = min((node.api for node in found if node.api is not None), default=None)
    if api is None:
        raise Refused("No control plane tells its version.", hint="Nothing was changed. Is this a cluster of kubeadm?")
    wrong = []
    if str(to) not in releases.kubernetes:
        wrong.append(
            f"The checksums of {to} are not known here (releases.yaml has {', '.join(sorted(releases.kubernetes))})."
        )
    if to < api:
        wrong.append(f"The cluster has {api}, and is never taken back to an older version.")
    if (to.major, to.minor - api.minor) > (api.major, 1):
        wrong.append(f"From {api} to {to} are more minor versions than one: go to {api.major}.{api.minor + 1} first.")
    wrong += [problem for node in found for problem in _of_node(node, to)]
    known = {**{each.name: each for each in releases.beside}, **releases.networks}
    runtimes = dict(node.runtime.split("://", 1) for node in found if "://" in node.runtime)
    parts = {**runtimes, **running}.items()
    wrong += [problem for name, version in parts for problem in _unsupported(name, version, known.get(name), to)]
    if wrong:
        raise Refused(
            f"The cluster is not taken to Kubernetes {to}:\n" + "\n".join(f"  {each}" for each in wrong),
            hint="Nothing was changed. docs/production.md says in which order things are upgraded.",
        )


def _of_node(node: Node, to: Version) -> Iterator[str]:
    if not node.ready:
        yield f"{node.name} is not Ready."
    if node.kubelet > to:
        yield f"The kubelet of {node.name} has {node.kubelet}, newer than the API would be."
    elif to.minor - node.kubelet.minor > _SKEW:
        yield f"The kubelet of {node.name} has {node.kubelet}: it may be {_SKEW} minor versions behind the API."


def _unsupported(name: str, version: str, pinned: Component | None, to: Version) -> Iterator[str]:
    if pinned is None or _line(version) != _line(pinned.version):
        known = f"releases.yaml knows {pinned.version}" if pinned else "releases.yaml does not name it"
        yield f"{name} {version} runs here, and {known}: whether it works with {to.line} is not known."
    elif pinned.kubernetes and to.line not in pinned.kubernetes:
        yield f"{name} {version} works with Kubernetes {', '.join(pinned.kubernetes)}, and not with {to.line}."


def _line(version: str) -> str:
    return ".".join(version.split(".")[:2])


def run(
    cluster: Cluster,
    to: Version,
    releases: Releases,
    *,
    again: bool = False,
    programs: str = _PROGRAMS,
    checksums: dict[str, str] | None = None,
) -> list[str]:
    """Take the cluster to a version, one machine at a time; return the names of those that were changed.

    A machine that has it already is left alone unless ``again``, so what was cut off goes on. A snapshot of etcd comes
    first, where there is a bucket for it. ``programs`` is where kubeadm, kubelet and kubectl are, with ``{version}``
    and ``{program}``; ``checksums`` are theirs where they are not those of ``releases``. Raises Refused where
    :func:`check` does.
    """
    found = {node.name: node for node in nodes(cluster)}
    check(list(found.values()), to, releases, networks(cluster))
    strangers = [machine.name for machine in cluster.machines if machine.name not in found]
    if strangers:
        raise Refused(f"No nodes of the cluster: {', '.join(strangers)}.", hint="Have them join it first: nodes up.")
    due = [machine for machine in cluster.machines if again or not _has(found[machine.name], to)]
    if not due:
        return []
    _keep(cluster.first)
    sums = checksums or releases.kubernetes[str(to)]
    lines = "".join(
        f"{sum_} {programs.format(version=to, program=name)} {name}\n" for name, sum_ in sorted(sums.items())
    )
    servers = [node.api for node in found.values() if node.api is not None]
    begun = any(api == to for api in servers) and not again
    for machine in due:
        with report.phase(f"{machine.name}: Kubernetes {to}"):
            machine.ok(f"{_UPGRADE} fetch {to}", stdin=lines, timeout=_PATIENCE)
            if machine in cluster.control_planes and not begun:
                report.note(_last(machine.ok(f"{_UPGRADE} plan {to}", timeout=_PATIENCE)))
                machine.ok(f"{_UPGRADE} first {to}", timeout=_PATIENCE)
                begun = True
            else:
                machine.ok(f"{_UPGRADE} node {to}", timeout=_PATIENCE)
            _renew_kubelet(cluster, machine, to)
    return [machine.name for machine in due]


def _has(node: Node, to: Version) -> bool:
    return node.kubelet == to and node.api in {None, to}


def _keep(first: Machine) -> None:
    if first.run("test -s /etc/dogitops/objectstore.env").code == 0:
        with report.phase("A snapshot of etcd, for the way back"):
            report.note(etcd.take(first))
    else:
        report.warn("There is no bucket for snapshots of etcd, so there is no way back.")


def _renew_kubelet(cluster: Cluster, machine: Machine, to: Version) -> None:
    """Empty the machine, give it the new kubelet, and let pods come back. It stays cordoned where that fails."""
    words = ("--ignore-daemonsets", "--delete-emptydir-data", "--timeout=300s")
    cluster.kubectl("drain", machine.name, *words, timeout=360)
    machine.ok(f"{_UPGRADE} kubelet {to}", timeout=120)
    kubeadm.wait_ready(cluster, machine.name, kubelet=f"v{to}", timeout=300)
    cluster.kubectl("uncordon", machine.name)


def _last(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
