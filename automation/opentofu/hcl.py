"""What of OpenTofu's language must be known to see which files a root is made from: module sources and named files.

There is no parser of it among Python's maintained libraries that is small enough to stand on, and ``tofu get`` wants a
network for modules from elsewhere; so this reads the language's tokens (comments, strings with templates in them,
heredocs, braces), and of its blocks only ``module``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

SUFFIXES: Final = (".tf", ".tofu", ".tf.json", ".tofu.json")
Kind = Literal["word", "string", "open", "close", "other", "line"]

_TOKEN: Final = re.compile(
    r"""
      (?P<comment> \#[^\n]* | //[^\n]* | /\*.*?(?:\*/|\Z) )
    | <<-?(?P<heredoc>[^\W\d][\w-]*)[^\n]*\n
    | (?P<quote>")
    | (?P<word>[^\W\d][\w-]*)
    | (?P<open>[{\[(]) | (?P<close>[}\])])
    | (?P<line>\n)
    | (?P<space>[^\S\n]+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """A token; ``text`` of a string is what stands between its quotes, templates left as they are written."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Used:
    """What one folder's configuration uses: ``modules`` (their ``source``), and the ``strings`` in it."""

    modules: tuple[str, ...]
    strings: tuple[str, ...]


def used(folder: Path) -> Used:
    """Return what the configuration in ``folder`` uses; files that can't be read as text count as empty."""
    modules: list[str] = []
    strings: list[str] = []
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.name.endswith(SUFFIXES) and file.is_file():
            text = file.read_text(errors="replace")
            found = _in_json(text) if file.name.endswith(".json") else _in_native(text)
            modules += found.modules
            strings += found.strings
    return Used(tuple(modules), tuple(strings))


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a configuration file, comments and blanks left out; nothing makes it raise."""
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        assert match is not None  # noqa: S101 - the last alternative takes any character
        place = match.end()
        kind = match.lastgroup
        if kind == "heredoc":
            body, place = _heredoc(text, place, match["heredoc"])
            yield Token("string", body)
        elif kind == "quote":
            body, place = _string(text, place)
            yield Token("string", body)
        elif kind not in {"comment", "space"}:
            yield Token(cast("Kind", kind), match[0])


def _string(text: str, place: int) -> tuple[str, int]:
    """Return what stands in a string that begins at ``place``, and where it ends; templates may hold strings."""
    begin, depth = place, 0  # of braces of templates
    while place < len(text):
        char = text[place]
        if char == "\\" and not depth:
            place += 2
        elif text.startswith(("$${", "%%{"), place) and not depth:
            place += 3
        elif text.startswith(("${", "%{"), place):
            depth += 1
            place += 2
        elif depth and char in "{}":
            depth += 1 if char == "{" else -1
            place += 1
        elif depth and char == '"':
            place = _string(text, place + 1)[1]
        elif char == '"' or (char == "\n" and not depth):  # an unfinished string ends with its line
            return text[begin:place], place + 1
        else:
            place += 1
    return text[begin:], len(text)


def _heredoc(text: str, place: int, word: str) -> tuple[str, int]:
    end = re.compile(rf"^[^\S\n]*{re.escape(word)}[^\S\n]*\r?$", re.MULTILINE).search(text, place)
    return (text[place : end.start()], end.end()) if end else (text[place:], len(text))


def _in_native(text: str) -> Used:
    """Find ``source`` directly inside of ``module "NAME" { … }`` at the top level, and all strings."""
    modules: list[str] = []
    strings: list[str] = []
    found = [*tokens(text), Token("line", "\n")]
    depth, inside = 0, False  # of braces; whether the block at the top level is a module
    start: list[Token] = []  # of the present line
    for token in found:
        if token.kind == "string":
            strings.append(token.text)
        if token.kind == "open":
            if depth == 0:
                inside = [one.text for one in start[:1]] == ["module"]
            depth += 1
            start = []
            continue
        if token.kind not in {"line", "close"}:
            start.append(token)
            continue
        if inside and depth == 1 and (source := _assigned(start, "source")) is not None:
            modules.append(source)
        if token.kind == "close":
            depth = max(0, depth - 1)
        start = []
    return Used(tuple(modules), tuple(strings))


def _assigned(line: list[Token], name: str) -> str | None:
    match line:
        case [Token("word", word), Token("other", "="), Token("string", value), *_] if word == name:
            return value
    return None


def _in_json(text: str) -> Used:
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return Used((), ())
    modules = [
        body["source"]
        for calls in _each(document.get("module") if isinstance(document, dict) else None)
        for call in calls.values()
        for body in _each(call)
        if isinstance(body.get("source"), str)
    ]
    return Used(tuple(modules), tuple(_strings(document)))


def _each(value: Any) -> list[dict[str, Any]]:
    """Return the objects of ``value``: JSON configuration may say one block or a list of them."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _strings(one)
