"""Reads a comment as GitHub does, and says what a plan could have smuggled in."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")
ALLOWED = {"details", "summary", "b", "code", "sub", "br"}
_PING = re.compile(r"@[A-Za-z0-9]|(?<!&)#[0-9]|\bGH-[0-9]", re.IGNORECASE)
_UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\u200c-\u200f\u2060-\u2064\ufeff\ufe00-\ufe0e\U000e0000-\U000e01ef]")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALLOWED or dict(attrs) not in ({}, {"open": None}):
            self.problems.append(f"the tag {tag} {attrs}")
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing")

    def handle_comment(self, data: str) -> None:
        self.problems.append(f"a hidden comment: {data[:40]}")

    def handle_data(self, data: str) -> None:
        if "code" not in self.open and _PING.search(data):
            self.problems.append(f"a mention or reference: {data[:80]}")


def tokens(markdown: str) -> Iterator[Token]:
    for token in _PARSER.parse(markdown):
        yield token
        yield from token.children or ()


def problems(markdown: str) -> list[str]:
    """Return what is wrong with a comment: unbalanced HTML, foreign tags, mentions, references, links, what hides."""
    tags = _Tags()
    found: list[str] = []
    for token in tokens(markdown):
        if token.type in {"html_block", "html_inline"}:
            tags.feed(token.content)
        elif token.type == "text":
            tags.handle_data(token.content)
        elif token.type == "image":
            found.append("an image")
        elif token.type == "link_open" and not str(token.attrs["href"]).startswith("https://github.com/acme/"):
            found.append(f"a link to {token.attrs['href']}")
    tags.close()
    if tags.open:
        found.append(f"never closed: {tags.open}")
    if "<!--" in markdown:
        found.append("the beginning of a hidden comment")
    if _UNSEEN.search(markdown.replace("☑️", "").replace("⏸️", "").replace("⚠️", "")):
        found.append("characters that do not show")
    if re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", markdown):
        found.append("control characters")
    return found + tags.problems


def fences(markdown: str) -> str:
    """Return what stands in the comment's blocks and in its summaries."""
    blocks = [token.content for token in tokens(markdown) if token.type == "fence"]
    told = [html.unescape(token.content) for token in tokens(markdown) if token.type.startswith("html")]
    return "\n".join([*blocks, *told])


def headings(markdown: str) -> list[str]:
    every = list(_PARSER.parse(markdown))
    return [every[i + 1].content for i, token in enumerate(every) if token.type == "heading_open"]
