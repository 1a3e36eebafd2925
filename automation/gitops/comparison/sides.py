"""What a cluster gets, as the files of one commit describe it: one side of a comparison."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from automation import environment as environments
from automation.errors import ConfigurationError
from automation.gitops.installation import NAMESPACE, ROOT, folder
from automation.gitops.manifests import Entry, Manifest, elements
from automation.gitops.validation import Tools, clusters, vendors
from automation.gitops.validation.clusters import Application, Cluster
from automation.gitops.validation.findings import Finding
from automation.gitops.validation.lines import Lines
from automation.gitops.validation.objects import CLUSTER_SCOPED, at
from automation.gitops.validation.rendering import Rendered, Renderer

CHART: Final = "Chart"  # the kind under which a chart stands that could not be rendered

_ENVIRONMENTS: Final = "opentofu/environments"
_ENVIRONMENT: Final = "environment.yaml"
_EXAMPLE: Final = "environment.example.yaml"

Key = tuple[str, str, str, str]  # application, group/Kind, namespace, name

# What kustomize adds to the names of generated objects: without it, a change is seen as one.
_HASH: Final = re.compile(r"-[2456789bcdfghkmt]{10}$")


@dataclass(frozen=True)
class Side:
    """What a cluster runs: its objects, and what is known of the applications that bring them.

    ``charts`` says of each vendor's chart what is known without rendering it, ``unknown`` of which applications the
    objects are not known, and why; ``broken`` are those of them whose files are wrong. ``leaving`` are ApplicationSets
    that leave behind what an entry installed. ``why_not`` is told where nothing is known at all.
    """

    objects: Mapping[Key, Manifest] = field(default_factory=dict)
    entries: Mapping[str, Entry] = field(default_factory=dict)
    charts: Mapping[str, Manifest] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()
    why_not: str = ""


def side(tree: Path, name: str, tools: Tools) -> Side:
    """Return what the cluster ``name`` gets, as the files in ``tree`` describe it."""
    lines = Lines(tree)
    renderer = Renderer(tools.kustomize, tree, tools.kept / "rendered")
    loaded = clusters.load(tree, [name], renderer, lines, tools.own_version)
    if not loaded.clusters:
        told = [one.message for one in loaded.findings]
        return Side(why_not=told[0] if told else f"{name} is not described.")
    asked = vendors.Vendors(tools.helm, tools.kept / "charts", tools.reachable)
    looked = vendors.check(loaded.clusters, asked, tree, lines)
    [cluster] = looked.clusters
    table = renderer.render([cluster.file.rpartition("/")[0]]).popitem()[1]
    assert isinstance(table, tuple)  # noqa: S101 - for the type checker: it was rendered above
    findings = [*loaded.findings, *looked.findings]
    listed = sum(len(elements(one.manifest)) for one in table if one.kind == "ApplicationSet")
    if listed != len(cluster.applications):
        return Side(why_not=findings[0].message)
    found: dict[Key, Manifest] = {key_of(ROOT, one.manifest, NAMESPACE): one.manifest for one in table}
    for application, one in cluster.objects():
        entry = application.entry
        if isinstance(one.manifest, dict):
            found[key_of(entry.application, one.manifest, entry.namespace)] = one.manifest
    unknown = [one for one in cluster.applications if not one.known]
    wrong = {one.entry.application: why for one in unknown if (why := _wrong(one, findings))}
    return Side(
        objects=found,
        entries={one.entry.application: one.entry for one in cluster.applications},
        charts={one.entry.application: _chart(cluster, one, tree) for one in cluster.applications if one.entry.chart},
        unknown={**{one.entry.application: _out_of_reach(one, looked.unchecked) for one in unknown}, **wrong},
        broken=frozenset(wrong),
        leaving=frozenset(_leaving(table)),
    )


def names(tree: Path) -> list[str]:
    """Return the clusters that are described in ``tree``, and the environments that are in use there."""
    used = (file.parent.name for file in (tree / _ENVIRONMENTS).glob(f"*/{_ENVIRONMENT}"))
    return sorted({*clusters.names(tree), *used})


def in_use(tree: Path, name: str) -> bool:
    """Whether the environment of a cluster is more than an example."""
    return (tree / _ENVIRONMENTS / name / _ENVIRONMENT).is_file()


def path_of(tree: Path, name: str) -> str:
    """Return the folder of a cluster's table of contents; the usual one where its environment can't be read."""
    for leaf in (_ENVIRONMENT, _EXAMPLE):
        file = tree / _ENVIRONMENTS / name / leaf
        if file.is_file():
            try:
                return environments.read(file.read_text(), name, leaf).gitops.path
            except (ConfigurationError, UnicodeDecodeError):
                break
    return folder(name)


def key_of(application: str, manifest: Manifest, namespace: str) -> Key:
    """Return by what an object is found on the other side; ``namespace`` is where it goes if it does not say."""
    told = manifest.get("metadata")
    metadata: Manifest = told if isinstance(told, dict) else {}
    kind = str(manifest.get("kind") or "")
    group = str(manifest.get("apiVersion") or "").rpartition("/")[0]
    name = str(metadata.get("name") or metadata.get("generateName") or "")
    named = _HASH.sub("", name) if kind in {"ConfigMap", "Secret"} else name
    where = "" if kind in CLUSTER_SCOPED else str(metadata.get("namespace") or namespace)
    return application, f"{group}/{kind}".removeprefix("/"), where, named


def _leaving(table: Iterable[Rendered]) -> Iterator[str]:
    for one in table:
        if one.kind == "ApplicationSet" and at(one.manifest, ("spec", "syncPolicy", "preserveResourcesOnDeletion")):
            yield one.name


def _chart(cluster: Cluster, application: Application, tree: Path) -> Manifest:
    """Return what is known of a chart without rendering it: where it is from, its version, and our values."""
    entry = application.entry
    assert entry.chart is not None  # noqa: S101 - for the type checker
    told: Manifest = {"repository": entry.chart.repository, "chart": entry.chart.chart, "version": entry.chart.version}
    told |= {"namespace": entry.namespace, "kubernetes": cluster.version}
    for file in vendors.values_of(tree, cluster, application):
        told[file] = (tree / file).read_text(errors="replace")
    return told


def _wrong(application: Application, findings: Iterable[Finding]) -> str:
    """Return what is wrong with an application's files; empty where nothing is."""
    entry = application.entry
    for one in findings:
        if one.file.startswith(f"{entry.path}/") or one.message.startswith(f"{entry.application}:"):
            return one.message
        if entry.chart and one.message.startswith(f"{entry.chart.chart} {entry.chart.version}:"):
            return one.message
    return ""


def _out_of_reach(application: Application, unchecked: Iterable[str]) -> str:
    """Return why a chart is not here."""
    chart = application.entry.chart
    for line in unchecked:
        what, _, why = line.partition(": ")
        if chart and what == f"the values of {application.entry.application} {chart.version}":
            return why
    return "it can't be rendered here"
