"""The simulator as a server on a port of its own, in a thread of this process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from automation import wait
from automation.errors import ConfigurationError
from automation.simulators.github.driver import Driver
from automation.simulators.github.store import Store
from automation.simulators.github.world import World

if TYPE_CHECKING:
    import uvicorn

    from automation.simulators.github.app import App


class GitHubSimulator(Driver):
    """A GitHub on loopback, started by ``with``; see the package's docstring for how to use it.

    ``url`` is its API (``url + "/api/v3"`` works, too). Raises ConfigurationError when the port is taken.
    """

    def __init__(self, *, address: str = "127.0.0.1", port: int = 0, state: Path | None = None) -> None:
        super().__init__(World(Store(state)))
        self.address, self.port = address, port
        self._server: uvicorn.Server | None = None
        self._app: App | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.address}:{self.port}"

    def start(self) -> None:
        """Listen, and return when requests are answered."""
        import uvicorn  # noqa: PLC0415 - 0.2 s to import
        from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415

        from automation.simulators.github.app import App  # noqa: PLC0415

        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((self.address, self.port))
        except OSError as error:
            listening.close()
            raise ConfigurationError(
                f"The GitHub simulator can't listen on {self.address}:{self.port}: {error.strerror}.",
                hint="Choose another address or port; port 0 takes a free one.",
            ) from error
        self.port = listening.getsockname()[1]
        self.world.host = self.url
        app = self._app = App(self)

        class Protocol(H11Protocol):
            """Lets the application reach the connection, to cut it."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                inner = self.app

                async def outer(scope: Any, receive: Any, send: Any) -> None:
                    scope.setdefault("extensions", {})["dogitops.transport"] = transport
                    await inner(scope, receive, send)

                self.app = outer

        config = uvicorn.Config(
            app, http=Protocol, ws="none", lifespan="off", log_config=None, log_level="critical", access_log=False
        )
        config.timeout_graceful_shutdown = 2
        config.server_header = False  # we say that ourselves
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), daemon=True)
        self._thread.start()
        server = self._server
        wait.until(lambda: server.started, "the GitHub simulator to listen", timeout=10, interval=0.005)

    def stop(self) -> None:
        """End the server; the state stays in its file."""
        if self._server is None or self._thread is None or self._app is None:
            return
        self._app.closing.set()
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._server = self._thread = None
        with contextlib.suppress(OSError), self.world.store.lock:
            self.world.store.save()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
