"""The parts of a plan comment for what a plan takes away: destroyed, replaced, forgotten, and blocks taken out.

Its names are never cut as long as they fit. They take the fullest of these forms that fits: under headings with what
they have in common, alone, with the instances of one resource together, and only then counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from automation.fitting import Entry, Told, Unfolded, counted
from automation.markdown import cut, details, fence, html, html_text, inert, number
from automation.opentofu import diff
from automation.opentofu.comment import lines as comment_diff
from automation.opentofu.comment.addresses import compact, kind_of
from automation.opentofu.comment.parts import alike, dashed, hint
from automation.opentofu.diff import AttributeChange
from automation.opentofu.guard import Finding
from automation.opentofu.plan import Action, Plan, ResourceChange

COUNTED = 3  # the form in which nothing is named any more
_FEW = 8  # so many are told one by one, with their attributes where there is room
_WHY = 160
_ALL, _ALIKE = "those of all, or none", "those that are alike together"
_BLOCK = re.compile(r"the nested block (.+?) would be removed", re.DOTALL)


@dataclass(frozen=True, eq=False)
class _Lost:
    """One thing that is lost: ``named`` is its address (inert), ``common`` what it shares with others of its kind."""

    named: str
    kind: str
    common: str
    protected: bool
    change: ResourceChange
    why: str


@dataclass(frozen=True)
class _Way:
    """How one way to lose something is told."""

    title: str
    sign: str
    importance: int
    reason: Callable[[ResourceChange], str]
    detailed: str = ""  # how attributes are told, too


class LostPart:
    """All that is lost in one way. It is told in ``form`` at least; attributes follow where there is room."""

    share = 0.5

    def __init__(self, way: _Way, found: Sequence[_Lost], unfolded: Unfolded) -> None:
        self.importance = way.importance
        self._way = way
        self.found = sorted(found, key=lambda one: (not one.protected, one.kind)) if len(found) > _FEW else found
        self._unfolded = unfolded
        self.form = 0
        self.names, self._groups, self._full = cache(self._names), cache(self._group), cache(self._draw)
        self.title = f"### {way.title} ({len(found):,})"

    @property
    def mild(self) -> bool:
        """Whether the objects go on existing."""
        return self._way is _WAYS[Action.FORGET]

    @property
    def verb(self) -> str:
        """What becomes of it: ``destroyed``."""
        return self._way.title.split()[1].lower()

    @property
    def least(self) -> str:
        """The names, in the form that was chosen."""
        return f"{self.title}\n\n{self.names(self.form)}"

    def _names(self, form: int) -> str:
        """Return the names in one form."""
        if form == 0:
            return fence(self._grouped())
        if form == 1:
            return fence(f"{self._way.sign} {one.named}" for one in self.found)
        if form < COUNTED:
            return fence(f"{self._way.sign} {line}" for line in compact(one.named for one in self.found))
        return counted(Entry("", one.kind) for one in self.found)

    def _grouped(self) -> Iterable[str]:
        groups: dict[tuple[bool, str, str], list[_Lost]] = {}
        for one in self.found:
            groups.setdefault((not one.protected, one.kind, one.common), []).append(one)
        for (free, kind, common), found in groups.items():
            lock = "" if free else "🔒 "
            many = f"{len(found):,} \u00d7 " if len(found) > 1 else ""
            yield f"@@ {lock}{many}{cut(inert(kind), 120)}{f' — {cut(inert(common), 240)}' if common else ''} @@"
            yield from (f"{self._way.sign} {one.named}" for one in found)

    def within(self, room: int) -> Told:
        """Return the names, with the attributes of as many as fit."""
        if self.form == COUNTED:
            return self._some(room)
        if not self._way.detailed:
            return Told(self.least)
        if len(self.found) <= _FEW:
            one_by_one = "\n".join([f"{self.title}\n", *(self._full(one) for one in self.found)])
            if len(one_by_one) <= room:
                return Told(one_by_one)
        told, left = [self.least], room - len(self.least) - 2
        missing = 0
        for group in self._groups():
            more = self._full(*group)
            if missing or len(more) + 1 > left:
                missing += len(group)
                continue
            told.append(more)
            left -= len(more) + 1
        if missing and self._way.detailed is _ALL:  # those of a few tell nothing of the others
            told, missing = told[:1], len(self.found)
        text = "\n\n".join(part for part in (told[0], "\n".join(told[1:])) if part)
        return Told(text, f"the attributes of {missing:,} of {len(self.found):,} {self.verb}" if missing else "")

    def _some(self, room: int) -> Told:
        """Return the counts, and as many names as fit, what is protected first."""
        room -= len(self.least) + 80
        lines: list[str] = []
        for one in sorted(self.found, key=lambda one: not one.protected):
            room -= len(one.named) + len(self._way.sign) + 2
            if room < 0:
                break
            lines.append(f"{self._way.sign} {one.named}")
        left = f"the names of {len(self.found) - len(lines):,} of {len(self.found):,} {self.verb}"
        if not lines:
            return Told(self.least, left)
        return Told(f"{self.least}\n\nThe first {len(lines):,} by name:\n\n{fence(lines)}", left)

    def _group(self) -> list[list[_Lost]]:
        if self._way.detailed is not _ALIKE:
            return [[one] for one in self.found]
        groups: dict[tuple[str, str, tuple[AttributeChange, ...]], list[_Lost]] = {}
        for one in self.found:
            key = (one.kind, one.why, _forcing(diff.attributes(one.change)))
            groups.setdefault(key, []).append(one)
        return list(groups.values())

    def _draw(self, one: _Lost, *more: _Lost) -> str:
        change = one.change
        lines = comment_diff.lines(diff.attributes(change), change.action) or ["# no attributes"]
        words = [*(hint(change.before) if change.action is Action.DELETE else ()), html_text(one.why)]
        lock = "🔒 " if one.protected else ""
        summary = f"{lock}<b><code>{html(_named(change))}</code></b>{alike(len(more))}{dashed(words)}"
        is_open = change.action is Action.REPLACE and not more and self._unfolded.take(len(lines))
        return details(summary, fence(lines), is_open=is_open)


def _forcing(attributes: Iterable[AttributeChange]) -> tuple[AttributeChange, ...]:
    """Return what makes two replacements alike: what forces them, by value."""
    return tuple(one for one in attributes if one.forces_replacement)


def lost(plan: Plan, findings: Sequence[Finding], unfolded: Unfolded) -> list[LostPart]:
    """Return the parts for what the plan takes away, the worst first."""
    protected = {finding.address for finding in findings}
    by_action: dict[Action, list[_Lost]] = {}
    for change in plan.resources:
        way = _WAYS.get(change.action)
        if way is not None:
            why = way.reason(change)
            kind = kind_of(change.type, change.module)
            one = _Lost(inert(_named(change)), kind, why, change.address in protected, change, why)
            by_action.setdefault(change.action, []).append(one)
    parts = [LostPart(way, by_action[action], unfolded) for action, way in _WAYS.items() if action in by_action]
    return [*parts, *_blocks(plan, findings)]


def _blocks(plan: Plan, findings: Sequence[Finding]) -> list[LostPart]:
    taken = [finding for finding in findings if finding.what == "removes block"]
    if not taken:
        return []
    changes = {change.address: change for change in plan.resources if change.action is Action.UPDATE}
    found = []
    for finding in taken:
        change = changes.get(finding.address)
        path = _BLOCK.search(finding.detail)
        common = f"without {path[1]}" if path else finding.detail
        if change is not None:
            kind = kind_of(change.type, change.module)
            found.append(_Lost(inert(finding.address), kind, cut(common, _WHY), True, change, finding.detail))
    return [LostPart(_BLOCKS, found, Unfolded(0))] if found else []


def never_cut(parts: Sequence[LostPart], room: int) -> None:
    """Let the parts take the fullest forms in which all of them fit into ``room`` characters.

    What is forgotten goes on existing, so its names give way before those of what is destroyed.
    """
    for form in range(COUNTED + 1):
        for milder in range(form, COUNTED + 1):
            for part in parts:
                part.form = milder if part.mild else form
            if sum(len(part.least) for part in parts) <= room:
                return


def loudly(parts: Sequence[LostPart]) -> str:
    """Return the sentence for a comment in which not everything that is lost is named; else nothing."""
    counted_ = [part for part in parts if part.form == COUNTED]
    if not counted_:
        return ""
    many = sum(len(part.found) for part in counted_)
    verbs = ", ".join(part.verb for part in counted_)
    return f"**{number(many, 'resource')} ({verbs}): more than a comment can name. Below they are counted.**"


def _named(change: ResourceChange) -> str:
    return f"{change.address} (deposed object {change.deposed})" if change.deposed else change.address


def _why_destroyed(change: ResourceChange) -> str:
    return cut(change.reason, _WHY)


def _why_replaced(change: ResourceChange) -> str:
    order = "created first" if change.create_first else "the old one is left behind" if change.abandons else ""
    roots = dict.fromkeys(str(path[0]) for path in change.replace_paths if path)
    why = f"forced by {cut(', '.join(roots), _WHY)}" if roots else cut(change.reason, _WHY)
    return "; ".join(part for part in (why, order or "destroyed first") if part)


def _why_forgotten(change: ResourceChange) -> str:
    return "; ".join(part for part in ("the object stays, nobody manages it any more", cut(change.reason, 80)) if part)


_WAYS = {
    Action.DELETE: _Way("🟥 Destroyed", "-", 6, _why_destroyed, _ALL),
    Action.REPLACE: _Way("🟧 Replaced", "!", 1, _why_replaced, _ALIKE),
    Action.FORGET: _Way("⬜ Forgotten", "!", 7, _why_forgotten),
}
_BLOCKS = _Way("🟥 Blocks taken out of resources that stay", "-", 0, _why_destroyed)
