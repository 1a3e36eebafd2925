"""The parts of a plan comment that tell what happens to resources, outputs and drift."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from automation.opentofu import comment_diff, diff
from automation.opentofu.budget import Entry, Listing, Whole, compact, counted, kind_of
from automation.opentofu.diff import AttributeChange
from automation.opentofu.guard import Finding
from automation.opentofu.markdown import code, cut, details, fence, html, inert, number
from automation.opentofu.plan import Action, OutputChange, Plan, ResourceChange
from automation.opentofu.redact import Tree

_OPEN_LINES = 45  # lines of diff that a comment shows unfolded; the others unfold on a click
_OPEN_EACH = 24
_HINTS = ("size", "region", "version", "node_count")  # attributes that say at once what a resource is
_ALIKE = 3_000  # characters of the addresses of resources that all change alike
_REASON = 160
COUNTED = 3  # the form of what is lost in which nothing is named any more


class Unfolded:
    """What is left of the lines that are shown without a click; what comes first gets them."""

    def __init__(self, lines: int = _OPEN_LINES) -> None:
        self._lines = lines

    def take(self, lines: int) -> bool:
        """Whether so many more lines may be shown unfolded; they are counted if so."""
        if lines > min(self._lines, _OPEN_EACH):
            return False
        self._lines -= lines
        return True

    @property
    def used_up(self) -> bool:
        """Whether nothing more will be unfolded."""
        return self._lines <= 0


@dataclass(frozen=True)
class Lost:
    """What a plan takes away, in the order in which it is told; these lines are never cut while they fit."""

    title: str
    name: str
    entries: Sequence[Entry]
    bare: Sequence[str]  # the lines with the address alone
    addresses: Sequence[str]
    importance: int
    sign: str

    def least(self, form: int) -> str:
        """Return the form: 0 lines with reasons, 1 addresses, 2 instances together, 3 counts alone."""
        if form == 0:
            body = fence(entry.line for entry in self.entries)
        elif form == 1:
            body = fence(self.bare)
        elif form == 2:  # noqa: PLR2004 - the number of a form
            body = fence(f"{self.sign} {line}" for line in compact(map(inert, self.addresses)))
        else:
            body = counted(self.entries)
        return f"{self.title}\n\n{body}"


def lost(plan: Plan, findings: Sequence[Finding], unfolded: Unfolded) -> list[Lost]:
    """Return what is destroyed, replaced, forgotten, and taken out of a resource that stays."""
    protected = {finding.address for finding in findings}
    by_action: dict[Action, list[ResourceChange]] = {}
    for change in plan.resources:
        by_action.setdefault(change.action, []).append(change)
    found = [
        *(_lost(way, by_action.get(action, []), protected, unfolded) for action, way in _WAYS.items()),
        _blocks([finding for finding in findings if finding.what not in ("destroy", "replace", "forget")]),
    ]
    return [one for one in found if one is not None]


def _lost(way: _Way, changes: Sequence[ResourceChange], protected: set[str], unfolded: Unfolded) -> Lost | None:
    if not changes:
        return None
    entries, bare, addresses = [], [], []
    for change in changes:
        address, why, mark = _named(change), way.reason(change), change.address in protected
        line = f"{way.sign} {inert(address)}"
        told = "; ".join(part for part in ("🔒 protected" if mark else "", inert(why)) if part)
        full = partial(_full_lost, change, why, mark, unfolded)
        entries.append(Entry(f"{line}  # {told}" if told else line, kind_of(change.type, change.module), full))
        bare.append(line)
        addresses.append(address)
    title = f"### {way.title} ({len(entries):,})"
    return Lost(title, way.title.split()[-1].lower(), entries, bare, addresses, way.importance, way.sign)


def _blocks(findings: Sequence[Finding]) -> Lost | None:
    if not findings:
        return None
    bare = [f"- {inert(finding.address)}  {inert(finding.detail)}" for finding in findings]
    entries = [Entry(line, "resource that loses a block") for line in bare]
    addresses = [finding.address for finding in findings]
    title = f"### 🟥 Taken out of resources that stay ({len(findings):,})"
    return Lost(title, "removed blocks", entries, bare, addresses, 0, "-")


def never_cut(found: Sequence[Lost], room: int) -> tuple[list[Listing], int]:
    """Return the parts for what is lost, and the form that they had to take to fit into ``room`` characters."""
    form = 0
    for form in range(4):
        least = [one.least(form) for one in found]
        if sum(map(len, least)) <= room:
            break
    parts = [
        Listing(one.title, one.entries, one.importance, one.name, share=0.5, fixed=one.least(form)) for one in found
    ]
    return parts, form


def _named(change: ResourceChange) -> str:
    return f"{change.address} (deposed object {change.deposed})" if change.deposed else change.address


def _why_destroyed(change: ResourceChange) -> str:
    return cut(change.reason, _REASON)


def _why_replaced(change: ResourceChange) -> str:
    order = "created first" if change.create_first else "the old one is left behind" if change.abandons else ""
    roots = dict.fromkeys(str(path[0]) for path in change.replace_paths if path)
    why = f"forced by {cut(', '.join(roots), _REASON)}" if roots else cut(change.reason, _REASON)
    return "; ".join(part for part in (why, order or "destroyed first") if part)


def _why_forgotten(change: ResourceChange) -> str:
    return "; ".join(part for part in ("the object stays, nobody manages it any more", cut(change.reason, 80)) if part)


def _full_lost(change: ResourceChange, why: str, protected: bool, unfolded: Unfolded) -> str:
    lines = comment_diff.lines(diff.attributes(change), change.action)
    words = [html(word) for word in (why,) if word]
    if change.action is Action.DELETE:
        words = [*_hint(change.before), *words]
    lock = "🔒 " if protected else ""
    summary = f"{lock}<b><code>{html(_named(change))}</code></b>{_dashed(words)}"
    is_open = change.action is Action.REPLACE and unfolded.take(len(lines))
    return details(summary, fence(lines or ["# no attributes"]), is_open=is_open)


def _dashed(words: Iterable[str]) -> str:
    told = "; ".join(words)
    return f" — {told}" if told else ""


def _hint(values: object) -> list[str]:
    """Return what a resource is, in HTML, from the few attributes that say it: ``s-2vcpu-4gb, fra1``."""
    if not isinstance(values, Mapping):
        return []
    given = [(key, values.get(key)) for key in _HINTS]
    found = [value if isinstance(value, str) else f"{key} {value}" for key, value in given if isinstance(value, str | int)]
    return [html(cut(", ".join(found), 80))] if found else []


@dataclass(frozen=True)
class _Way:
    """How one way to lose a resource is told."""

    title: str
    sign: str
    importance: int
    reason: Callable[[ResourceChange], str]


_WAYS = {
    Action.DELETE: _Way("🟥 Destroyed", "-", 6, _why_destroyed),
    Action.REPLACE: _Way("🟧 Replaced", "!", 1, _why_replaced),
    Action.FORGET: _Way("⬜ Forgotten", "!", 7, _why_forgotten),
}


def updated(plan: Plan, unfolded: Unfolded) -> Listing | None:
    """Return the resources that change in place; those that change alike are told together."""
    groups: dict[tuple[str, tuple[AttributeChange, ...]], list[ResourceChange]] = {}
    for change in plan.resources:
        if change.action is Action.UPDATE:
            groups.setdefault((change.type, diff.attributes(change)), []).append(change)
    if not groups:
        return None
    entries = [_updated(attributes, changes, unfolded) for (_, attributes), changes in groups.items()]
    many = sum(map(len, groups.values()))
    return Listing(f"### 🟨 Changed in place ({many:,})", entries, 2, "changed resources")


def _updated(attributes: Sequence[AttributeChange], changes: Sequence[ResourceChange], unfolded: Unfolded) -> Entry:
    first, more = changes[0], len(changes) - 1
    paths = comment_diff.names(attributes, 4)
    alike = f" and {more:,} more alike" if more else ""
    line = f"! {inert(first.address)}{alike}  # {paths}"

    def full() -> str:
        lines = comment_diff.lines(attributes, Action.UPDATE) or ["# nothing that is shown"]
        moved = f", moved from <code>{html(first.previous_address)}</code>" if first.previous_address else ""
        summary = f"<b><code>{html(first.address)}</code></b>{alike} — {html(paths)}{moved}"
        body = fence(lines)
        if more:
            listed = fence([cut("\n".join(map(inert, compact(c.address for c in changes))), _ALIKE)], "text")
            body += f"\n\nThe same change in {number(len(changes), 'resource')}:\n\n{listed}"
        return details(summary, body, is_open=not more and unfolded.take(len(lines)))

    return Entry(line, kind_of(first.type, first.module), full, len(changes))


def created(plan: Plan, unfolded: Unfolded) -> Listing | None:
    """Return the resources that are added."""
    entries = [
        Entry(f"+ {inert(c.address)}", kind_of(c.type, c.module), partial(_full_created, c, unfolded))
        for c in plan.resources
        if c.action is Action.CREATE
    ]
    return Listing(f"### 🟩 Added ({len(entries):,})", entries, 9, "added resources") if entries else None


def _full_created(change: ResourceChange, unfolded: Unfolded) -> str:
    lines = comment_diff.lines(diff.attributes(change), Action.CREATE) or ["# no attributes"]
    summary = f"<b><code>{html(change.address)}</code></b>{_dashed(_hint(change.after))}"
    return details(summary, fence(lines), is_open=unfolded.take(len(lines)))


def kept(plan: Plan) -> Listing | None:
    """Return what is moved or imported: the objects stay as they are."""
    entries = []
    for change in plan.resources:
        kind = kind_of(change.type, change.module)
        if change.previous_address:
            line = f"  moved     {inert(change.previous_address)} → {inert(change.address)}"
            entries.append(Entry(line, f"{kind} moved"))
        if change.importing is not None:
            entries.append(Entry(f"  imported  {inert(change.address)}  # id {_id(change)}", f"{kind} imported"))
    return (
        Listing(f"### 🟦 Moved and imported ({len(entries):,})", entries, 5, "moves and imports") if entries else None
    )


def _id(change: ResourceChange) -> str:
    return cut(inert(change.importing or ""), 80)


def read(plan: Plan) -> Listing | None:
    """Return the data sources that are read during the apply only."""
    changes = [change for change in plan.resources if change.action is Action.READ]
    entries = [
        Entry(f"  {inert(c.address)}" + (f"  # {inert(c.reason)}" if c.reason else ""), kind_of(c.type, c.module))
        for c in changes
    ]
    return Listing(f"### Read during the apply ({len(entries):,})", entries, 10, "reads") if entries else None


def outputs(plan: Plan) -> Whole | None:
    """Return the changes of outputs."""
    if not plan.outputs:
        return None
    lines = [line for output in plan.outputs for line in output_lines(output)]
    names = cut(", ".join(output.name for output in plan.outputs), 200)
    title = f"### Outputs ({len(plan.outputs):,})"
    return Whole(f"{title}\n\n{fence(lines)}", 3, f"{title}\n\n{code(names)}", "the values of outputs", share=0.3)


def output_lines(output: OutputChange) -> list[str]:
    """Return one output's change as lines of a diff block."""
    before: dict[str, Tree] = {} if output.action is Action.CREATE else {output.name: output.before}
    after: dict[str, Tree] = {} if output.action is Action.DELETE else {output.name: output.after}
    named = ResourceChange(  # an output has no name for its value; as an attribute of a resource it has
        *("output", "output", "", "", "managed", ""), output.action, False, "", None, None, None, before, after, ()
    )
    return comment_diff.lines(diff.attributes(named), Action.UPDATE, each=True)


def drifted(plan: Plan) -> Listing | None:
    """Return what was changed outside of OpenTofu, found while planning."""
    if not plan.drift:
        return None
    title = f"### 🌊 Changed outside of OpenTofu ({len(plan.drift):,})"
    title += "\n\nFound while planning; the plan reckons with it."
    return Listing(title, [_drifted(change) for change in plan.drift], 4, "drifted resources", share=0.3)


def _drifted(change: ResourceChange) -> Entry:
    verb = "is gone" if change.action is Action.DELETE else ""

    def full() -> str:
        found = diff.attributes(change)
        lines = comment_diff.lines(found, Action.UPDATE) or ["# nothing that is shown"]
        told = verb or html(comment_diff.names(found, 4))
        return details(f"<b><code>{html(change.address)}</code></b> — {told}", fence(lines))

    return Entry(f"! {inert(change.address)}{f'  # {verb}' if verb else ''}", kind_of(change.type, change.module), full)
