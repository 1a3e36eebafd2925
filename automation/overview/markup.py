"""HTML and SVG that is put together of parts: what is not :class:`Markup` is escaped, always."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

from automation.secret import masked

_VOID: Final = frozenset({"meta", "link"})
_ALONE: Final = _VOID | {"rect", "line", "path", "circle", "polyline"}


class Markup(str):
    """Text that is HTML already; only functions of this room make it."""

    __slots__ = ()


Part = str | Markup | Iterable["Part"] | None


def element(tag: str, /, *parts: Part, **attributes: str | float | None) -> Markup:
    """Return an element. Attributes lose an underscore at their end, and have ``-`` for ``_``; None leaves one out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = joined(*parts)
    if tag in _ALONE and not inner:
        return Markup(f"<{tag}{told}>" if tag in _VOID else f"<{tag}{told}/>")
    return Markup(f"<{tag}{told}>{inner}</{tag}>")


def joined(*parts: Part) -> Markup:
    """Return parts one after another, escaped where they are no markup."""
    made = []
    for part in parts:
        if part is None:
            continue
        if isinstance(part, Markup):
            made.append(str(part))
        elif isinstance(part, str):
            made.append(_escaped(part))
        else:
            made.append(str(joined(*part)))
    return Markup("".join(made))


def _escaped(text: str) -> str:
    return html.escape(masked(text), quote=True)


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
