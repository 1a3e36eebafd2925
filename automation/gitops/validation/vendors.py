"""Vendors' charts, where they can be had: their values held against what they know, and what they make rendered."""

from __future__ import annotations

import re
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from automation import process
from automation.errors import DogitopsError, did_you_mean
from automation.gitops import charts
from automation.gitops.manifests import LOADER, ChartVersion
from automation.gitops.validation.clusters import Application, Cluster
from automation.gitops.validation.findings import Finding
from automation.gitops.validation.lines import Lines, Step
from automation.gitops.validation.rendering import Rendered

_PATIENCE: Final = 60.0  # seconds for a download
_SCHEMA: Final = re.compile(r"values don't meet the specifications", re.IGNORECASE)


@dataclass(frozen=True)
class Archive:
    """A chart as its vendor published it."""

    file: Path

    @cached_property
    def values(self) -> dict[str, Any]:
        """Its values with their defaults, those of the charts that it brings along under their names."""
        found = _mapping(self._text("values.yaml"))
        for name, alias in self._dependencies():
            inner = _mapping(self._text(f"charts/{name}/values.yaml"))
            own = found.get(alias)
            found[alias] = {**inner, **own} if isinstance(own, dict) else inner
        return found

    @cached_property
    def words(self) -> frozenset[str]:
        """The keys that its values name in comments only: known, without a default."""
        return frozenset(re.findall(r"^\s*#+\s*([A-Za-z][\w.-]*):", self._text("values.yaml"), re.MULTILINE))

    def _dependencies(self) -> Iterator[tuple[str, str]]:
        for one in _mapping(self._text("Chart.yaml")).get("dependencies") or ():
            yield one["name"], one.get("alias") or one["name"]

    def _text(self, name: str) -> str:
        with tarfile.open(self.file) as archive:
            top = archive.getnames()[0].partition("/")[0]
            try:
                member = archive.extractfile(f"{top}/{name}")
            except KeyError:
                return ""
            return member.read().decode() if member else ""


@dataclass
class Vendors:
    """Charts by version, downloaded once into ``kept``; ``reachable`` tells whether an address answers.

    Without ``helm`` there are none.
    """

    helm: Path | None
    kept: Path
    reachable: Callable[[str], bool]
    _silent: set[str] = field(default_factory=set)

    def ask(self, wanted: Iterable[ChartVersion]) -> None:
        """Find out, all at the same time, which addresses answer of those whose charts are not here yet."""
        hosts = sorted({_host(chart.repository) for chart in wanted if not self._file(chart).is_file()})
        if hosts and self.helm is not None:
            with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
                for host, answers in zip(hosts, pool.map(self.reachable, hosts), strict=True):
                    if not answers:
                        self._silent.add(host)

    def archive(self, chart: ChartVersion) -> Archive | str:
        """Return the chart, or why it can't be had; ``ask`` has been called before."""
        file, host = self._file(chart), _host(chart.repository)
        if file.is_file():
            return Archive(file)
        if self.helm is None:
            return "helm is not on this machine"
        if host in self._silent:
            return f"{urlsplit(host).hostname} can't be reached from here"
        return self._pulled(chart, file)

    def _file(self, chart: ChartVersion) -> Path:
        slug = re.sub(r"[^a-z0-9.]+", "-", chart.repository.lower().rpartition("://")[2])
        return self.kept / slug / f"{chart.chart}-{chart.version}.tgz"

    def template(self, archive: Archive, application: Application, cluster: Cluster, values: Sequence[Path]) -> str:
        """Return what the chart makes, as YAML. Raises DogitopsError with helm's words."""
        entry = application.entry
        version = ["--kube-version", cluster.version] if cluster.version else []
        files = [word for file in values for word in ("--values", str(file))]
        where = ["--namespace", entry.namespace, "--include-crds"]
        done = self._run(["template", entry.application, str(archive.file), *where, *version, *files])
        if done.returncode:
            raise DogitopsError(" ".join(done.stderr.replace("Error: ", "").split()))
        return done.stdout

    def _pulled(self, chart: ChartVersion, file: Path) -> Archive | str:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as into:
            words = ["--version", chart.version, "--destination", into]
            where = (
                [chart.chart, "--repo", chart.repository]
                if "://" in chart.repository
                else [f"oci://{chart.repository}/{chart.chart}"]
            )
            done = self._run(["pull", *where, *words])
            found = list(Path(into).glob("*.tgz"))
            if done.returncode or not found:
                return f"helm can't pull it: {' '.join(done.stderr.replace('Error: ', '').split())[:200]}"
            found[0].replace(file)
        return Archive(file)

    def _run(self, words: Sequence[str]) -> process.Completed:
        """Run helm with settings of its own: nobody's repositories or credentials leak in."""
        assert self.helm is not None  # noqa: S101 - for the type checker
        home = {f"HELM_{name}_HOME": str(self.kept / "helm" / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        return process.run([self.helm, *words], env=home, timeout=_PATIENCE, check=False)


@dataclass
class Looked:
    """What was found in charts, those that could not be had, and the clusters with what charts make."""

    clusters: list[Cluster] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def check(clusters: Sequence[Cluster], vendors: Vendors, root: Path, lines: Lines) -> Looked:
    """Hold the values of every chart against the chart, and render it, where it can be had."""
    looked = Looked()
    vendors.ask(one.entry.chart for cluster in clusters for one in cluster.applications if one.entry.chart)
    for cluster in clusters:
        applications = []
        for application in cluster.applications:
            wanted = application.entry.chart
            if wanted is None or application.chart is None or not charts.EXACT.fullmatch(wanted.version):
                applications.append(application)
                continue
            archive = vendors.archive(wanted)
            if isinstance(archive, str):
                what = f"the values of {application.entry.application} {wanted.version}"
                looked.unchecked.append(f"{what}: {archive}")
                applications.append(application)
                continue
            files = values_of(root, cluster, application)
            for file in files:
                looked.findings.extend(_unknown_in(cluster, wanted, archive, file, lines))
            try:
                text = vendors.template(archive, application, cluster, [root / file for file in files])
            except DogitopsError as error:
                looked.findings.append(_refused(cluster, wanted, files, error, lines))
                applications.append(application)
                continue
            file = f"{application.entry.path}/{charts.FILE}"
            made = tuple(Rendered(one, file) for one in yaml.load_all(text, LOADER) if one)
            looked.findings.extend(_unlisted(cluster, application, made, lines))
            applications.append(replace(application, manifests=made, known=True))
        looked.clusters.append(replace(cluster, applications=tuple(applications)))
    return looked


def values_of(root: Path, cluster: Cluster, application: Application) -> list[str]:
    """Return the files of values that are read for an application, the later over the earlier."""
    own = f"{cluster.file.rpartition('/')[0]}/{application.entry.application}"
    files = (f"{folder}/{charts.VALUES}" for folder in (application.entry.path, own))
    return [file for file in files if (root / file).is_file()]


def _unknown_in(cluster: Cluster, chart: ChartVersion, archive: Archive, file: str, lines: Lines) -> Iterator[Finding]:
    given = _mapping((lines.root / file).read_text())
    for path, near in _unknown(given, archive.values, archive.words, ()):
        message = f"{chart.chart} {chart.version} knows no value {'.'.join(map(str, path))}.{near}"
        yield cluster.finding("unknown-values", message, file=file, line=lines.of_field(file, path))


def _refused(
    cluster: Cluster, chart: ChartVersion, files: Sequence[str], error: DogitopsError, lines: Lines
) -> Finding:
    file = files[-1] if files else cluster.file
    rule = "unknown-values" if _SCHEMA.search(error.message) else "unrendered"
    message = f"{chart.chart} {chart.version}: {error.message}"
    return cluster.finding(rule, message, file=file, line=_line_of(lines, file, error.message))


def _unlisted(cluster: Cluster, application: Application, made: Sequence[Rendered], lines: Lines) -> Iterator[Finding]:
    """Yield the kinds that a chart makes and its chart.yaml does not list."""
    listed = set(application.chart.kinds if application.chart else ())
    kinds = sorted({f"{one.group}/{one.kind}".removeprefix("/") for one in made} - listed)
    if kinds:
        file = f"{application.entry.path}/{charts.FILE}"
        message = f"{application.entry.application} makes {', '.join(kinds)}, too: list all kinds."
        yield cluster.finding("contents", message, file=file, line=lines.of_field(file, ("kinds",)))


def _unknown(
    given: Mapping[str, Any], known: Mapping[str, Any], words: frozenset[str], path: tuple[Step, ...]
) -> Iterator[tuple[tuple[Step, ...], str]]:
    """Yield the path of each key that the chart does not know, with a word on the nearest that it does."""
    for key, value in given.items():
        if key not in known:
            if key not in words and not (key == "global" and not path):
                yield (*path, key), did_you_mean(str(key), [str(one) for one in known])
        elif isinstance(value, dict) and isinstance(known[key], dict) and known[key]:
            yield from _unknown(value, known[key], words, (*path, key))


def _line_of(lines: Lines, file: str, message: str) -> int:
    """Return the line of the key that helm's words on a schema name; the first line where they name none."""
    for word in re.findall(r"property '?([\w.-]+)'?|'([\w.-]+)' not allowed|/([\w./-]+)'?:", message):
        named = next(filter(None, word)).rpartition("/")[2]
        line = lines.of_word(file, rf"^\s*{re.escape(named)}:")
        if line > 1:
            return line
    return 1


def _host(repository: str) -> str:
    parts = urlsplit(repository if "://" in repository else f"https://{repository}")
    return f"{parts.scheme}://{parts.netloc}"


def _mapping(text: str) -> dict[str, Any]:
    told = yaml.load(text, LOADER) if text else None  # noqa: S506 - a safe loader, in C
    return told if isinstance(told, dict) else {}
