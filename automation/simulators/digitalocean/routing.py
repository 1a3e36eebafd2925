"""Which handler answers which request. The table fills as the modules in ``routes`` are imported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from automation.simulators.digitalocean.answers import Answer
    from automation.simulators.digitalocean.calls import Call
    from automation.simulators.digitalocean.cloud import Cloud

    Handler = Callable[[Cloud, Call], Answer]


@dataclass(frozen=True)
class Route:
    """``parts`` are the path's segments; one in braces stands for any word. ``scopes``: a token needs them all."""

    method: str
    path: str
    parts: tuple[str, ...]
    scopes: tuple[str, ...]
    open: bool  # whoever reaches the port may ask, without a token and uncounted
    handler: Handler

    @property
    def fixed(self) -> int:
        """How many of its segments are words of their own."""
        return sum(not part.startswith("{") for part in self.parts)


_table: dict[tuple[str, int], list[Route]] = defaultdict(list)


def route(method: str, path: str, *scopes: str, open_: bool = False) -> Callable[[Handler], Handler]:
    """Register a handler of ``(cloud, call)``, such as ``@route("GET", "/v2/vpcs/{vpc_id}", "vpc:read")``.

    Of several that match, the one with most words of its own answers. Raises ValueError for a route that is there.
    """
    parts = tuple(path.strip("/").split("/"))

    def register(handler: Handler) -> Handler:
        found = _table[method, len(parts)]
        if any(it.path == path for it in found):
            raise ValueError(f"{method} {path} is routed twice")
        found.append(Route(method, path, parts, scopes, open_, handler))
        found.sort(key=lambda it: -it.fixed)
        return handler

    return register


def find(method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the route of a path that is still percent-encoded, and the words in it."""
    words = raw_path.strip("/").split("/")
    for it in _table.get((method, len(words)), ()):
        if all(part == word or part.startswith("{") for part, word in zip(it.parts, words, strict=True)):
            named = zip(it.parts, words, strict=True)
            return it, {part[1:-1]: unquote(word) for part, word in named if part.startswith("{")}
    return None


def routes() -> list[Route]:
    """Return all routes."""
    return [it for found in _table.values() for it in found]
