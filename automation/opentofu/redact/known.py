"""Finds known secret values in text, many of them at once, in time that depends on the text's length alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST: Final = 6  # characters; what is shorter would blank ordinary words

# An occurrence of a value of at least 2n-1 characters covers a whole block of n characters that begins at a
# multiple of n. So it is enough to look up each n-th block of the text, and to compare where one is found.
_SHORT, _LONG = 3, 6
_LONG_FROM = 2 * _LONG - 1


class KnownValues:
    """A set of values, and where they occur in a text."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._blocks: dict[int, dict[str, set[tuple[int, int]]]] = {_SHORT: {}, _LONG: {}}

    def add(self, values: Iterable[str]) -> None:
        """Add values as they are."""
        for value in values:
            if len(value) < SHORTEST or value in self._values:
                continue
            self._values.add(value)
            size = _LONG if len(value) >= _LONG_FROM else _SHORT
            blocks = self._blocks[size]
            for offset in range(size):
                blocks.setdefault(value[offset : offset + size], set()).add((offset, len(value)))

    def add_encoded(self, values: Iterable[str]) -> None:
        """Add values, their lines, and the forms that they take inside of other texts."""
        for value in values:
            for part in {value, value.strip(), *(line.strip() for line in value.splitlines())}:
                if len(part) >= SHORTEST:
                    self.add(_forms(part))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return start and end of every value in ``text``; spans may overlap."""
        found: list[tuple[int, int]] = []
        values = self._values
        for size, blocks in self._blocks.items():
            if not blocks:
                continue
            for position in range(0, len(text) - size + 1, size):
                candidates = blocks.get(text[position : position + size])
                if candidates is None:
                    continue
                for offset, length in candidates:
                    start = position - offset
                    if start >= 0 and text[start : start + length] in values:
                        found.append((start, start + length))
        return found


def _forms(value: str) -> Iterator[str]:
    yield value
    raw = value.encode("utf-8", "surrogatepass")
    yield quote(raw, safe="")
    yield quote(raw)
    yield quote_plus(raw)
    yield raw.hex()
    for ascii_only in (True, False):
        escaped = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield json.dumps(escaped, ensure_ascii=ascii_only)[1:-1]
    yield value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    # In base64 of a longer text the value begins at one of three places of a group. The characters at its edges
    # depend on what stands beside it and are left out.
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + raw).decode().rstrip("=")
        inner = encoded[(0, 2, 3)[lead] : len(encoded) if not (lead + len(raw)) % 3 else -1]
        yield inner
        yield inner.translate(str.maketrans("+/", "-_"))
