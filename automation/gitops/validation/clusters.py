"""The clusters that ``gitops/`` describes, each with its environment and all that it runs, rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from automation import environment as environments
from automation.environment import Environment
from automation.errors import ConfigurationError
from automation.gitops import charts
from automation.gitops.charts import Chart
from automation.gitops.endpoints import REPOSITORY_URL
from automation.gitops.manifests import Entry, elements, entries
from automation.gitops.validation.findings import Finding
from automation.gitops.validation.lines import Lines
from automation.gitops.validation.rendering import FILE, Rendered, Renderer, Unrendered, listed

FOLDER: Final = "gitops/clusters"
BASE: Final = "base"

_ENVIRONMENT_FILES: Final = ("environment.yaml", "environment.example.yaml")
_OWN_MACHINE: Final = frozenset({"auto", "kind", "k3d"})


@dataclass(frozen=True)
class Application:
    """An entry of a table of contents, the line that it stands on, and what it brings.

    ``chart`` is what its ``chart.yaml`` says. ``known`` is false where its manifests could not be had.
    """

    entry: Entry
    line: int
    manifests: tuple[Rendered, ...] = ()
    chart: Chart | None = None
    known: bool = True


@dataclass(frozen=True)
class Cluster:
    """A cluster: its table of contents (``file``), what its environment says, and what it runs.

    ``version`` is that of its Kubernetes; empty where its environment does not say it. ``whole`` is false where some
    of its own manifests could not be read: what seems to be missing may stand there.
    """

    name: str
    file: str
    environment: Environment
    environment_file: str
    version: str
    projects: Mapping[str, Mapping[str, Any]]
    revisions: tuple[str, ...]
    applications: tuple[Application, ...]
    whole: bool = True

    @property
    def repository(self) -> str:
        """The address of this repository as the cluster reads it."""
        return self.environment.gitops.repository or REPOSITORY_URL

    def objects(self) -> Iterator[tuple[Application, Rendered]]:
        """Yield every object that it runs, with the application that brings it."""
        for application in self.applications:
            for rendered in application.manifests:
                yield application, rendered

    def finding(self, rule: str, message: str, *, file: str | None = None, line: int = 1) -> Finding:
        """Return a finding in this cluster; without ``file`` it stands in the table of contents."""
        return Finding(file or self.file, line, rule, message, (self.name,))


@dataclass
class Loaded:
    """What could be read, and what was wrong with the rest."""

    clusters: list[Cluster] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def names(root: Path) -> list[str]:
    """Return the names of all clusters that ``gitops/clusters`` describes."""
    return sorted(file.parent.name for file in (root / FOLDER).glob(f"*/{FILE}") if file.parent.name != BASE)


def load(root: Path, wanted: Sequence[str], renderer: Renderer, lines: Lines, own_version: str) -> Loaded:
    """Read and render the clusters ``wanted``; ``own_version`` is the Kubernetes of clusters on this machine."""
    return _Loading(root, renderer, lines, own_version).load(wanted)


@dataclass
class _Loading:
    root: Path
    renderer: Renderer
    lines: Lines
    own_version: str
    loaded: Loaded = field(default_factory=Loaded)

    def load(self, wanted: Sequence[str]) -> Loaded:
        told = {name: self._environment(name) for name in wanted}
        paths = {name: found[0].gitops.path if found else f"{FOLDER}/{name}" for name, found in told.items()}
        tables = self._tables(paths)
        entries_of = {name: tuple(self._entries(table, name, paths[name])) for name, table in tables.items()}
        rendered = self.renderer.render(
            entry.path
            for listed_entries in entries_of.values()
            for entry in listed_entries
            if entry.rendered_here and (self.root / entry.path / FILE).is_file()
        )
        for name, listed_entries in entries_of.items():
            file = f"{paths[name]}/{FILE}"
            applications = tuple(self._application(entry, name, file, rendered) for entry in listed_entries)
            found, table = told[name], tables[name]
            listed_here = sum(len(elements(one.manifest)) for one in table if one.kind == "ApplicationSet")
            read = [one for one in applications if one.known or not one.entry.rendered_here]
            if found:
                self.loaded.clusters.append(
                    Cluster(
                        name=name,
                        file=file,
                        environment=found[0],
                        environment_file=found[1],
                        version=_version(found[0], self.own_version),
                        projects={one.name: one.manifest["spec"] for one in table if one.kind == "AppProject"},
                        revisions=tuple(_revisions(table)),
                        applications=applications,
                        whole=len(read) == listed_here,
                    )
                )
        return self.loaded

    def _tables(self, paths: Mapping[str, str]) -> dict[str, tuple[Rendered, ...]]:
        found = self.renderer.render(path for path in paths.values() if (self.root / path / FILE).is_file())
        tables = {}
        for name, path in paths.items():
            table = found.get(path, Unrendered(f"{path} has no {FILE}"))
            if isinstance(table, Unrendered):
                self.loaded.findings.append(unrendered(self.lines, path, table, (name,)))
            else:
                tables[name] = table
        return tables

    def _environment(self, name: str) -> tuple[Environment, str] | None:
        for leaf in _ENVIRONMENT_FILES:
            file = f"opentofu/environments/{name}/{leaf}"
            if not (self.root / file).is_file():
                continue
            try:
                return environments.read((self.root / file).read_text(), name, file), file
            except ConfigurationError as error:
                self.loaded.findings.extend(told(self.lines, file, error, (name,)))
                return None
        message = f"There is no environment {name!r}: opentofu/environments/{name} has no {_ENVIRONMENT_FILES[0]}."
        self.loaded.findings.append(Finding(f"{FOLDER}/{name}/{FILE}", 1, "contents", message, (name,)))
        return None

    def _entries(self, table: Sequence[Rendered], name: str, path: str) -> Iterator[Entry]:
        for one in table:
            if one.kind != "ApplicationSet":
                continue
            try:
                yield from entries(one.manifest)
            except ConfigurationError as error:
                file = f"{path}/{FILE}"
                line = self.lines.of_word(file, rf"name: {one.name}\b")
                self.loaded.findings.append(Finding(file, line, "contents", error.message, (name,)))

    def _application(
        self, entry: Entry, name: str, file: str, rendered: Mapping[str, tuple[Rendered, ...] | Unrendered]
    ) -> Application:
        line = self.lines.of_word(file, rf"\bapplication: *{re.escape(entry.application)} *[,}}]")
        if entry.chart is not None:
            return self._vendors(entry, name, file, line)
        made = rendered.get(entry.path)
        if made is None:
            message = f"{entry.application}: there is no component in {entry.path}: it has no {FILE}."
            self.loaded.findings.append(Finding(file, line, "missing-component", message, (name,)))
            return Application(entry, line, known=False)
        if isinstance(made, Unrendered):
            self.loaded.findings.append(unrendered(self.lines, entry.path, made, (name,)))
            return Application(entry, line, known=False)
        return Application(entry, line, made)

    def _vendors(self, entry: Entry, name: str, file: str, line: int) -> Application:
        missing = [leaf for leaf in (charts.FILE, charts.VALUES) if not (self.root / entry.path / leaf).is_file()]
        if missing:
            message = f"{entry.application}: {entry.path} has no {' and no '.join(missing)}."
            self.loaded.findings.append(Finding(file, line, "missing-component", message, (name,)))
        if charts.FILE in missing:
            return Application(entry, line, known=False)
        try:
            return Application(entry, line, chart=charts.load(self.root / entry.path), known=False)
        except ConfigurationError as error:
            self.loaded.findings.extend(told(self.lines, f"{entry.path}/{charts.FILE}", error, (name,)))
            return Application(entry, line, known=False)


def unrendered(lines: Lines, path: str, why: Unrendered, environments_: tuple[str, ...]) -> Finding:
    """Return the finding for a folder that can't be built, at the line that names what kustomize stumbled over."""
    file = f"{path}/{FILE}"
    for name in listed(lines.root, path):
        leaf = name.rstrip("/").rpartition("/")[2]
        if re.search(rf"(^|[\s'\"/]){re.escape(leaf)}($|[\s'\":,])", why.reason):
            return Finding(file, lines.of_word(file, re.escape(name)), "unrendered", why.reason, environments_)
    return Finding(file, 1, "unrendered", why.reason, environments_)


def told(lines: Lines, file: str, error: ConfigurationError, environments_: tuple[str, ...]) -> Iterator[Finding]:
    """Yield what an error says of a file, problem by problem, each at the line of its field."""
    problems = re.findall(r"^  ([\w.-]+): (.+)$", error.message, re.MULTILINE)
    if not problems:
        line = re.search(r"line (\d+)", error.message)
        yield Finding(file, int(line[1]) if line else 1, "contents", error.message, environments_)
    for place, problem in problems:
        rule = "contents"
        if place.startswith("secrets.") and any(word in problem for word in ("exactly one of", "found ''", "found {}")):
            rule = "empty-secret"
        if place == "version" and file.endswith(charts.FILE):
            rule = "not-pinned"
        yield Finding(file, lines.of_field(file, place.split(".")), rule, f"{place}: {problem}", environments_)


def _version(environment: Environment, own: str) -> str:
    """Return the version of the cluster's Kubernetes, such as ``1.35`` or ``1.34.4``."""
    if environment.cluster.provider in _OWN_MACHINE:
        return own
    return environment.cluster.version.partition("-")[0]


def _revisions(table: Sequence[Rendered]) -> Iterator[str]:
    """Yield what each ApplicationSet says of the commit that is read."""
    for one in table:
        if one.kind != "ApplicationSet":
            continue
        for generator in one.manifest["spec"]["generators"]:
            for inner in generator.get("matrix", {}).get("generators", ()):
                values = inner.get("clusters", {}).get("values", {})
                if "revision" in values:
                    yield str(values["revision"])
