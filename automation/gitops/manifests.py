"""What ``gitops/`` describes, as data: rendered manifests, and a cluster's table of contents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from automation import process
from automation.errors import CommandFailed, ConfigurationError, DogitopsError

Manifest = dict[str, Any]

# The C loader reads Argo CD's 27,000 lines in a second, the other one in ten.
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


# The ApplicationSets that a table of contents fills: manifests of the platform, vendors' charts, applications.
PLATFORM: Final = "platform"
CHARTS: Final = "charts"
APPS: Final = "apps"


@dataclass(frozen=True)
class ChartVersion:
    """A vendor's chart at one version; ``repository`` is an address, or ``host/path`` of an OCI registry."""

    repository: str
    chart: str
    version: str


@dataclass(frozen=True)
class Entry:
    """One line of a cluster's table of contents.

    ``zone`` is the trust zone, whose project it belongs to; ``listed`` the ApplicationSet that it is listed under.
    ``path`` is the folder with its manifests, or, of a ``chart``, with its values.
    """

    application: str
    namespace: str
    path: str
    zone: str
    listed: str = PLATFORM
    chart: ChartVersion | None = None

    @property
    def rendered_here(self) -> bool:
        """Whether its manifests stand in this repository; those of a chart come from its vendor."""
        return self.chart is None


def render(kustomize: Path, folder: Path) -> list[Manifest]:
    """Return the manifests that ``kustomize build`` makes of ``folder``.

    Raises ConfigurationError where there is no such folder, DogitopsError where it can't be built.
    """
    if not (folder / "kustomization.yaml").is_file():
        raise ConfigurationError(
            f"{folder} has no kustomization.yaml.", hint="Check 'gitops.path' in the environment's environment.yaml."
        )
    try:
        done = process.run([kustomize, "build", folder], timeout=120)
    except CommandFailed as error:
        raise DogitopsError(
            f"{folder} can't be rendered: {error.output.strip()}", hint="Correct the file that is named."
        ) from error
    return [manifest for manifest in yaml.load_all(done.stdout, LOADER) if manifest]


def contents(kustomize: Path, root: Path, path: str) -> tuple[Entry, ...]:
    """Return the table of contents of the cluster described in the folder ``path`` of the repository ``root``.

    Raises ConfigurationError where an entry is incomplete.
    """
    return tuple(
        entry
        for manifest in render(kustomize, root / path)
        if manifest["kind"] == "ApplicationSet"
        for entry in entries(manifest)
    )


def entries(application_set: Manifest) -> tuple[Entry, ...]:
    """Return the entries that stand in an ApplicationSet. Raises ConfigurationError where one is incomplete."""
    listed = application_set["metadata"]["name"]
    try:
        return tuple(_entry(listed, one) for one in elements(application_set))
    except (KeyError, TypeError) as error:
        needed = "repository, chart and version" if listed == CHARTS else "path"
        raise ConfigurationError(
            f"An entry of the ApplicationSet {listed} lacks {error}.",
            hint=f"Each needs application, zone, namespace and {needed}, in the kustomization.yaml of its cluster.",
        ) from error


def elements(application_set: Manifest) -> list[dict[str, str]]:
    """Return the entries that stand in an ApplicationSet as they stand there."""
    return [
        element
        for generator in application_set["spec"]["generators"]
        for inner in generator.get("matrix", {}).get("generators", ())
        for element in inner.get("list", {}).get("elements", ())
    ]


def _entry(listed: str, told: dict[str, str]) -> Entry:
    application, zone, namespace = told["application"], told["zone"], told["namespace"]
    if listed != CHARTS:
        return Entry(application, namespace, told["path"], zone, listed)
    chart = ChartVersion(told["repository"], told["chart"], str(told["version"]))
    return Entry(application, namespace, f"gitops/platform/{application}", zone, listed, chart)
