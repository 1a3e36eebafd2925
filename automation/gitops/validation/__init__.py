"""All of ``gitops/`` looked at before anything is applied, every finding with file and line.

``clusters`` reads and renders, ``entries``, ``guards``, ``references``, ``schemas`` and ``vendors`` hold the rules,
``findings`` names them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.gitops.validation import clusters, entries, guards, references, schemas, vendors
from automation.gitops.validation.findings import Finding, Report, merged
from automation.gitops.validation.lines import Lines
from automation.gitops.validation.rendering import Renderer

__all__ = ["Tools", "validate"]


@dataclass(frozen=True)
class Tools:
    """The programs that look, where their results are kept, and which Kubernetes clusters on this machine have.

    Without ``helm`` charts are not looked at; ``reachable`` tells whether the address of a repository answers.
    """

    kustomize: Path
    kubeconform: Path
    helm: Path | None
    kept: Path
    own_version: str
    reachable: Callable[[str], bool]


def validate(root: Path, names: Sequence[str], tools: Tools) -> Report:
    """Look at the clusters ``names`` of the repository ``root``."""
    lines = Lines(root)
    renderer = Renderer(tools.kustomize, root, tools.kept / "rendered")
    loaded = clusters.load(root, names, renderer, lines, tools.own_version)
    asked = vendors.Vendors(tools.helm, tools.kept / "charts", tools.reachable)
    looked = vendors.check(loaded.clusters, asked, root, lines)
    found: list[Finding] = [*loaded.findings, *looked.findings]
    for cluster in looked.clusters:
        found.extend(entries.check(cluster, root, lines))
        found.extend(guards.check(cluster, lines))
        found.extend(references.check(cluster, lines))
    checked = schemas.check(looked.clusters, tools.kubeconform, lines)
    renderer.tidy()
    unchecked = [*looked.unchecked, *(f"{kind}: there is no schema of it here" for kind in sorted(checked.without))]
    return Report(
        findings=merged([*found, *checked.findings]),
        unchecked=tuple(dict.fromkeys(unchecked)),
        environments=tuple(cluster.name for cluster in loaded.clusters),
        manifests=sum(1 for cluster in looked.clusters for _ in cluster.objects()),
    )
