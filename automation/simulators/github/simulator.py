"""The simulator as a server on a port of its own, in a thread of this process."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from automation.simulators.github.driver import Driver
from automation.simulators.github.store import Store
from automation.simulators.github.world import World
from automation.simulators.serving import Server

if TYPE_CHECKING:
    from automation.simulators.github.app import App


class GitHubSimulator(Driver):
    """A GitHub on loopback, started by ``with``; see the package's docstring for how to use it.

    ``url`` is its API (``url + "/api/v3"`` works, too). Raises ConfigurationError when the port is taken.
    """

    def __init__(self, *, address: str = "127.0.0.1", port: int = 0, state: Path | None = None) -> None:
        super().__init__(World(Store(state)))
        self._server = Server("GitHub simulator", address, port)
        self._app: App | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

    @property
    def port(self) -> int:
        """The port that it listens on; 0 before it has taken one."""
        return self._server.port

    def start(self) -> None:
        """Listen, and return when requests are answered."""
        self._server.start(self._made)

    def _made(self) -> App:
        from automation.simulators.github.app import App  # noqa: PLC0415 - starlette is slow to import

        self.world.host = self.url
        self._app = App(self)
        return self._app

    def stop(self) -> None:
        """End the server; the state stays in its file."""
        if self._app is None:
            return
        self._app.closing.set()
        self._app = None
        self._server.stop()
        with contextlib.suppress(OSError), self.world.store.lock:
            self.world.store.save()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
