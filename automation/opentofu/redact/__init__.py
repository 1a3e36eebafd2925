"""Takes secrets out of a plan's values while they are read.

Four things give a value away, in this order: the plan's own sensitivity maps; equality with a secret that is known
(values in a longer string and in other encodings included); the name it stands under; and what it looks like.
What is hidden keeps a fingerprint, so that "changed or not" can be told, and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from automation import secret
from automation.opentofu.redact import suspect
from automation.opentofu.redact.known import KnownValues
from automation.opentofu.redact.sensitivity import MAX_DEPTH, marked, padded, sensitive_strings
from automation.secret import Secret

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value that may not be shown: why, and its HMAC-SHA256 in hex. Equal fingerprints mean equal values."""

    why: str = field(compare=False)
    fingerprint: str


class Unknown:
    """A value that is known after the apply only; there is one, :data:`UNKNOWN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
Tree: TypeAlias = "str | int | float | bool | Hidden | Unknown | list[Tree] | dict[str, Tree] | None"

SENSITIVE: Final = "sensitive"
KNOWN: Final = "a known secret"
NAMED: Final = "its name"
LOOKS: Final = "looks like a secret"
_MAX_ENCODINGS = 3  # base64 in JSON in base64; deeper ones are judged by their looks


class Redactor:
    """Redacts values and free text; ``known`` are secrets besides those that :mod:`automation.secret` remembers.

    ``key`` (any bytes) makes fingerprints comparable between processes; without one they are good for this process.
    Not safe for use from several threads.
    """

    def __init__(self, key: bytes | None = None, known: Iterable[Secret] = ()) -> None:
        self._key = key or secrets.token_bytes(32)
        self._values = KnownValues()
        self._values.add_encoded({*secret.known_values(), *(each.reveal() for each in known)})
        self._harmless: set[str] = set()
        self._redacted: dict[str, str | Hidden] = {}
        self._depth = 0  # of encodings in encodings
        self._names: dict[str, tuple[str, bool, bool]] = {}

    def learn(self, document: Mapping[str, Any]) -> None:
        """Take every value that ``document`` (of ``tofu show -json``) marks as sensitive for a known secret."""
        fresh = sensitive_strings(document)
        if fresh:
            self._values.add(fresh)
            self._harmless.clear()
            self._redacted.clear()
            self._names.clear()

    def hide(self, value: Any, why: str) -> Hidden:
        """Return what stands for ``value``, which must be JSON."""
        return Hidden(why, self._fingerprint(json.dumps(value, sort_keys=True, separators=(",", ":"))))

    def hides(self, name: str) -> bool:
        """Whether a value under this name is taken for a secret."""
        return self._name(name)[1]

    def text(self, text: str) -> str:
        """Return free text (an address, an id, a message) without secrets and control characters."""
        found = self._string(text)
        clean = found if isinstance(found, str) else self._mark(found.fingerprint)
        return clean if clean.isprintable() else printable(clean)

    def tree(self, value: Any, sensitive: Any = False, unknown: Any = False) -> Tree:
        """Return ``value`` with Hidden and UNKNOWN in it; what need not change is shared, not copied.

        ``sensitive`` and ``unknown`` are the plan's maps: true, or the same shape as the value with true in it.
        Raises TypeError or ValueError for what is not JSON, RecursionError for what is nested too deep.
        """
        if unknown is True or marked(unknown):
            return self._unknown(value, sensitive, unknown, False, False, 0)
        if marked(sensitive):
            return self._marked(value, sensitive, False, False, 0)
        return self._plain(value, False, False, 0)

    # The three walks differ in the maps that they carry along; each hands over to the simpler one.

    def _plain(self, value: Any, hide: bool, quiet: bool, depth: int) -> Tree:
        kind = type(value)
        if kind is str:
            if hide and value:
                return self.hide(value, NAMED)
            return value if value in self._harmless else self._string(value, quiet)
        if kind is bool or value is None:
            return value  # type: ignore[no-any-return]
        if kind is dict:
            return self._object(value, hide, quiet, depth)
        if kind is list:
            _check(depth)
            made: list[Tree] | None = None
            for index, item in enumerate(value):
                new = self._plain(item, hide, quiet, depth + 1)
                if new is not item:
                    if made is None:
                        made = value.copy()
                    made[index] = new
            return value if made is None else made
        if kind is int or kind is float:
            return self.hide(value, NAMED) if hide else value
        raise TypeError(f"{kind.__name__} is not JSON")

    def _object(self, value: dict[str, Any], hide: bool, quiet: bool, depth: int) -> Tree:
        _check(depth)
        names = self._names
        named = hide or not _PAIRS.isdisjoint(value)
        made: dict[str, Tree] | None = None
        for key, item in value.items():
            clean, hides, hushes = names.get(key) or self._name(key)
            hides = hides or hide or (named and key in _VALUES and self._pair_hides(value))
            new = self._plain(item, hides, quiet or hushes, depth + 1)
            if made is not None:
                made[clean] = new
            elif new is not item or clean is not key:
                made = _until(value, key)
                made[clean] = new
        return value if made is None else made

    def _marked(self, value: Any, marks: Any, hide: bool, quiet: bool, depth: int) -> Tree:
        if value is None:
            return None
        if marks is True:
            return self.hide(value, SENSITIVE)
        if not marks or not marked(marks):
            return self._plain(value, hide, quiet, depth)
        _check(depth)
        if isinstance(value, dict) and isinstance(marks, dict):
            made: dict[str, Tree] = {}
            for key, item in value.items():
                clean, hides, hushes = self._name(key)
                hides = hides or hide or (key in _VALUES and self._pair_hides(value))
                made[clean] = self._marked(item, marks.get(key, False), hides, quiet or hushes, depth + 1)
            return made
        if isinstance(value, list) and isinstance(marks, list) and len(value) <= len(marks):
            pairs = zip(value, marks, strict=False)  # the marks may be those of the other, longer side
            return [self._marked(item, mark, hide, quiet, depth + 1) for item, mark in pairs]
        return self.hide(value, SENSITIVE)  # the map has another shape than the value: nothing of it is safe

    def _unknown(  # noqa: PLR0911, PLR0917 - one case each of the maps' shapes
        self, value: Any, marks: Any, unknown: Any, hide: bool, quiet: bool, depth: int
    ) -> Tree:
        if unknown is True:
            return UNKNOWN
        if not unknown or not marked(unknown):
            return self._marked(value, marks, hide, quiet, depth)
        if marks is True and value is not None:
            return self.hide(value, SENSITIVE)
        _check(depth)
        if isinstance(unknown, dict) and (value is None or isinstance(value, dict)):
            known = value or {}
            inner = marks if isinstance(marks, dict) else {}
            if marked(marks) and inner is not marks:
                return self.hide(value, SENSITIVE)
            made: dict[str, Tree] = {}
            for key in {**known, **unknown}:
                clean, hides, hushes = self._name(key)
                hides = hides or hide or (key in _VALUES and self._pair_hides(known))
                item, part, sub = known.get(key), inner.get(key, False), unknown.get(key, False)
                found = self._unknown(item, part, sub, hides, quiet or hushes, depth + 1)
                if found is not None or key in known:
                    made[clean] = found
            return made
        if isinstance(unknown, list) and (value is None or isinstance(value, list)):
            items = value or []
            parts = marks if isinstance(marks, list) else [False] * len(items)
            if marked(marks) and (parts is not marks or len(parts) < len(items)):
                return self.hide(value, SENSITIVE)
            size = max(len(items), len(unknown))
            columns = (padded(items, size, None), padded(parts, size, False), padded(unknown, size, False))
            return [self._unknown(*row, hide, quiet, depth + 1) for row in zip(*columns, strict=True)]
        return UNKNOWN

    def _pair_hides(self, value: dict[str, Any]) -> bool:
        """Whether an object such as ``{key = "DB_PASSWORD", value = …}`` says that its value is a secret."""
        if value.get("type") == "SECRET":
            return True
        return any(isinstance(name := value.get(key), str) and self._name(name)[1] for key in _PAIRS)

    def _name(self, name: str) -> tuple[str, bool, bool]:
        """Return a key as it may be shown, whether it hides its value, and whether its value is a public digest."""
        found = self._names.get(name)
        if found is None:
            if not isinstance(name, str):
                raise TypeError("a key is not a string")
            found = (self.text(name), suspect.name_hides(name), suspect.name_is_digest(name))
            if found[0] == name:
                found = (name, *found[1:])
            self._names[name] = found
        return found

    def _string(self, text: str, quiet: bool = False) -> str | Hidden:
        if text in self._harmless:
            return text
        found = None if quiet else self._redacted.get(text)
        if found is not None:
            return found
        found = self._clean(text, quiet)
        if found == text:
            if not quiet:
                self._harmless.add(text)
            return text
        if not quiet:
            self._redacted[text] = found
        return found

    def _clean(self, text: str, quiet: bool) -> str | Hidden:
        spans = [(start, end, KNOWN) for start, end in self._values.spans(text)]
        if len(text) >= suspect.SHORTEST:
            inside = self._inside(text)
            if inside is not None:
                return inside
            spans += [(*span, LOOKS) for span in suspect.spans(text, self._dirty, digest=quiet)]
        if not spans:
            return text
        return self._cut(text, sorted(spans))

    def _dirty(self, text: str) -> bool:
        """Whether a text that was decoded from another holds something to hide."""
        if self._depth >= _MAX_ENCODINGS:
            return False
        self._depth += 1
        try:
            return self._clean(text, False) != text
        finally:
            self._depth -= 1

    def _cut(self, text: str, spans: list[tuple[int, int, str]]) -> str | Hidden:
        """Replace the spans by marks; a text that is nothing but one secret is hidden as a whole."""
        parts: list[str] = []
        position = 0
        joined = _joined(spans)
        if joined == [(0, len(text))]:
            return self.hide(text, spans[0][2])
        for start, end in joined:
            parts += text[position:start], self._mark(self._fingerprint(text[start:end]))
            position = end
        return "".join([*parts, text[position:]])

    def _inside(self, text: str) -> str | None:
        """Return a string of JSON with its values redacted, or None where it holds nothing that must be."""
        if (text[0], text[-1]) not in {("{", "}"), ("[", "]")}:
            return None
        try:
            value = json.loads(text)
            redacted = self._plain(value, False, False, 0)
            if redacted is value:
                return None
            return json.dumps(redacted, default=self._told, ensure_ascii=False)
        except (ValueError, TypeError, RecursionError):
            return None

    def _told(self, value: object) -> str:
        return self._mark(value.fingerprint) if isinstance(value, Hidden) else repr(value)

    def _mark(self, fingerprint: str) -> str:
        return f"({SENSITIVE} #{fingerprint[:8]})"

    def _fingerprint(self, text: str) -> str:
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


_PAIRS = frozenset({"name", "key", "type"})
_VALUES = frozenset({"value", "default", "data"})


def same(one: Tree, other: Tree) -> bool:
    """Whether two values are equal as JSON is: true is not 1, while 1 and 1.0 are one number."""
    if one is other:
        return True
    if one != other:
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return all(same(item, other[key]) for key, item in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool)


def printable(text: str) -> str:
    """Return ``text`` with control characters written out: a plan must not steer a terminal or reverse a line."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _check(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise RecursionError


def _until(value: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the items that come before ``key``."""
    made = {}
    for name, item in value.items():
        if name == key:
            break
        made[name] = item
    return made


def _joined(spans: Iterable[tuple[int, int, str]]) -> list[tuple[int, int]]:
    """Return spans that overlap or touch as one; they come sorted."""
    made: list[tuple[int, int]] = []
    for start, end, _ in spans:
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        else:
            made.append((start, end))
    return made
