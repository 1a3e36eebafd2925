"""GitHub Markdown around text that nobody vouches for: nothing of it can close a fence, forge a heading, or ping.

Each place that takes such text has its own escaping: a fenced block (:func:`inert`, :func:`fence`), HTML that Markdown
does not look into (:func:`html`, :func:`html_text`), and Markdown itself (:func:`text`, :func:`code`). All of them show
invisible characters.
"""

from __future__ import annotations

import html as _html
import re
from collections.abc import Iterable, Sequence

# Characters that print nothing, or reorder what is printed, though Unicode calls them printable.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# More accents on one letter than any language has: they paint over the lines around them.
_ACCENTS = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_STACKED = re.compile(f"({_ACCENTS}{{3}}){_ACCENTS}+")
_TICKS = re.compile("`+")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ACTIVE = re.compile(
    r"[\\`*\[\]<>#!|~&$]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # inside of a word an underscore is nothing but itself
    r"|:(?=\S)|(?<=www)\.",  # emoji and links
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"(?<![A-Za-z0-9])(GH)-(?=\d)", re.IGNORECASE)
_BREAK = "\u200b"  # ours, put where GitHub would see a mention or a reference; it prints nothing


def plain(value: str) -> str:
    """Return one line in which every character shows: control, bidirectional and zero-width ones as escapes."""
    if value.isascii():
        return value if value.isprintable() else "".join(map(_shown, value))
    if not value.isprintable():
        value = "".join(map(_shown, value))
    if _UNSEEN.search(value):
        value = _UNSEEN.sub(lambda found: _escape(found[0]), value)
    return _STACKED.sub(r"\1…", value)


def _shown(character: str) -> str:
    return character if character.isprintable() else _SHORT.get(character) or _escape(character)


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"  # noqa: PLR2004 - the width of \u


def cut(value: str, length: int) -> str:
    """Return ``value``, shortened to ``length`` characters, its own length told where it was."""
    if len(value) <= length:
        return value
    told = f"… ({len(value):,} characters)"
    return value[: max(0, length - len(told))] + told


def inert(value: str) -> str:
    """Return a line for a fenced block: it shows every character, and can't be taken for a hidden header."""
    return plain(value).replace("<!--", "<!\\--")


def html(value: str) -> str:
    """Return text for ``<code>`` in HTML that Markdown does not look into: ``<summary><code>…</code></summary>``."""
    return _html.escape(plain(value), quote=True)


def html_text(value: str) -> str:
    """Return text for such HTML outside of ``<code>``, where GitHub looks for mentions and references."""
    return _html.escape(_quiet(plain(value)).replace("#", f"#{_BREAK}"), quote=True)


def _quiet(value: str) -> str:
    return _REFERENCE.sub(rf"\1{_BREAK}-", value).replace("@", f"@{_BREAK}")


def code(value: str) -> str:
    """Return a code span: in it GitHub sees no mention, no reference, and no HTML."""
    shown = inert(value) or " "
    ticks = "`" * (1 + max((len(run) for run in _TICKS.findall(shown)), default=0))
    space = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{ticks}{space}{shown}{space}{ticks}"


def text(value: str) -> str:
    """Return text to stand inside a line of our own: no Markdown, HTML, mention, reference or link comes of it."""
    return _quiet(_ACTIVE.sub(_entity, plain(value)))


def _entity(found: re.Match[str]) -> str:
    # An entity is text and nothing else to Markdown; the break keeps GitHub's later search for #123 from finding one.
    return f"&#{ord(found[0])};{_BREAK if found[0] == '#' else ''}"


def cell(value: str) -> str:
    """Return Markdown for a cell of a table: its pipes don't end the cell."""
    return value.replace("|", "\\|")


def fence(lines: Iterable[str], language: str = "diff") -> str:
    """Return a fenced block of lines that are inert already; its fence is longer than any run of backticks in them."""
    body = "\n".join(lines)
    ticks = "```"
    if "```" in body:
        ticks = "`" * (1 + max(len(run) for run in _TICKS.findall(body)))
    return f"{ticks}{language}\n{body}\n{ticks}"


def details(summary: str, body: str, *, is_open: bool = False) -> str:
    """Return what unfolds on a click; ``summary`` is HTML."""
    return f"<details{' open' if is_open else ''}><summary>{summary}</summary>\n\n{body}\n\n</details>"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Return a table of Markdown cells; columns whose number is in ``right`` are set flush right."""
    line = "".join(f" {'--:' if number in right else ':--'} |" for number in range(len(columns)))
    told = ["| " + " | ".join(columns) + " |", "|" + line]
    told += ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    return "\n".join(told)


def alert(kind: str, body: str) -> str:
    """Return one of GitHub's alerts: ``NOTE``, ``TIP``, ``IMPORTANT``, ``WARNING``, ``CAUTION``."""
    quoted = "\n".join(f"> {line}".rstrip() for line in body.splitlines())
    return f"> [!{kind}]\n{quoted}"


def number(count: int, one: str, many: str = "") -> str:
    """Return ``1 resource``, ``2,000 resources``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
