"""What every cluster provider offers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from automation import report
from automation.environment import OWNED_PREFIX
from automation.errors import ConfigurationError, Refused
from automation.process import run

_MARKER = "/dogitops-spec"  # in the first node, written last: a cluster without it is half-made


@dataclass(frozen=True)
class ClusterSpec:
    """The cluster to make. ``mirrors`` maps file names below containerd's certs.d to their text."""

    name: str
    control_planes: int = 1
    workers: int = 0
    mirrors: tuple[tuple[str, str], ...] = ()

    @property
    def nodes(self) -> int:
        """The number of all nodes."""
        return self.control_planes + self.workers

    @property
    def digest(self) -> str:
        """A short digest: a cluster made from another spec is another cluster."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


class ClusterProvider(Protocol):
    """Makes clusters and takes them away, leaving nothing."""

    @property
    def kind(self) -> str:
        """The provider's name: ``kind``, ``k3d`` or ``existing``."""

    def create(self, spec: ClusterSpec, kubeconfig: Path) -> None:
        """Make the cluster and write its kubeconfig (mode 0600); nothing to do where it is there already.

        A half-made cluster of the same name is removed first. Raises DogitopsError when it can't be made.
        """

    def delete(self, name: str) -> bool:
        """Remove the cluster with all containers, volumes and networks; return whether there was one.

        Raises Refused for a name without our ownership prefix.
        """

    def exists(self, name: str) -> bool:
        """Whether there is a cluster of this name, whole or half-made."""

    def write_kubeconfig(self, name: str, path: Path) -> None:
        """Write the cluster's kubeconfig to ``path`` (mode 0600)."""

    def load_images(self, name: str, references: Sequence[str]) -> None:
        """Put images of the local docker engine into every node."""

    def nodes(self, name: str) -> list[str]:
        """Return the names of the nodes (for docker providers: of their containers)."""

    def dump(self, name: str, folder: Path) -> None:
        """Write what helps to find out why a cluster fails into ``folder``."""


class ContainerProvider(ClusterProvider, Protocol):
    """A provider whose nodes are containers of the local docker engine."""

    def start(self, spec: ClusterSpec) -> None:
        """Start the nodes of a whole cluster that were stopped (by a reboot, for example), with their data."""


def is_there(provider: ContainerProvider, spec: ClusterSpec, kubeconfig: Path) -> bool:
    """Whether the cluster is there, whole; then it runs and its kubeconfig is written. A half-made one is removed.

    Raises ConfigurationError where a whole one was made from another description.
    """
    nodes = provider.nodes(spec.name)
    made_from = _marker(nodes[0]) if nodes else None
    if made_from not in {None, spec.digest}:
        raise ConfigurationError(
            f"A cluster {spec.name} exists, made from another description.",
            hint="Delete it first ('dogitops cluster delete ENVIRONMENT'), or plan and apply the change.",
        )
    if made_from is None:
        if provider.exists(spec.name):
            report.note(f"removing the half-made cluster {spec.name}")
            provider.delete(spec.name)
        return False
    if not _all_run(nodes):
        report.note(f"starting the stopped cluster {spec.name}")
        provider.start(spec)
    provider.write_kubeconfig(spec.name, kubeconfig)
    report.note(f"cluster {spec.name} is there already")
    return True


def mark_whole(node: str, spec: ClusterSpec) -> None:
    """Write into the first ``node`` from which description the now finished cluster was made."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "spec"
        file.write_text(spec.digest)
        run(["docker", "cp", file, f"{node}:{_MARKER}"])


def _marker(node: str) -> str | None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "spec"
        copied = run(["docker", "cp", f"{node}:{_MARKER}", file], check=False)  # works on stopped containers too
        return file.read_text().strip() if copied.returncode == 0 else None


def _all_run(nodes: Sequence[str]) -> bool:
    listed = run(["docker", "inspect", "--format", "{{.State.Running}}", *nodes])
    return set(listed.stdout.split()) == {"true"}


def refuse_foreign(name: str) -> None:
    """Raise Refused unless ``name`` carries our ownership prefix."""
    if not name.startswith(OWNED_PREFIX):
        raise Refused(
            f"The cluster {name!r} does not carry the prefix {OWNED_PREFIX!r}, so it is not ours to touch.",
            hint="Remove it with the tool that made it.",
        )


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in one step, readable by the user alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.touch(mode=0o600)
        temporary.chmod(0o600)
        temporary.write_text(text)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error  # a full disk names no file by itself
