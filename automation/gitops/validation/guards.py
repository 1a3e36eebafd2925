"""Rules on what a cluster runs: pinned images, what the projects allow, no unneeded rights, data that stays."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import yaml

from automation.gitops.manifests import Manifest
from automation.gitops.validation.clusters import Application, Cluster
from automation.gitops.validation.findings import Finding
from automation.gitops.validation.lines import Lines
from automation.gitops.validation.objects import CLUSTER_SCOPED, Step, at, containers
from automation.gitops.validation.rendering import Rendered

SERVER: Final = "https://kubernetes.default.svc"
# On a binding or role with all rights: the reason. Only what the zone "platform" brings may have one.
REASON: Final = "dogitops.io/cluster-admin"

_PINNED: Final = re.compile(r"(:v?\d[\w.-]*|:[\w.-]*\d+\.\d+[\w.-]*)?(@sha256:[0-9a-f]{64})?$")
_LEVELS: Final = frozenset({"privileged", "baseline", "restricted"})
_LEVEL: Final = "pod-security.kubernetes.io/enforce"
_OPTIONS: Final = "argocd.argoproj.io/sync-options"
_KEPT: Final = frozenset({"Prune=false", "Delete=false"})
_DATA: Final = frozenset({"Namespace", "PersistentVolumeClaim", "PersistentVolume", "Schedule"})
_ARGO_CD: Final = "argocd"


def check(cluster: Cluster, lines: Lines) -> Iterator[Finding]:
    """Yield what the cluster must not run."""
    yield from _sources(cluster)
    for application, one in cluster.objects():
        for message, rule, path in (
            *_images(one),
            *_rights(application, one),
            *_pod_security(one),
            *_prunable(one),
            *_project(cluster, application, one),
        ):
            line = lines.of_object(one.file, one.kind, one.name, path)
            yield cluster.finding(rule, message, file=one.file, line=line)


Told = tuple[str, str, tuple[Step, ...]]


def _images(one: Rendered) -> Iterator[Told]:
    for path, container in _all_containers(one.manifest):
        image = str(container.get("image", ""))
        leaf = image.rpartition("/")[2]
        match = _PINNED.search(leaf)
        if not image or match is None or not match[0]:
            yield (
                f"{one.kind} {one.name}: the image {image or 'of a container'!r} is not pinned.",
                "not-pinned",
                (
                    *path,
                    "image",
                ),
            )


def _all_containers(manifest: Manifest) -> Iterator[tuple[tuple[Step, ...], dict[str, Any]]]:
    """Yield containers, those of pods that are described inside of a ConfigMap included."""
    yield from containers(manifest)
    if manifest.get("kind") == "ConfigMap":
        for key, text in (manifest.get("data") or {}).items():
            if key.endswith((".yaml", ".yml")) and "kind: Pod" in text:
                inner = yaml.safe_load(text)
                if isinstance(inner, dict):
                    yield from ((("data", key), container) for _, container in containers(inner))


def _rights(application: Application, one: Rendered) -> Iterator[Told]:
    if one.kind in {"ClusterRoleBinding", "RoleBinding"}:
        path: tuple[Step, ...] = ("roleRef", "name")
        all_rights = at(one.manifest, path) == "cluster-admin"
    elif one.kind == "ClusterRole":
        path = ("rules",)
        all_rights = any(
            {"*"} <= set(rule.get("apiGroups") or ()) & set(rule.get("resources") or ()) & set(rule.get("verbs") or ())
            for rule in one.manifest.get("rules") or ()
        )
    else:
        return
    reason = one.annotations.get(REASON, "").strip() if application.entry.zone == "platform" else ""
    # Argo CD is what bootstrap installs, and applies everything else.
    if all_rights and not reason and application.entry.application != _ARGO_CD:
        message = f"{one.kind} {one.name} gives all rights. Name those that are needed."
        yield message, "cluster-admin", path


def _pod_security(one: Rendered) -> Iterator[Told]:
    if one.kind == "Namespace" and at(one.manifest, ("metadata", "labels", _LEVEL)) not in _LEVELS:
        yield f"Namespace {one.name} has no label {_LEVEL}.", "pod-security", ("metadata", "labels")


def _prunable(one: Rendered) -> Iterator[Told]:
    claims: Sequence[tuple[tuple[Step, ...], Any]] = ()
    if one.kind in _DATA:
        claims = [((), one.manifest)]
    elif one.kind == "StatefulSet":
        told = at(one.manifest, ("spec", "volumeClaimTemplates")) or ()
        claims = [(("spec", "volumeClaimTemplates", number), claim) for number, claim in enumerate(told)]
    for path, claim in claims:
        options = at(claim, ("metadata", "annotations", _OPTIONS)) or ""
        if not set(options.split(",")) >= _KEPT:
            name = at(claim, ("metadata", "name"))
            message = f"{one.kind} {one.name}: {name} lacks {_OPTIONS}: Prune=false,Delete=false."
            yield message, "prunable", (*path, "metadata")


def _project(cluster: Cluster, application: Application, one: Rendered) -> Iterator[Told]:
    zone = application.entry.zone
    project = cluster.projects.get(zone)
    if project is None:
        return
    name = f"{one.group}/{one.kind}".removeprefix("/")
    inside = one.kind not in CLUSTER_SCOPED
    allowed = project.get("namespaceResourceWhitelist" if inside else "clusterResourceWhitelist") or ()
    if not _allows(allowed, one.group, one.kind):
        yield f"The project {zone} does not allow {name} ({one.name}).", "not-allowed", ("kind",)
    namespace = one.namespace(application.entry.namespace)
    if inside and not allows_destination(project, namespace):
        message = f"The project {zone} does not allow the namespace {namespace} ({name} {one.name})."
        yield message, "not-allowed", ("metadata", "namespace")


def _sources(cluster: Cluster) -> Iterator[Finding]:
    """Yield what the projects do not allow of the table of contents itself, charts that are not here included."""
    for application in cluster.applications:
        entry, chart = application.entry, application.chart
        project = cluster.projects.get(entry.zone)
        if project is None:
            message = f"{entry.application}: there is no project for the zone {entry.zone!r}."
            yield cluster.finding("not-allowed", message, line=application.line)
            continue
        needed = {cluster.repository} | ({entry.chart.repository} if entry.chart else set())
        for address in sorted(needed - set(project.get("sourceRepos") or ())):
            message = f"{entry.application}: the project {entry.zone} does not allow the address {address}."
            yield cluster.finding("not-allowed", message, line=application.line)
        if not allows_destination(project, entry.namespace):
            message = f"{entry.application}: the project {entry.zone} does not allow the namespace {entry.namespace}."
            yield cluster.finding("not-allowed", message, line=application.line)
        for kind in chart.kinds if chart else ():
            group, _, name = kind.rpartition("/")
            key = "clusterResourceWhitelist" if name in CLUSTER_SCOPED else "namespaceResourceWhitelist"
            if not _allows(project.get(key) or (), group, name):
                message = f"{entry.application}: the project {entry.zone} does not allow {kind}, which its chart makes."
                yield cluster.finding("not-allowed", message, line=application.line)


def allows_destination(project: Mapping[str, Any], namespace: str) -> bool:
    """Whether a project lets its applications go to a namespace of the cluster that Argo CD runs in."""
    return any(
        fnmatch.fnmatchcase(SERVER, one.get("server", "")) and fnmatch.fnmatchcase(namespace, one.get("namespace", ""))
        for one in project.get("destinations") or ()
    )


def _allows(kinds: Sequence[Mapping[str, str]], group: str, kind: str) -> bool:
    return any(
        fnmatch.fnmatchcase(group, one.get("group", "")) and fnmatch.fnmatchcase(kind, one.get("kind", ""))
        for one in kinds
    )
