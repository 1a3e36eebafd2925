"""What changes inside of a resource, attribute by attribute, as a person reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from json.encoder import encode_basestring
from typing import Final, Literal

from automation.opentofu import sequence
from automation.opentofu.plan import Action, OutputChange, Path, ResourceChange
from automation.opentofu.redact import UNKNOWN, Hidden, Tree, printable, same

MAX_PRINTED: Final = 120  # characters of a value on one line
_MAX_PAIRS: Final = 10_000  # of nested blocks that are compared with each other
_SIMILAR: Final = 0.5  # of what two blocks say must be equal, for one to be the other, changed
_NAMES: Final = ("name", "id", "key", "slug", "identifier", "device_name", "mount_path")

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One attribute or nested block that changes.

    ``before`` and ``after`` are one line each, as printed. ``lines`` is the difference inside of a text with several
    lines, a JSON string, a list or a block, each beginning with ``+ ``, ``- `` or two spaces; else it is empty.
    ``block`` says that a nested block (or an element of a list of objects) is added or removed as a whole.
    ``unknown`` says that the new value is known after the apply only.
    """

    path: str
    kind: Kind
    before: str
    after: str
    lines: tuple[str, ...] = ()
    forces_replacement: bool = False
    block: bool = False
    unknown: bool = False


def attributes(change: ResourceChange | OutputChange) -> tuple[AttributeChange, ...]:
    """Return what changes in ``change``: what forces a replacement first, then by path."""
    forced = change.replace_paths if isinstance(change, ResourceChange) else ()
    if change.action is Action.FORGET:
        return ()
    found = _differences(change.before, change.after, (), forced)
    if not forced:
        return tuple(found)
    return tuple(sorted(found, key=lambda item: not item.forces_replacement))


def printed(value: Tree) -> str:
    """Return a value on one line, cut where it is long."""
    if isinstance(value, str):
        return _cut(encode_basestring(value))
    if isinstance(value, Hidden):
        return "(sensitive)"
    if value is UNKNOWN:
        return "(known after apply)"
    if value is None:
        return "(none)"
    return _cut(compact(value))


def compact(value: Tree) -> str:  # noqa: PLR0911 - one for each kind of value
    """Return a value as JSON on one line, with words in place of what is hidden or unknown."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{encode_basestring(k)}: {compact(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(compact, value)) + "]"
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return printed(value)


def dotted(path: Path) -> str:
    """Return a path as people write it: ``rule[0].ports``, ``labels["app.kubernetes.io/name"]``."""
    made = ""
    for part in path:
        if isinstance(part, int):
            made += f"[{part}]"
        elif part.replace("-", "_").isidentifier():
            made += f".{part}" if made else part
        else:
            made += f"[{printable(encode_basestring(part))}]"
    return made or "value"


def _cut(text: str) -> str:
    if len(text) > MAX_PRINTED:
        text = f"{text[: MAX_PRINTED - 24]}… ({len(text):,} characters)"
    return text if text.isprintable() else printable(text)


def _differences(before: Tree, after: Tree, path: Path, forced: Sequence[Path]) -> Iterator[AttributeChange]:
    if same(before, after):
        return
    if _empty(before) and _empty(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({**before, **after}):
            yield from _differences(before.get(key), after.get(key), (*path, key), forced)
    elif isinstance(after, dict) and _empty(before):
        for key in sorted(after):
            yield from _differences(None, after[key], (*path, key), forced)
    elif isinstance(before, dict) and _empty(after) and (not path or not _is_block(before)):
        for key in sorted(before):
            yield from _differences(before[key], None, (*path, key), forced)
    elif _has_blocks(before, after):
        yield from _blocks(_list(before), _list(after), path, forced)
    else:
        yield _leaf(before, after, path, forced)


def _empty(value: Tree) -> bool:
    return value is None or (isinstance(value, (list, dict)) and not value)


def _list(value: Tree) -> list[Tree]:
    return value if isinstance(value, list) else []


def _has_blocks(before: Tree, after: Tree) -> bool:
    """Whether two values are lists (one may be missing) with an object in them."""
    if not (isinstance(before, list) or before is None) or not (isinstance(after, list) or after is None):
        return False
    return any(isinstance(item, dict) for item in (*(before or ()), *(after or ())))


def _is_block(value: dict[str, Tree]) -> bool:
    """Whether an object that goes as a whole is a nested block, and not a map such as tags: those hold strings."""
    return not all(isinstance(item, (str, Hidden)) for item in value.values())


def _is_forced(path: Path, forced: Sequence[Path]) -> bool:
    return any(path[: len(each)] == each or each[: len(path)] == path for each in forced)


def _leaf(before: Tree, after: Tree, path: Path, forced: Sequence[Path]) -> AttributeChange:
    kind: Kind = "added" if _empty(before) else "removed" if _empty(after) else "changed"
    block = kind == "removed" and isinstance(before, dict)
    one, other = _shown(before, after)
    return AttributeChange(
        dotted(path),
        kind,
        one,
        other,
        tuple(_content(before, "- ")) if block else _lines(before, after),
        bool(forced) and _is_forced(path, forced),
        block,
        after is UNKNOWN,
    )


def _shown(before: Tree, after: Tree) -> tuple[str, str]:
    """Return two values on one line each; of long strings the part where they begin to differ."""
    if isinstance(before, str) and isinstance(after, str) and max(len(before), len(after)) > MAX_PRINTED // 2:
        start = 0
        while start < min(len(before), len(after)) and before[start] == after[start]:
            start += 1
        start -= 20
        if start > 0:
            return printed(f"…{before[start:]}"), printed(f"…{after[start:]}")
    return printed(before), printed(after)


def _lines(before: Tree, after: Tree) -> tuple[str, ...]:
    """Return the difference inside of two values that print on several lines."""
    if isinstance(before, list) or isinstance(after, list):
        if _plain(before) and _plain(after):
            return sequence.lines([printed(item) for item in _list(before)], [printed(item) for item in _list(after)])
        return ()
    if not isinstance(before, (str, type(None))) or not isinstance(after, (str, type(None))):
        return ()
    one, other = _json(before), _json(after)
    if (one is not None or before is None) and (other is not None or after is None):
        return tuple(_inner(one, other))
    if "\n" in (before or "") or "\n" in (after or ""):
        return sequence.lines(_split(before), _split(after))
    return ()


def _plain(value: Tree) -> bool:
    return value is None or isinstance(value, list)


def _split(text: str | None) -> list[str]:
    """Return the lines of a text; that the last one lacks its end is told, for it can be the only difference."""
    if not text:
        return []
    lines = [line if line.isprintable() else printable(line) for line in text.split("\n")]
    if lines[-1]:
        lines[-1] += "  (no newline at the end)"
        return lines
    return lines[:-1]


def _json(text: str | None) -> Tree:
    """Return the object or list that a string is the JSON of, or None."""
    if not text or (text[0], text[-1]) not in {("{", "}"), ("[", "]")}:
        return None
    try:
        found: Tree = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found


def _inner(before: Tree, after: Tree) -> Iterator[str]:
    if isinstance(before, dict) != isinstance(after, dict) and not (_empty(before) or _empty(after)):
        yield f"- {printed(before)}"
        yield f"+ {printed(after)}"
        return
    told = False
    for item in _differences(before, after, (), ()):
        told = True
        if item.lines:
            yield f"  {item.path}:"
            yield from (f"{line[:2]}  {line[2:]}" for line in item.lines)
            continue
        if item.kind != "added":
            yield f"- {item.path}: {item.before}"
        if item.kind != "removed":
            yield f"+ {item.path}: {item.after}"
    if not told:
        yield "  only its formatting changes"


def _content(value: Tree, sign: str) -> Iterator[str]:
    """Yield what a block says, a line for each attribute that is set."""
    if not isinstance(value, dict):
        yield f"{sign}{printed(value)}"
        return
    for item in _differences(None, value, (), ()):
        if not item.lines:
            yield f"{sign}{item.path} = {item.after}"
            continue
        yield f"{sign}{item.path}:"
        yield from (f"{sign}  {line[2:]}" for line in item.lines)


def _blocks(before: list[Tree], after: list[Tree], path: Path, forced: Sequence[Path]) -> Iterator[AttributeChange]:
    pairs, in_order = _matched(before, after)
    left, right = {b for b, _ in pairs}, {a for _, a in pairs}
    quiet = True
    for b, a in pairs:
        for item in _differences(before[b], after[a], (*path, a), forced):
            quiet = False
            yield item
    for index, block in enumerate(before):
        if index not in left:
            quiet = False
            yield _whole("removed", block, (*path, index), forced)
    for index, block in enumerate(after):
        if index not in right:
            quiet = False
            yield _whole("added", block, (*path, index), forced)
    if quiet and not in_order:
        change = AttributeChange(dotted(path), "changed", "(one order)", "(another order)")
        yield replace(change, forces_replacement=_is_forced(path, forced))


def _whole(kind: Kind, block: Tree, path: Path, forced: Sequence[Path]) -> AttributeChange:
    shown, gone = printed(block), printed(None)
    added = kind == "added"
    return AttributeChange(
        dotted(path),
        kind,
        gone if added else shown,
        shown if added else gone,
        tuple(_content(block, "+ " if added else "- ")) if isinstance(block, dict) else (),
        bool(forced) and _is_forced(path, forced),
        isinstance(block, dict),
        block is UNKNOWN,
    )


def _matched(before: list[Tree], after: list[Tree]) -> tuple[list[tuple[int, int]], bool]:
    """Pair the blocks of two lists: equal ones, those in the same place or of the same name, then similar ones.

    Also returns whether equal ones kept their order.
    """
    if not before or not after:
        return [], True
    if len(before) == len(after) == 1:
        return [(0, 0)], True
    one, other = [_key(item) for item in before], [_key(item) for item in after]
    pairs = sequence.common(one, other)
    left, right = _rest(pairs, before, after)
    places: dict[str, list[int]] = {}
    for a in right:
        places.setdefault(other[a], []).append(a)
    moved = [(b, places[one[b]].pop(0)) for b in left if places.get(one[b])]
    pairs += moved
    left, right = _rest(pairs, before, after)
    pairs += _by_name(before, after, left, right)
    left, right = _rest(pairs, before, after)
    pairs += _by_likeness(before, after, left, right)
    return sorted(pairs, key=lambda pair: pair[1]), not moved


def _rest(pairs: list[tuple[int, int]], before: list[Tree], after: list[Tree]) -> tuple[list[int], list[int]]:
    left, right = {b for b, _ in pairs}, {a for _, a in pairs}
    return [b for b in range(len(before)) if b not in left], [a for a in range(len(after)) if a not in right]


def _by_name(before: list[Tree], after: list[Tree], left: list[int], right: list[int]) -> Iterator[tuple[int, int]]:
    def named(blocks: list[Tree], indices: list[int]) -> dict[str, int]:
        found: dict[str, int] = {}
        twice = set()
        for index in indices:
            block = blocks[index]
            name = next((block[key] for key in _NAMES if block.get(key)), None) if isinstance(block, dict) else None
            if isinstance(name, str):
                twice |= {name} & found.keys()
                found[name] = index
        return {name: index for name, index in found.items() if name not in twice}

    one, other = named(before, left), named(after, right)
    return ((index, other[name]) for name, index in one.items() if name in other)


def _by_likeness(before: list[Tree], after: list[Tree], left: list[int], right: list[int]) -> list[tuple[int, int]]:
    if len(left) * len(right) <= _MAX_PAIRS:
        candidates = [(b, a) for b in left for a in right]
    else:
        places = set(right)
        candidates = [(b, b) for b in left if b in places]
    scored = sorted((-_likeness(before[b], after[a]), abs(b - a), b, a) for b, a in candidates)
    pairs: list[tuple[int, int]] = []
    used_b: set[int] = set()
    used_a: set[int] = set()
    for score, _, b, a in scored:
        if -score >= _SIMILAR and b not in used_b and a not in used_a:
            used_b.add(b)
            used_a.add(a)
            pairs.append((b, a))
    return pairs


def _likeness(before: Tree, after: Tree) -> float:
    """Return which part of what two blocks say is equal, from 0 to 1; what is empty on both sides says nothing."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return 0.0
    equal = compared = 0
    for key in {**before, **after}:
        one, other = before.get(key), after.get(key)
        if (_empty(one) and _empty(other)) or other is UNKNOWN:
            continue
        compared += 1
        equal += same(one, other)
    return equal / compared if compared else 1.0


def _key(value: Tree) -> str:
    """Return a text that is equal for equal values, and for them only."""
    return json.dumps(
        value, sort_keys=True, default=lambda leaf: {"": leaf.fingerprint} if isinstance(leaf, Hidden) else {}
    )
