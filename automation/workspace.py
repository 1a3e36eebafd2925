"""Where things lie: the repository, what is kept for it, and what is shared by all clones."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from automation.errors import ConfigurationError


@dataclass(frozen=True)
class Workspace:
    """The repository's ``root`` and the folders that belong to it.

    ``kept`` holds what must survive from one command to the next (plans, journals, evidence, kubeconfigs,
    the local S3 server's files); it is ignored by Git and can be deleted when nothing runs.
    """

    root: Path

    @property
    def kept(self) -> Path:
        """``.dogitops`` in the repository, or ``$DOGITOPS_STATE``."""
        return Path(os.environ.get("DOGITOPS_STATE") or self.root / ".dogitops")

    def of(self, environment: str) -> Path:
        """Return the folder kept for one environment, made if need be (mode 0700: it holds keys)."""
        folder = self.kept / environment
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    @property
    def environments(self) -> Path:
        """The folder with one OpenTofu root for each environment."""
        return self.root / "opentofu" / "environments"

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """Return the workspace around ``start`` (default: ``$DOGITOPS_ROOT`` or the current folder).

        Raises ConfigurationError where no folder upwards has ``opentofu/environments``.
        """
        here = Path(start or os.environ.get("DOGITOPS_ROOT") or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / "opentofu" / "environments").is_dir():
                return cls(folder)
        raise ConfigurationError(
            f"No dogitops repository at or above {here}: there is no opentofu/environments folder.",
            hint="Change into your clone, or set DOGITOPS_ROOT to it.",
        )


def cache_folder() -> Path:
    """Return the user's cache folder for dogitops (``$DOGITOPS_CACHE``, else below ``$XDG_CACHE_HOME``)."""
    named = os.environ.get("DOGITOPS_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dogitops"
