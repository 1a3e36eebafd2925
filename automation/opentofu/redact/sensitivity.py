"""A plan's own sensitivity maps: what they mark, and which strings of a plan are secrets by them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

MAX_DEPTH: Final = 200  # levels of nesting; OpenTofu's own values stay far below
_LEAST = 8  # characters; shorter sensitive values ("true", "fra1") would blank ordinary words elsewhere
_LEAST_LINE = 20  # characters of one line of a sensitive multi-line value
_WORD = re.compile(r"[A-Za-z]{1,11}")
_PUBLIC = re.compile(r"https?://[\w.-]+(?::\d+)?/?|\d{1,3}(?:\.\d{1,3}){3}(?:/\d+)?")


def either(one: Any, other: Any) -> Any:
    """Return a sensitivity map that marks what either of two marks."""
    if one is True or other is True:
        return True
    if not marked(one):
        return other if marked(other) else False
    if not marked(other) or one == other:
        return one
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: either(one.get(key, False), other.get(key, False)) for key in {**one, **other}}
    if isinstance(one, list) and isinstance(other, list):
        size = max(len(one), len(other))
        return [either(*pair) for pair in zip(padded(one, size, False), padded(other, size, False), strict=True)]
    return True  # the value changes its shape: rather nothing is shown than the wrong part


def marked(marks: Any) -> bool:
    """Return whether a map of marks has a mark anywhere; an empty or wrong thing has none."""
    if marks is True:
        return True
    if not marks:
        return False
    parts = marks.values() if isinstance(marks, dict) else marks if isinstance(marks, list) else ()
    for part in parts:  # noqa: SIM110 - a loop is twice as fast, and this is what a plan is mostly made of
        if part and marked(part):
            return True
    return False


def padded(items: list[Any], size: int, filler: Any) -> list[Any]:
    """Return the first ``size`` items, filled up."""
    return [*items[:size], *[filler] * (size - len(items))]


def sensitive_strings(document: Mapping[str, Any]) -> set[str]:
    """Return what the plan marks as sensitive, wherever; what is not as it should be is left to the reader.

    Values that may well stand elsewhere without being that secret are left out: short ones, words, hosts.
    """
    return {value for value in _all(document) if not _ordinary(value)}


def _all(document: Mapping[str, Any]) -> Iterator[str]:
    for key in ("resource_changes", "resource_drift"):
        for raw in _items(document.get(key)):
            yield from _of_change(_part(raw, "change"))
    for change in _parts(document.get("output_changes")):
        yield from _of_change(change)
    declared = _part(_part(_part(document, "configuration"), "root_module"), "variables")
    given = _part(document, "variables")
    for name, declaration in declared.items():
        if _part(declaration, "sensitive", bool):
            yield from _strings(_part(given, name).get("value"), True)
    yield from _of_state(_part(document, "planned_values"))
    yield from _of_state(_part(_part(document, "prior_state"), "values"))


def _of_state(values: Mapping[str, Any]) -> Iterator[str]:
    for output in _parts(values.get("outputs")):
        yield from _strings(output.get("value"), output.get("sensitive") is True)
    modules = [_part(values, "root_module")]
    while modules:
        module = modules.pop()
        for resource in _items(module.get("resources")):
            yield from _strings(resource.get("values"), resource.get("sensitive_values"))
        modules += _items(module.get("child_modules"))


def _of_change(change: Mapping[str, Any]) -> Iterator[str]:
    for side in ("before", "after"):
        marks = change.get(f"{side}_sensitive")
        if marks:
            yield from _strings(change.get(side), marks)


def _strings(value: Any, marks: Any) -> Iterator[str]:
    """Yield the strings of ``value`` that ``marks`` mark; all of them where the shapes differ."""
    todo = [(value, marks, 0)]
    while todo:
        item, mark, depth = todo.pop()
        if not mark or item is None or depth > MAX_DEPTH or (mark is not True and not marked(mark)):
            continue
        if isinstance(item, str):
            yield item
            yield from (
                line for line in map(str.strip, item.splitlines()) if len(line) >= _LEAST_LINE and " " not in line
            )
        elif isinstance(item, dict):
            inner = mark if isinstance(mark, dict) else None
            todo += [(part, inner.get(key) if inner is not None else True, depth + 1) for key, part in item.items()]
        elif isinstance(item, list):
            some = mark if isinstance(mark, list) and len(mark) >= len(item) else [True] * len(item)
            todo += [(part, some[index], depth + 1) for index, part in enumerate(item)]


def _ordinary(value: str) -> bool:
    return len(value) < _LEAST or bool(_WORD.fullmatch(value) or _PUBLIC.fullmatch(value))


def _part(raw: Any, key: str, kind: type = dict) -> Any:
    found = raw.get(key) if isinstance(raw, dict) else None
    return found if isinstance(found, kind) else kind()


def _items(raw: Any) -> Iterator[dict[str, Any]]:
    return (item for item in raw if isinstance(item, dict)) if isinstance(raw, list) else iter(())


def _parts(raw: Any) -> Iterator[dict[str, Any]]:
    return (item for item in raw.values() if isinstance(item, dict)) if isinstance(raw, dict) else iter(())
