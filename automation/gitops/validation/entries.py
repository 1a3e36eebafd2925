"""Rules on a table of contents: versions that are pinned and supported, namespaces, and nothing claimed twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from automation.gitops import charts
from automation.gitops.validation.clusters import Application, Cluster
from automation.gitops.validation.findings import Finding
from automation.gitops.validation.lines import Lines
from automation.gitops.validation.objects import CLUSTER_SCOPED
from automation.gitops.validation.rendering import FILE, Rendered, bases, listed

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_FOLLOWS: Final = '{{ index .metadata.annotations "dogitops.io/revision" }}'
# What every cluster has, or bootstrap makes.
_THERE: Final = frozenset({"kube-system", "kube-public", "default", "dogitops-system"})
_REMOTE: Final = re.compile(r"^(https?://|git@|ssh://|git::|github\.com/)")
_REFERENCE: Final = re.compile(r"[?&]ref=(v?\d[\w.+-]*|[0-9a-f]{40})(&|$)")


def check(cluster: Cluster, root: Path, lines: Lines) -> Iterator[Finding]:
    """Yield what is wrong with the cluster's table of contents and the components that it lists."""
    yield from _revision(cluster, lines)
    seen: dict[str, Application] = {}
    for application in cluster.applications:
        name = application.entry.application
        if name in seen:
            message = f"{name} is listed twice, at line {seen[name].line}, too."
            yield cluster.finding("claimed-twice", message, line=application.line)
        seen.setdefault(name, application)
        yield from _chart(cluster, application, lines)
        yield from _remote(cluster, application, root, lines)
    yield from _namespaces(cluster)
    yield from _claims(cluster, lines)


def _revision(cluster: Cluster, lines: Lines) -> Iterator[Finding]:
    for revision in sorted(set(cluster.revisions)):
        if revision not in {_FOLLOWS, "HEAD"} and not _COMMIT.fullmatch(revision):
            line = lines.of_word(cluster.file, re.escape(revision))
            message = f"The revision {revision!r} is no commit: 40 hexadecimal digits, or HEAD before a promotion."
            yield cluster.finding("not-pinned", message, line=line)


def _chart(cluster: Cluster, application: Application, lines: Lines) -> Iterator[Finding]:
    entry, chart = application.entry, application.chart
    if entry.chart is None:
        return
    if not charts.EXACT.fullmatch(entry.chart.version):
        message = f"{entry.application}: the version {entry.chart.version!r} of its chart is not exactly one."
        yield cluster.finding("not-pinned", message, line=application.line)
    if chart is None:
        return
    if (entry.chart.repository, entry.chart.chart) != (chart.repository, chart.chart):
        message = (
            f"{entry.application} is {entry.chart.chart} from {entry.chart.repository} here, "
            f"and {chart.chart} from {chart.repository} in {entry.path}/{charts.FILE}."
        )
        yield cluster.finding("contents", message, line=application.line)
    if cluster.version and not chart.kubernetes.includes(cluster.version):
        message = (
            f"{entry.application} {entry.chart.version} supports Kubernetes {chart.kubernetes}, "
            f"and {cluster.name} has {cluster.version}."
        )
        line = lines.of_field(cluster.environment_file, ("cluster", "version"))
        yield cluster.finding("cluster-version", message, file=cluster.environment_file, line=line)


def _remote(cluster: Cluster, application: Application, root: Path, lines: Lines) -> Iterator[Finding]:
    """Yield the bases elsewhere that are not pinned to a tag or a commit."""
    if not application.entry.rendered_here:
        return
    for folder in sorted(bases(root, application.entry.path)):
        for name in listed(root, folder):
            if _REMOTE.match(name) and not _REFERENCE.search(name):
                file = f"{folder}/{FILE}"
                message = f"{name} may change without a commit here: name a tag or a commit (?ref=v1.2.3)."
                yield cluster.finding("not-pinned", message, file=file, line=lines.of_word(file, re.escape(name)))


def _namespaces(cluster: Cluster) -> Iterator[Finding]:
    if not cluster.whole:
        return
    made = {rendered.name for _, rendered in cluster.objects() if rendered.kind == "Namespace"} | _THERE
    for application in cluster.applications:
        entry = application.entry
        missing = {one.namespace(entry.namespace) for one in application.manifests if _namespaced(one)} - made
        if entry.namespace not in made:
            missing.add(entry.namespace)
        for namespace in sorted(missing):
            message = f"{entry.application} goes to the namespace {namespace}, which nothing here makes."
            yield cluster.finding("no-namespace", message, line=application.line)


def _claims(cluster: Cluster, lines: Lines) -> Iterator[Finding]:
    """Yield the objects that two applications bring: Argo CD would let them fight for it."""
    owners: dict[tuple[str, str, str, str], tuple[Application, Rendered]] = {}
    for application, one in cluster.objects():
        namespace = one.namespace(application.entry.namespace) if _namespaced(one) else ""
        key = (one.group, one.kind, namespace, one.name)
        first = owners.setdefault(key, (application, one))
        if first[0] is application:
            continue
        place = f"{namespace}/{one.name}" if namespace else one.name
        message = (
            f"{one.kind} {place} is claimed by {application.entry.application} and, in {first[1].file}, "
            f"by {first[0].entry.application}."
        )
        line = lines.of_object(one.file, one.kind, one.name)
        yield cluster.finding("claimed-twice", message, file=one.file, line=line)


def _namespaced(one: Rendered) -> bool:
    return one.kind not in CLUSTER_SCOPED
