"""The cloud itself: its state, clock, delays, faults and limits, and what handlers and tests do with them."""

from __future__ import annotations

import functools
import hashlib
import heapq
import json
import threading
import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.simulators.digitalocean import events, store
from automation.simulators.digitalocean.catalogue import Catalogue, catalogue
from automation.simulators.digitalocean.clock import Clock, RealClock, iso
from automation.simulators.digitalocean.faults import Faults
from automation.simulators.digitalocean.model import Delays, Due, Limits, Resource, State, Token

_REMEMBERED = 10_000  # requests
_FIRST_ID = 400_000_000


@dataclass(frozen=True)
class Request:
    """A request that was answered (or cut, with status 0)."""

    method: str
    path: str
    query: dict[str, str]
    status: int
    fault: str | None
    request_id: str


class Cloud:
    """Hold ``lock`` while you read or change it from a thread of your own; handlers hold it already."""

    def __init__(
        self,
        *,
        delays: Delays | None = None,
        limits: Limits | None = None,
        seed: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.delays, self.limits = delays or Delays(), limits or Limits()
        self.clock: Clock = clock or RealClock()
        self.state = State(seed=seed)
        self.faults = Faults()
        self.lock = threading.RLock()
        self.requests: deque[Request] = deque(maxlen=_REMEMBERED)
        self._unknown: list[str] = []

    # for tests

    def token(self, scopes: Iterable[str] | None = None) -> str:
        """Make a token: of full access, or of scopes such as ``droplet:read`` (``read`` alone: all reading)."""
        with self.lock:
            value = "dop_v1_" + self._digest("token")
            self.state.tokens[value] = Token(value, None if scopes is None else tuple(scopes))
            return value

    def full_token(self) -> str:
        """Return a token of full access: the first that there is, else a new one."""
        with self.lock:
            return next((it.value for it in self.state.tokens.values() if it.scopes is None), None) or self.token()

    def advance(self, seconds: float) -> None:
        """Let time pass, and let happen what is due by then, each at its own time."""
        with self.lock:
            target = self.clock.now() + seconds
            while self.state.due and self.state.due[0].at <= target:
                self.clock.advance(max(self.state.due[0].at - self.clock.now(), 0.0))
                self.settle()
            self.clock.advance(max(target - self.clock.now(), 0.0))

    def unknown(self) -> list[str]:
        """Return the requests that no route knew, as ``METHOD /path``."""
        return list(self._unknown)

    def save(self, path: Path) -> None:
        """Write the state to a file, whole or not at all; readable by its owner alone, for it holds tokens."""
        with self.lock:
            self.state.time = self.clock.now()
            store.save(self.state, path)

    def load(self, path: Path) -> None:
        """Take the state from a file. Raises ConfigurationError when it is none."""
        ready()  # what a file may hold is known then
        state = store.load(path)
        with self.lock:
            self.state = state
            behind = state.time - self.clock.now()
            if behind > 0:
                self.clock.advance(behind)

    # for handlers

    @property
    def catalogue(self) -> Catalogue:
        """Regions, sizes and images as they are listed."""
        return catalogue()

    def now(self) -> str:
        """Return the time as answers give it."""
        return iso(self.clock.now())

    def new_id(self) -> int:
        """Return a number that nothing has yet."""
        self.state.counter += 1
        return _FIRST_ID + self.state.counter

    def new_uuid(self) -> str:
        """Return a UUID that nothing has yet; the same seed gives the same ones."""
        return str(uuid.UUID(self._digest("uuid")[:32], version=4))

    def secret(self) -> str:
        """Return 64 hexadecimal digits that nothing has yet."""
        return self._digest("secret")

    def later(self, seconds: float, step: str, /, **given: Any) -> None:
        """Have a step run after so many seconds; with 0, before the next request."""
        self.state.counter += 1
        heapq.heappush(self.state.due, Due(self.clock.now() + seconds, self.state.counter, step, given))

    def settle(self) -> None:
        """Run the steps that are due."""
        now = self.clock.now()
        while self.state.due and self.state.due[0].at <= now:
            due = heapq.heappop(self.state.due)
            events.run_step(self, due.step, due.given)

    def shown(self, resource: Resource) -> Any:
        """Return the JSON of a resource."""
        return events.shape_of(resource)(self, resource)

    def encoded(self, item: Resource | dict[str, Any]) -> bytes:
        """Return the JSON of a resource, or of a value with resources in it, in bytes.

        A resource keeps its own until one of its fields is assigned.
        """
        if not isinstance(item, Resource):
            return self.dump(item)
        kept: bytes | None = getattr(item, "_shown", None)
        if kept is None:
            kept = self.dump(self.shown(item))
            object.__setattr__(item, "_shown", kept)
        return kept

    def dump(self, body: Any) -> bytes:
        """Return JSON in bytes; resources are shown by their shape."""
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=self.shown).encode()

    def note_unknown(self, method: str, path: str) -> None:
        """Remember a request that no route knew."""
        self._unknown.append(f"{method} {path}")

    def _digest(self, what: str) -> str:
        self.state.counter += 1
        return hashlib.sha256(f"{what} {self.state.seed} {self.state.counter}".encode()).hexdigest()


@functools.cache
def ready() -> None:
    """Import all routes, so that their tables, shapes and steps are filled."""
    from automation.simulators.digitalocean import routes  # noqa: PLC0415

    routes.import_all()
