"""Which handler answers which request, and what a token needs for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.routing import compile_path

from automation.simulators.github.answers import Answer, Call
from automation.simulators.github.model import Repository, Token, User
from automation.simulators.github.shapes.show import Show
from automation.simulators.github.world import World


@dataclass
class Context:
    """A request that was let in: who asks, about which repository."""

    call: Call
    world: World
    show: Show
    user: User | None  # None: anonymous
    role: str  # the person's role in the repository; an installation's is not looked at
    found: Repository | None

    @property
    def repo(self) -> Repository:
        """The repository that the path names."""
        if self.found is None:
            raise TypeError("this route names no repository")
        return self.found

    @property
    def token(self) -> Token | None:
        """The token that was sent."""
        return self.call.token

    @property
    def login(self) -> str:
        """The name of who asks."""
        return self.user.login if self.user else "ghost"


Handler = Callable[[Context], Answer]


@dataclass(frozen=True)
class Route:
    """``needs`` are alternatives, each ``permission:level``; ``role`` is what a person needs at least."""

    method: str
    pattern: re.Pattern[str]
    needs: tuple[tuple[str, str], ...]
    role: str
    handler: Handler


@dataclass
class Routes:
    """A table of routes; the first that matches answers."""

    table: list[Route] = field(default_factory=list)

    def __call__(
        self, method: str, path: str, *, needs: str = "", role: str | None = None
    ) -> Callable[[Handler], Handler]:
        """Register a handler. ``needs`` such as ``issues:write|pull_requests:write``; empty: metadata is enough."""
        pattern = compile_path(path)[0]
        pairs = [need.partition(":") for need in needs.split("|") if need]
        least = role or ("read" if method == "GET" else "write")

        def register(handler: Handler) -> Handler:
            self.table.append(Route(method, pattern, tuple((name, level) for name, _, level in pairs), least, handler))
            return handler

        return register

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route and the words of a path that is still percent-encoded."""
        for route in self.table:
            matched = route.pattern.match(raw_path) if route.method == method else None
            if matched is not None:
                return route, {name: unquote(word) for name, word in matched.groupdict().items()}
        return None
