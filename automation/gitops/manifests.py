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
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Entry:
    """One line of a cluster's table of contents; ``zone`` is the trust zone: ``platform`` or ``apps``."""

    application: str
    namespace: str
    path: str
    zone: str


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
    return [manifest for manifest in yaml.load_all(done.stdout, _LOADER) if manifest]


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
    """Return the entries that stand in an ApplicationSet, whose name is their zone."""
    zone = application_set["metadata"]["name"]
    elements = [
        element
        for generator in application_set["spec"]["generators"]
        for inner in generator.get("matrix", {}).get("generators", ())
        for element in inner.get("list", {}).get("elements", ())
    ]
    try:
        return tuple(Entry(one["application"], one["namespace"], one["path"], zone) for one in elements)
    except (KeyError, TypeError) as error:
        raise ConfigurationError(
            f"An entry of the ApplicationSet {zone} lacks {error}.",
            hint="Each needs application, namespace and path, in the kustomization.yaml of gitops/clusters/….",
        ) from error
