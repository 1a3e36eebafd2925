"""The parts of a plan comment that tell what happens to resources, outputs and drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial

from automation.fitting import Entry, Listing, Unfolded, Whole
from automation.markdown import code, cut, details, fence, html, html_text, inert, number
from automation.opentofu import diff
from automation.opentofu.comment import lines as comment_diff
from automation.opentofu.comment.addresses import compact, kind_of
from automation.opentofu.diff import AttributeChange
from automation.opentofu.plan import Action, OutputChange, Plan, ResourceChange
from automation.opentofu.redact import Tree

_HINTS = ("size", "region", "version", "node_count")  # attributes that say at once what a resource is
_ALIKE = 600  # characters of the addresses of resources that all change alike


def dashed(words: Iterable[str]) -> str:
    """Return words (HTML) as the end of a summary."""
    told = "; ".join(word for word in words if word)
    return f" — {told}" if told else ""


def alike(more: int) -> str:
    """Return the words for further resources that change in the same way."""
    return f" and {more:,} more alike" if more else ""


def hint(values: object) -> list[str]:
    """Return what a resource is, in HTML, from the few attributes that say it: ``s-2vcpu-4gb, fra1``."""
    if not isinstance(values, Mapping):
        return []
    given = [(key, values.get(key)) for key in _HINTS]
    found = [
        value if isinstance(value, str) else f"{key} {value}" for key, value in given if isinstance(value, str | int)
    ]
    return [html_text(cut(", ".join(found), 80))] if found else []


def updated(plan: Plan, unfolded: Unfolded) -> Listing | None:
    """Return the resources that change in place; those that change alike are told together."""
    changes = [change for change in plan.resources if change.action is Action.UPDATE]
    if not changes:
        return None
    entries = _together(changes, "!", unfolded)
    return Listing(f"### 🟨 Changed in place ({len(changes):,})", entries, 2, "changed resources")


def _together(changes: Iterable[ResourceChange], sign: str, unfolded: Unfolded) -> list[Entry]:
    """Return an entry for each group of resources of one kind that change alike; of each kind the first comes early."""
    groups: dict[tuple[str, tuple[AttributeChange, ...]], list[ResourceChange]] = {}
    for change in changes:
        groups.setdefault((change.type, diff.attributes(change)), []).append(change)
    entries = [_alike(attributes, found, sign, unfolded) for (_, attributes), found in groups.items()]
    seen: Counter[str] = Counter()
    ranks = []
    for entry in entries:
        ranks.append(seen[entry.kind])
        seen[entry.kind] += 1
    return [entries[number] for number in sorted(range(len(entries)), key=ranks.__getitem__)]


def _alike(
    attributes: Sequence[AttributeChange], changes: Sequence[ResourceChange], sign: str, unfolded: Unfolded
) -> Entry:
    first, more = changes[0], len(changes) - 1
    paths = "is gone" if first.action is Action.DELETE else comment_diff.names(attributes, 4)
    line = f"{sign} {inert(first.address)}{alike(more)}  # {paths}"

    @cache
    def full() -> str:
        lines = comment_diff.lines(attributes, first.action) or ["# nothing that is shown"]
        moved = f", moved from <code>{html(first.previous_address)}</code>" if first.previous_address else ""
        summary = f"<b><code>{html(first.address)}</code></b>{alike(more)} — {html_text(paths)}{moved}"
        body = fence(lines)
        if more:
            told = "\n".join(map(inert, compact(change.address for change in changes)))
            told = told if len(told) <= _ALIKE else f"{told[:_ALIKE]}…"
            body += f"\n\nThe same change in {number(len(changes), 'resource')}:\n\n{fence([told], 'text')}"
        return details(summary, body, is_open=not more and unfolded.take(len(lines)))

    return Entry(line, kind_of(first.type, first.module), full, len(changes))


def created(plan: Plan, unfolded: Unfolded) -> Listing | None:
    """Return the resources that are added."""
    entries = [
        Entry(f"+ {inert(c.address)}", kind_of(c.type, c.module), cache(partial(_full_created, c, unfolded)))
        for c in plan.resources
        if c.action is Action.CREATE
    ]
    return (
        Listing(f"### 🟩 Added ({len(entries):,})", entries, 9, "added resources", all_or_none=True)
        if entries
        else None
    )


def _full_created(change: ResourceChange, unfolded: Unfolded) -> str:
    lines = comment_diff.lines(diff.attributes(change), Action.CREATE) or ["# no attributes"]
    summary = f"<b><code>{html(change.address)}</code></b>{dashed(hint(change.after))}"
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
    title += "\n\nFound while planning; the plan takes it into account."
    return Listing(title, _together(plan.drift, "!", Unfolded(0)), 4, "drifted resources", share=0.3)
