"""A cluster that is there already, reached by a kubeconfig."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.clusters.base import ClusterSpec, write_private
from automation.errors import ConfigurationError, Refused


@dataclass(frozen=True)
class ExistingProvider:
    """Uses the kubeconfig at ``source``; never makes or deletes anything."""

    source: Path
    kind: str = "existing"

    def create(self, spec: ClusterSpec, kubeconfig: Path) -> None:
        """Take over the kubeconfig of the cluster that somebody else made."""
        self.write_kubeconfig(spec.name, kubeconfig)

    def delete(self, name: str) -> bool:
        """Refuse: the cluster is not ours."""
        raise Refused(
            f"The cluster {name} was not made by dogitops, so it is not deleted.",
            hint="Remove it where it was made.",
        )

    def exists(self, name: str) -> bool:  # noqa: ARG002 - one kubeconfig, one cluster
        """Whether the kubeconfig is there."""
        return self.source.is_file()

    def write_kubeconfig(self, name: str, path: Path) -> None:
        """Copy the kubeconfig."""
        if not self.source.is_file():
            raise ConfigurationError(
                f"The kubeconfig {self.source} of the cluster {name} was not found.",
                hint="Set cluster.kubeconfig in environment.yaml to the file's path.",
            )
        write_private(path, self.source.read_text())

    def load_images(self, name: str, references: Sequence[str]) -> None:
        """Refuse: its nodes are out of reach."""
        raise Refused(
            f"Images can't be put into {name}: its nodes are not ours ({len(references)} asked for).",
            hint="Push them to a registry that the cluster can reach.",
        )

    def nodes(self, name: str) -> list[str]:  # noqa: ARG002 - its nodes are no containers of ours
        """Return nothing: its nodes are no containers here."""
        return []

    def dump(self, name: str, folder: Path) -> None:
        """Do nothing: the cluster's owner has its logs."""
