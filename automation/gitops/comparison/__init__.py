"""What a change does to a cluster: the objects of both sides compared, with what follows, and nothing secret in it.

``sides`` says what a commit makes of a cluster, ``consequences`` what follows from a change, ``hidden`` what is never
shown, ``words`` tells it all as Markdown or text.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

import yaml

from automation.gitops.comparison import consequences
from automation.gitops.comparison.consequences import Consequence, Weight
from automation.gitops.comparison.hidden import without_secrets
from automation.gitops.comparison.sides import CHART, Key, Side
from automation.gitops.manifests import Manifest

__all__ = ["Comparison", "Difference", "Side", "Unrendered", "What", "compare"]

_CONTEXT: Final = 2  # lines around a change
_LONGEST: Final = 5_000  # lines of an object that are compared line by line


class What(StrEnum):
    """What becomes of an object."""

    DELETED = "deleted"
    MOVED = "moved"  # from one application to another
    CHANGED = "changed"
    CREATED = "created"
    LEFT = "left behind"  # no longer in Git, but Argo CD lets it be


@dataclass(frozen=True, eq=False)  # each is itself: what it holds has no hash
class Difference:
    """How one object differs, and what follows from that; ``source`` is the application that a moved one came from."""

    key: Key
    what: What
    before: Manifest | None
    after: Manifest | None
    consequences: tuple[Consequence, ...] = ()
    source: str = ""

    @property
    def application(self) -> str:
        """The application that brings it, or brought it."""
        return self.key[0]

    @property
    def name(self) -> str:
        """``apps/Deployment monitoring/grafana``."""
        _, kind, namespace, name = self.key
        return f"{kind} {f'{namespace}/' if namespace else ''}{name}"

    @property
    def weight(self) -> Weight:
        """The worst of what follows."""
        return min((one.weight for one in self.consequences), default=Weight.NOTED)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The difference line by line (``+ ``, ``- ``, two spaces); nothing secret is in it."""
        if self.what is What.LEFT:
            return ("# it stays as it is",)
        try:
            return tuple(_lines(*without_secrets(self.before, self.after)))
        except RecursionError:
            return ("# nested too deeply to be shown",)


@dataclass(frozen=True)
class Unrendered:
    """A vendor's chart that changes but could not be rendered; versions are empty where it is not there."""

    application: str
    chart: str
    old: str
    new: str
    why: str


@dataclass(frozen=True)
class Comparison:
    """What becomes of a cluster. ``broken`` names the applications that can't be rendered any more, and why.

    ``unknown`` names those that could not be rendered before, so that nothing is said of them. ``is_new`` and
    ``is_gone`` are about the description of the cluster as a whole.
    """

    differences: tuple[Difference, ...] = ()
    unrendered: tuple[Unrendered, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    is_new: bool = False
    is_gone: bool = False

    @property
    def nothing(self) -> bool:
        """Whether nothing differs, as far as that can be told."""
        return not (self.differences or self.unrendered or self.broken or self.unknown or self.is_gone)

    def many(self, what: What) -> int:
        """Return how many objects are, for example, deleted; charts that were not rendered do not count."""
        return sum(one.what is what and one.key[1] != CHART for one in self.differences)


def compare(before: Side | None, after: Side | None) -> Comparison:
    """Compare what a cluster gets before and after; none is a cluster that is not described."""
    if after is None:
        return Comparison(is_gone=before is not None)
    old, new = before or Side(), after
    if new.why_not:
        return Comparison(broken=(("", new.why_not),))
    if old.why_not:
        return Comparison(unknown=(("", old.why_not),))
    found = _Comparing(old, new)
    unrendered = tuple(found.unrendered())
    silent = {one.application for one in unrendered} | found.broken().keys() | found.unknown().keys() | found.same()
    differences = [*found.differences(silent), *found.of_charts({one.application for one in unrendered})]
    return Comparison(
        tuple(sorted(differences, key=lambda one: one.key)),
        unrendered,
        tuple(sorted(found.broken().items())),
        tuple(sorted(found.unknown().items())),
        is_new=before is None,
    )


@dataclass(frozen=True)
class _Comparing:
    old: Side
    new: Side

    def same(self) -> set[str]:
        """Return the charts that stay as they are: what they make up at random is no change."""
        return {
            one for one in self.old.charts.keys() & self.new.charts.keys() if self._told(one)[0] == self._told(one)[1]
        }

    def broken(self) -> dict[str, str]:
        """Return what can't be rendered after the change."""
        return {name: self.new.unknown[name] for name in self.new.broken}

    def unknown(self) -> dict[str, str]:
        """Return what could be rendered after the change only."""
        return {
            name: self.old.unknown[name]
            for name in self.old.broken - self.new.broken
            if name in self.new.entries and name not in self.old.charts
        }

    def unrendered(self) -> Iterator[Unrendered]:
        """Yield the charts that change and are out of reach, on one side at least."""
        for name in sorted(self.old.charts.keys() | self.new.charts.keys()):
            told = self._told(name)
            why = self.new.unknown.get(name) or self.old.unknown.get(name)
            if why and told[0] != told[1] and name not in self.new.broken:
                old, new = (str(one.get("version", "")) if one else "" for one in told)
                yield Unrendered(name, str((told[1] or told[0] or {})["chart"]), old, new, why)

    def of_charts(self, names: set[str]) -> Iterator[Difference]:
        """Yield what is known of charts that were not rendered: their version and our values."""
        for name in names:
            old, new = self._told(name)
            one = new or old or {}
            what = What.CREATED if old is None else What.DELETED if new is None else What.CHANGED
            yield Difference((name, CHART, str(one["namespace"]), str(one["chart"])), what, old, new)

    def differences(self, silent: Collection[str]) -> Iterator[Difference]:
        """Yield what becomes of the objects, but for those of the applications ``silent``."""
        before = {key: one for key, one in self.old.objects.items() if key[0] not in silent}
        after = {key: one for key, one in self.new.objects.items() if key[0] not in silent}
        gone, came = before.keys() - after.keys(), after.keys() - before.keys()
        taken_over = {key[1:]: key for key in came}
        for key in before.keys() & after.keys():
            if before[key] != after[key]:
                follows = tuple(consequences.of_changed(key[1], before[key], after[key]))
                yield Difference(key, What.CHANGED, before[key], after[key], follows)
        for key in gone:
            to = taken_over.pop(key[1:], None)
            yield self._moved(key, to, before[key], after[to]) if to else self._gone(key, before[key])
        for key in taken_over.values():
            yield Difference(key, What.CREATED, None, after[key])

    def _moved(self, key: Key, to: Key, old: Manifest, new: Manifest) -> Difference:
        follows = [*consequences.of_changed(key[1], old, new)]
        if key[0] in self.new.entries and not consequences.is_kept(old):
            follows += consequences.of_moved(key[1], old, key[0], to[0])
        return Difference(to, What.MOVED, old, new, tuple(follows), source=key[0])

    def _gone(self, key: Key, old: Manifest) -> Difference:
        entry = self.old.entries.get(key[0])
        ended = key[0] not in self.new.entries and entry is not None
        if ended and entry is not None and entry.listed in self.new.leaving:
            why = "its application goes without it, and nobody manages it any more"
        elif consequences.is_kept(old, whole_application=ended):
            why = "it is protected, and nobody manages it any more"
        else:
            return Difference(key, What.DELETED, old, None, tuple(consequences.of_deleted(key[1], old)))
        return Difference(key, What.LEFT, old, None, (Consequence(Weight.NOTED, why),))

    def _told(self, name: str) -> tuple[Manifest | None, Manifest | None]:
        return self.old.charts.get(name), self.new.charts.get(name)


def _lines(old: Manifest | None, new: Manifest | None) -> Iterator[str]:
    before, after = _text(old), _text(new)
    if max(len(before), len(after)) > _LONGEST and before and after:
        yield f"# {len(before):,} lines before, {len(after):,} after: too long to be compared line by line"
        return
    if before == after:
        yield "# what changes is hidden"
        return
    found = list(difflib.unified_diff(before, after, lineterm="", n=_CONTEXT if before and after else 0))
    for number, line in enumerate(found[2:]):
        if not line.startswith("@@"):
            yield f"{line[0]} {line[1:]}"
        elif number and before and after:
            yield "  ⋮"


def _text(manifest: Manifest | None) -> list[str]:
    return yaml.dump(manifest, Dumper=_Readable, sort_keys=False, width=110).splitlines() if manifest else []


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as such: what changed in a configuration file is seen line by line."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data.strip("\n") else None)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - its name there
        return True


_Readable.add_representer(str, _Readable.represent_str)
