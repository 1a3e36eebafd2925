"""Attribute changes as lines of a ``diff`` block: what GitHub colours, and a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from automation.markdown import cut, inert
from automation.opentofu.diff import AttributeChange
from automation.opentofu.plan import Action

_VALUE = 200  # characters of one value
_PATH = 120
_PAD = 26  # a path up to this long is padded, so that values stand in one column
_CONTEXT = 2  # unchanged lines shown around changed ones
_LINES = 120  # of one attribute
_ATTRIBUTES = 150  # of one resource
_NAMES = 8  # paths told by name in a sentence


def lines(attributes: Sequence[AttributeChange], action: Action, *, each: bool = False) -> list[str]:
    """Return the lines of one resource.

    What is only known after the apply stands together in the last line, unless ``each`` asks for a line of its own.
    """
    later = [] if each else [one for one in attributes if _later(one)]
    told = [one for one in attributes if not _later(one)] if later else attributes
    width = min(_PAD, max((len(one.path) for one in told), default=0))
    found: list[str] = []
    for one in told[:_ATTRIBUTES]:
        found += _lines(one, width)
    if len(told) > _ATTRIBUTES:
        found.append(f"# and {len(told) - _ATTRIBUTES:,} more attributes")
    if later:
        verb = "known" if action is Action.CREATE else "new value known"
        found.append(f"# {verb} after apply: {names(later)}")
    return found


def names(attributes: Iterable[AttributeChange], most: int = _NAMES) -> str:
    """Return the paths as a sentence's list, each once: ``image, size, tags[0] and 3 more``."""
    paths = list(dict.fromkeys(cut(inert(one.path), 60) for one in attributes))
    more = len(paths) - most
    return ", ".join(paths[:most]) + (f" and {more:,} more" if more > 0 else "")


def _later(one: AttributeChange) -> bool:
    return one.unknown and not one.forces_replacement and not one.lines


def _lines(one: AttributeChange, width: int) -> list[str]:
    path = cut(inert(one.path), _PATH)
    forced = "  # forces replacement" if one.forces_replacement else ""
    if one.lines and one.block:
        sign = "+" if one.kind == "added" else "-"
        return [
            f"{sign} {path} {{{forced}",
            *(f"{line[:1]}   {line[2:]}" for line in _trimmed(one.lines)),
            f"{sign} }}",
        ]
    if one.lines:
        return [f"@@ {path} @@{forced}", *_trimmed(one.lines)]
    path = path.ljust(width)
    if one.kind == "added":
        return [f"+ {path} = {cut(inert(one.after), _VALUE)}{forced}"]
    if one.kind == "removed":
        return [f"- {path} = {cut(inert(one.before), _VALUE)}{forced}"]
    if one.before == one.after:  # two secrets, or two texts that differ beyond what is printed
        return [f"! {path} = {cut(inert(one.after), _VALUE)} changes{forced}"]
    return [f"- {path} = {cut(inert(one.before), _VALUE)}", f"+ {path} = {cut(inert(one.after), _VALUE)}{forced}"]


def _trimmed(given: Sequence[str]) -> list[str]:
    """Return the lines of a long text with a little of what is unchanged around each change."""
    near: set[int] = set()
    for number, line in enumerate(given):
        if not line.startswith("  "):
            near.update(range(number - _CONTEXT, number + _CONTEXT + 1))
    found: list[str] = []
    skipped = 0
    for number, line in enumerate(given):
        if number not in near:
            skipped += 1
            continue
        if skipped:
            found.append(f"  ⋮ {skipped:,} unchanged")
            skipped = 0
        found.append(line[:2] + cut(inert(line[2:]), _VALUE))
    if skipped and found:
        found.append(f"  ⋮ {skipped:,} unchanged")
    more = len(found) - _LINES
    return found if more <= 0 else [*found[:_LINES], f"# and {more:,} more lines"]
