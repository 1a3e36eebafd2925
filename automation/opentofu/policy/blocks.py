"""Where the blocks of OpenTofu files stand, and the comments that let one of them break a rule.

The values of a configuration come from the plan and from a real parser; this scanner only finds lines, which
neither of them tells. A file that it misreads costs a line number or a waiver, never a finding.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass

_WAIVER = re.compile(r"dogitops:allow\b[ \t]*(?P<rule>[^\s]*)[ \t]*(?P<reason>.*?)(?:\*/)?[ \t]*$", re.MULTILINE)
_CODE = re.compile(
    r"""(?P<comment>\#[^\n]*|//[^\n]*|/\*.*?(?:\*/|\Z))
      | <<-?(?P<heredoc>[\w-]+)[ \t]*\n
      | (?P<quote>")
      | (?P<open>[{\[(])
      | (?P<close>[}\])])
      | (?P<word>[A-Za-z_][\w-]*)
      | (?P<newline>\n)""",
    re.VERBOSE | re.DOTALL,
)
_STRING = re.compile(r'\\.|[$%]{2}\{|(?P<template>[$%]\{)|(?P<end>")', re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block at the top of a file: ``resource "a" "b" {`` has the kind ``resource`` and the labels ``("a", "b")``.

    Lines count from 1; ``first`` is that of the comments right above it, ``line`` its own, ``last`` its brace's.
    """

    kind: str
    labels: tuple[str, ...]
    first: int
    line: int
    last: int


@dataclass(frozen=True)
class Waiver:
    """A comment ``# dogitops:allow RULE reason``: the block that it stands in or above may break that rule."""

    rule: str
    reason: str
    line: int


@dataclass(frozen=True)
class Layout:
    """What stands where in one file."""

    blocks: tuple[Block, ...]
    waivers: tuple[Waiver, ...]

    def around(self, line: int) -> Block | None:
        """Return the block that holds ``line``, the comments right above it included."""
        return next((block for block in self.blocks if block.first <= line <= block.last), None)

    def find(self, kind: str, *labels: str) -> Block | None:
        """Return the first block of this kind with these labels."""
        return next((block for block in self.blocks if (block.kind, block.labels) == (kind, labels)), None)


def read(text: str) -> Layout:
    """Return the layout of an OpenTofu file."""
    text = text.replace("\r\n", "\n")
    ends = [found.start() for found in re.finditer("\n", text)]
    blocks: list[Block] = []
    waivers: list[Waiver] = []
    comments: dict[int, int] = {}  # the last line of each comment that has lines for itself -> its first line
    depth = 0
    header: list[str] = []
    start = 0
    for kind, word, position in _tokens(text):
        line = bisect(ends, position - 1) + 1
        if kind == "comment":
            if not text[text.rfind("\n", 0, position) + 1 : position].strip():
                comments[line + word.count("\n")] = line
            waivers += (
                Waiver(found["rule"], found["reason"].strip(), line + word.count("\n", 0, found.start()))
                for found in _WAIVER.finditer(word)
            )
        elif kind == "open":
            if depth == 0:
                start = line
            depth += 1
        elif kind == "close" and depth > 0:
            depth -= 1
            if depth == 0 and header:
                blocks.append(Block(header[0], tuple(header[1:]), _above(comments, start), start, line))
                header = []
        elif depth == 0 and kind == "newline":
            header = []
        elif depth == 0 and kind == "word":
            header.append(word)
    return Layout(tuple(blocks), tuple(waivers))


def _above(comments: dict[int, int], line: int) -> int:
    """Return the first line of the comments that end right above ``line``, or ``line``."""
    while line - 1 in comments:
        line = comments[line - 1]
    return line


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield the kind, the text and the position of each comment, bracket, word, whole string and line end.

    What stands inside of strings and heredocs, templates included, is no token.
    """
    position = 0
    while found := _CODE.search(text, position):
        kind = found.lastgroup or ""
        position = found.end()
        if kind == "heredoc":
            end = re.compile(rf"^[ \t]*{re.escape(found['heredoc'])}[ \t]*$", re.MULTILINE).search(text, position)
            position = end.end() if end else len(text)
        elif kind == "quote":
            position = _string_end(text, position)
            yield "word", text[found.end() : position - 1], found.start()
        else:
            yield kind, found.group(), found.start()


def _string_end(text: str, position: int) -> int:
    """Return the position after the string whose content begins at ``position``; its templates may hold strings."""
    while found := _STRING.search(text, position):
        position = found.end()
        if found["end"]:
            return position
        if found["template"]:
            position = _template_end(text, position)
    return len(text)


def _template_end(text: str, position: int) -> int:
    depth = 1
    while found := _CODE.search(text, position):
        position = found.end()
        if found["quote"]:
            position = _string_end(text, position)
        elif found["open"] == "{":
            depth += 1
        elif found["close"] == "}":
            depth -= 1
            if depth == 0:
                return position
    return len(text)
