"""Fits a comment under GitHub's limit by importance: what matters most is told in full, and what is left out is named.

A comment is a row of parts in reading order. Each part has a least form, which is always told, and can say more when
it is given room. Room is given by importance; a part that could say still more gets what the others left over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from automation import markdown

# Of the 65,536 characters of a comment's body, above which GitHub answers 422: a header of ours fits in front.
LIMIT = 65_000
_JOINT = "\n\n"
_KINDS = 12  # kinds that are counted by name; the others are counted together
_LEAST_KINDS = 4
_WORTH = 20  # names of fewer than one in so many are left to the counts
_UNFOLDED = 25  # lines that are shown without a click
_LABEL = 72
_OPEN_LINES = 45  # lines of diff that a comment shows unfolded; the others unfold on a click
_OPEN_EACH = 24


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
class Told:
    """What a part says, and what it had to leave out (empty when nothing)."""

    text: str
    left_out: str = ""


class Part(Protocol):
    """A part of a comment."""

    @property
    def least(self) -> str:
        """What is always told."""
        ...

    @property
    def importance(self) -> int:
        """0 is given room first."""
        ...

    @property
    def share(self) -> float:
        """Which share of the room that is left it may take, before others had theirs."""
        ...

    def within(self, room: int) -> Told:
        """Say as much as fits into ``room`` characters, which is never less than the least form takes."""
        ...


@dataclass(frozen=True)
class Whole:
    """Text that is told as it is, or not at all: then ``least`` stands there, and ``name`` is what was left out."""

    text: str
    importance: int = 0
    least: str = ""
    name: str = ""
    share: float = 1.0

    def within(self, room: int) -> Told:
        """Return the text if it fits."""
        return Told(self.text) if len(self.text) <= room else Told(self.least, self.name)


@dataclass(frozen=True)
class Entry:
    """One thing in a list: ``full`` makes its Markdown, ``line`` is for a fenced block (inert), ``kind`` to count by.

    ``weight`` is how many things it stands for.
    """

    line: str
    kind: str
    full: Callable[[], str] | None = None
    weight: int = 1


@dataclass
class Listing:
    """Entries in full while there is room, the next ones as lines of one block, and the rest counted by kind."""

    title: str
    entries: Sequence[Entry]
    importance: int
    name: str
    share: float = 0.6
    all_or_none: bool = False  # whether entries are told in full only when all of them can be named, too
    least: str = field(init=False)

    def __post_init__(self) -> None:
        self.least = f"{self.title}{_JOINT}{counted(self.entries, kinds=_LEAST_KINDS)}"

    def within(self, room: int) -> Told:
        """Return as many entries in full, then as lines, as fit."""
        lines = sum(len(entry.line) + 1 for entry in self.entries)
        # Every address is worth more than the details of some: lines come first as long as they take half the room.
        reserve_lines = lines <= room // 2
        room -= len(self.title) + len(markdown.details("99,999 names", markdown.fence([""]))) + 2 * len(_JOINT)
        room -= lines if reserve_lines else len(counted(self.entries)) + len(_JOINT)
        if room < 0:
            return Told(self.least, self._left(self.entries, True))
        if self.all_or_none and not reserve_lines:
            full: list[str] = []
        else:
            full, room = self._full(room, room if reserve_lines else room * 2 // 3, give_back=reserve_lines)
        rest = self.entries[len(full) :]
        as_lines = rest if reserve_lines else _first(rest, room)
        if len(as_lines) * _WORTH < len(rest):  # a few names of very many tell nothing
            as_lines = []
        beyond = rest[len(as_lines) :]
        return Told(self._joined(full, as_lines, beyond), self._left(beyond or rest, bool(beyond)))

    def _full(self, room: int, most: int, *, give_back: bool) -> tuple[list[str], int]:
        told: list[str] = []
        for entry in self.entries:
            if entry.full is None:
                break
            text = entry.full()
            cost = len(text) + 1 - (len(entry.line) + 1 if give_back else 0)
            if cost > most:
                break
            told.append(text)
            most -= cost
            room -= cost
        return told, room

    def _joined(self, full: Sequence[str], lines: Sequence[Entry], beyond: Sequence[Entry]) -> str:
        parts = [self.title, "\n".join(full)]
        if lines:
            block = markdown.fence(entry.line for entry in lines)
            many = markdown.number(len(lines), "more" if full else "name", "more" if full else "names")
            parts.append(block if len(lines) <= _UNFOLDED else markdown.details(many, block))
        if beyond:
            parts.append(counted(beyond, more=bool(full or lines)))
        return _JOINT.join(part for part in parts if part)

    def _left(self, entries: Sequence[Entry], beyond: bool) -> str:
        if not entries or (entries[0].full is None and not beyond):
            return ""
        many = sum(entry.weight for entry in entries)
        total = sum(entry.weight for entry in self.entries)
        return f"{'names' if beyond else 'details'} of {many:,} of {total:,} {self.name}"


def _first(entries: Sequence[Entry], room: int) -> Sequence[Entry]:
    for number, entry in enumerate(entries):
        room -= len(entry.line) + 1
        if room < 0:
            return entries[:number]
    return entries


def fit(parts: Sequence[Part], limit: int = LIMIT) -> tuple[str, tuple[str, ...]]:
    """Return the comment, at most ``limit`` characters, and what was left out of it.

    Raises ValueError when not even the least forms fit: the caller keeps them short.
    """
    told = [Told(part.least) for part in parts]
    room = limit - sum(len(part.least) + len(_JOINT) for part in parts)
    if room < 0:
        raise ValueError(f"the least forms take {limit - room} characters, more than {limit}")
    order = sorted(range(len(parts)), key=lambda number: parts[number].importance)
    for shared in (True, False):
        for number in order:
            part, now = parts[number], told[number]
            if not shared and not now.left_out:
                continue
            given = int(room * part.share) if shared else room
            better = part.within(len(now.text) + given)
            if len(better.text) > len(now.text) + given:
                better = now if now.left_out else Told(now.text, better.left_out)
            room -= len(better.text) - len(now.text)
            told[number] = better
    text = _JOINT.join(one.text for one in told if one.text)
    return text, tuple(one.left_out for one in told if one.left_out)


def counted(entries: Iterable[Entry], *, more: bool = False, kinds: int = _KINDS) -> str:
    """Return the entries counted by kind, as a block: the largest kinds by name, the others together."""
    found: Counter[str] = Counter()
    for entry in entries:
        found[entry.kind] += entry.weight
    rows = [(many, markdown.cut(markdown.inert(kind), _LABEL)) for kind, many in found.most_common(kinds)]
    others = len(found) - len(rows)
    if others:
        rows.append((sum(found.values()) - sum(many for many, _ in rows), markdown.number(others, "other kind")))
    width = max(len(f"{many:,}") for many, _ in rows)
    lead = "And, by kind:\n\n" if more else ""
    return lead + markdown.fence((f"{many:>{width},} \u00d7 {kind}" for many, kind in rows), "text")
