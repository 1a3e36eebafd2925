"""All of gitops/, rendered."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path

from automation import environment
from automation.gitops import charts
from automation.gitops.manifests import Entry, Manifest, entries
from automation.gitops.validation.rendering import Renderer, Unrendered
from automation.workspace import Workspace, cache_folder

ROOT = Path(__file__).parents[3]
GITOPS = ROOT / "gitops"
FOLDERS = sorted(file.parent.relative_to(ROOT).as_posix() for file in GITOPS.rglob("kustomization.yaml"))
CLUSTERS = sorted(
    folder for folder in FOLDERS if re.fullmatch(r"gitops/clusters/[^/]+", folder) and not folder.endswith("/base")
)


ZONES = ("platform", "observability", "data", "apps")  # one project each


@functools.cache
def renderings(kustomize: Path) -> dict[str, list[Manifest]]:
    """Render every folder once; what did not change since the last look comes from the cache."""
    found = Renderer(kustomize, ROOT, cache_folder() / "gitops" / "rendered").render(FOLDERS)
    assert [(folder, one.reason) for folder, one in found.items() if isinstance(one, Unrendered)] == []
    return {
        folder: [one.manifest for one in objects]
        for folder, objects in found.items()
        if not isinstance(objects, Unrendered)
    }


@functools.cache
def listed_in(kustomize: Path, cluster: str) -> tuple[Entry, ...]:
    """Read a table of contents."""
    return tuple(
        entry for one in renderings(kustomize)[cluster] if one["kind"] == "ApplicationSet" for entry in entries(one)
    )


def everything(rendered: dict[str, list[Manifest]]) -> Iterator[tuple[str, Manifest]]:
    for folder, manifests in rendered.items():
        for manifest in manifests:
            yield f"{folder}: {manifest['kind']} {manifest['metadata']['name']}", manifest


def group(manifest: Manifest) -> str:
    return str(manifest["apiVersion"]).rpartition("/")[0]


def made(entry: Entry, rendered: dict[str, list[Manifest]]) -> Iterator[tuple[str, str, str]]:
    """Yield group, kind and namespace of all that an entry brings; a chart says it in its chart.yaml."""
    if entry.chart:
        for kind in charts.load(ROOT / entry.path).kinds:
            yield *kind.rpartition("/")[::2], entry.namespace
    else:
        for one in rendered[entry.path]:
            yield group(one), one["kind"], one["metadata"].get("namespace", entry.namespace)


def own(cluster: str, kustomize: Path, rendered: dict[str, list[Manifest]]) -> list[Manifest]:
    """Return the manifests of this repository that a cluster runs."""
    listed = listed_in(kustomize, cluster)
    return [one for entry in listed if entry.rendered_here for one in rendered[entry.path]]


def described(cluster: str) -> environment.Environment:
    """Return the environment that a cluster's folder belongs to."""
    name = cluster.rpartition("/")[2]
    folder = Workspace(ROOT).environments / name
    file = folder / "environment.yaml"
    file = file if file.is_file() else folder / "environment.example.yaml"
    return environment.read(file.read_text(), name, file.name)
