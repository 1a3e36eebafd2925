"""Addresses of resources: by what they are counted, and how many of them share a line."""

from __future__ import annotations

import re
from collections.abc import Iterable

_KEY = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|-?\d+)\]')
_NUMBERED = re.compile(r"^(.*)\[(\d+)\]$", re.DOTALL)
_KEYED = re.compile(r'^(.*?)(\["(?:[^"\\]|\\.)*"\])$', re.DOTALL)


def kind_of(resource_type: str, module: str) -> str:
    """Return what a resource is counted by: its type and its module, without the keys of instances."""
    return f"{resource_type} in {_KEY.sub('[*]', module)}" if module else resource_type


def type_of(address: str) -> str:
    """Return the resource type in an address: ``x_y`` of ``module.a["b"].x_y.name[0]``."""
    parts = _KEY.sub("", address).split(".")
    return parts[-2] if len(parts) > 1 else address


def compact(addresses: Iterable[str]) -> list[str]:
    """Return lines that still name every address: the instances of one resource share a line (``x[0-41, 43]``)."""
    lines: list[str] = []
    instances: dict[str, tuple[list[int], list[str]]] = {}
    for address in addresses:
        if found := _NUMBERED.match(address):
            instances.setdefault(found[1], ([], []))[0].append(int(found[2]))
        elif found := _KEYED.match(address):
            instances.setdefault(found[1], ([], []))[1].append(found[2][1:-1])
        else:
            lines.append(address)
    told = (f"{stem}[{', '.join([*_ranges(numbers), *keys])}]" for stem, (numbers, keys) in instances.items())
    return [*lines, *told]


def _ranges(numbers: list[int]) -> list[str]:
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return [f"{low}" if low == high else f"{low}-{high}" for low, high in found]
