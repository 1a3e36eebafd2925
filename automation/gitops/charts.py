"""A vendor's Helm chart as a component: ``gitops/platform/<component>/chart.yaml``, beside its ``values.yaml``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from automation.errors import ConfigurationError

FILE: Final = "chart.yaml"
VALUES: Final = "values.yaml"

# Exactly one version: no range, no wildcard. A leading v is part of some vendors' versions.
EXACT: Final = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")

Repository = Annotated[str, StringConstraints(pattern=r"^(https?://[^\s@?#]+|[a-z0-9.-]+(:\d+)?/[a-z0-9._/-]+)$")]
Version = Annotated[str, StringConstraints(pattern=rf"^{EXACT.pattern}$")]
Kind = Annotated[str, StringConstraints(pattern=r"^([a-z0-9.-]+/)?[A-Z][A-Za-z0-9]+$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
Minor = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Supported(_Strict):
    """The Kubernetes versions (``1.34``) that a chart's vendor supports, from ``oldest`` to ``newest``, both included.

    Without ``newest`` the vendor names none: every later one.
    """

    oldest: Minor
    newest: Minor | None = None

    def includes(self, version: str) -> bool:
        """Whether it includes ``version`` (``1.34`` or ``1.34.4``)."""
        asked = _minor(version)
        return _minor(self.oldest) <= asked and (self.newest is None or asked <= _minor(self.newest))

    def __str__(self) -> str:
        return f"{self.oldest} to {self.newest}" if self.newest else f"{self.oldest} or later"


class Chart(_Strict):
    """What ``chart.yaml`` says: which chart, at which version ``values.yaml`` is written for it, and what it needs.

    ``repository`` is an address, or ``host/path`` of an OCI registry. ``kinds`` (``apps/Deployment``, ``Service``) are
    all that the chart makes with our values: the project of its zone must allow them. ``secrets`` are the names of the
    Secrets in its namespace that must be there before the first sync.
    """

    repository: Repository
    chart: Name
    version: Version
    kubernetes: Supported
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]
    secrets: tuple[Name, ...] = ()


def load(folder: Path) -> Chart:
    """Return what ``chart.yaml`` in ``folder`` says.

    Raises ConfigurationError where it is missing, no YAML, or has keys or values that are not as they must be.
    """
    path = folder / FILE
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path} is missing.", hint="Describe the chart in it: gitops/README.md.") from error
    except yaml.YAMLError as error:
        told = re.sub(r"\s+", " ", str(error))
        raise ConfigurationError(f"{path} is not valid YAML: {told}", hint=f"Correct {path}.") from error
    try:
        return Chart.model_validate(raw)
    except ValidationError as error:
        problems = "\n".join(f"  {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigurationError(f"{path} is not as it must be:\n{problems}", hint=f"Correct {path}.") from error


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split(".")[:2])
