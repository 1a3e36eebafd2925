"""Where the state lives: one lock, one clock, one supply of ids, and the file that it is kept in."""

from __future__ import annotations

import functools
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from automation.errors import ConfigurationError
from automation.simulators.github.model import Repository, State, Token, User

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_BOTS = {"github-actions[bot]": 41898282}  # its true id on github.com


class Store:
    """The state, and what all of its users share. Hold ``lock`` while reading or changing it."""

    def __init__(self, file: Path | None = None) -> None:
        """Load the state from ``file`` where there is one. Raises ConfigurationError when it is no state."""
        self.lock = threading.RLock()
        self.file = file
        self.state = _load(file) if file is not None and file.exists() else State()
        self._saved = b""

    def save(self) -> None:
        """Write the state to its file if it changed: whole, or not at all."""
        if self.file is None:
            return
        written = _adapter().dump_json(self.state, indent=1)
        if written == self._saved:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds tokens
        with os.fdopen(descriptor, "wb") as file:
            file.write(written)
        fresh.replace(self.file)
        self._saved = written

    def seconds(self) -> int:
        """Return the time by this GitHub's clock, in seconds since 1970."""
        return int(time.time()) + self.state.clock_offset

    def now(self) -> str:
        """Return the time by this GitHub's clock."""
        return iso(self.seconds())

    def new_id(self) -> int:
        """Return an id that nothing has yet."""
        self.state.next_id += 1
        return self.state.next_id

    def user(self, login: str) -> User | None:
        """Return the account of that name, however it is spelled."""
        return next((user for user in self.state.users if user.login.lower() == login.lower()), None)

    def ensure_user(self, login: str, kind: str | None = None) -> User:
        """Return the account of that name, made where there is none."""
        found = self.user(login)
        if found is None:
            kind = kind or ("Bot" if login.endswith("[bot]") else "User")
            found = User(_BOTS.get(login) or self.new_id(), login, kind)
            self.state.users.append(found)
        return found

    def token(self, value: str) -> Token | None:
        """Return the token of that value."""
        return next((token for token in self.state.tokens if token.value == value), None)

    def repository(self, full_name: str) -> Repository | None:
        """Return the repository ``owner/name``, however it is spelled."""
        wanted = full_name.lower()
        return next((found for found in self.state.repositories if found.full_name.lower() == wanted), None)


def iso(seconds: float) -> str:
    """Return a time as GitHub writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(time_: str) -> int:
    """Return a time that GitHub wrote in seconds since 1970. Raises ValueError for what is none."""
    return int(datetime.fromisoformat(time_).timestamp())


@functools.cache
def _adapter() -> TypeAdapter[State]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - needed for a kept state only

    return TypeAdapter(State)


def _load(file: Path) -> State:
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        return _adapter().validate_json(file.read_bytes())
    except ValidationError as error:
        raise ConfigurationError(
            f"{file} is not a state of the GitHub simulator: {error.errors()[0]['msg']}.",
            hint="Give another file with --state, or remove this one to start anew.",
        ) from error
