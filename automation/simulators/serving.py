"""A simulator as a server in a thread of this process, and what ordinary frameworks don't do: break connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from automation import wait
from automation.errors import ConfigurationError

if TYPE_CHECKING:
    import asyncio

    import uvicorn
    from starlette.types import ASGIApp, Scope, Send

_TRANSPORT = "dogitops.transport"
_GRACE = 2.0  # seconds that answers under way get at the end


@dataclass
class Sending:
    """An answer in bytes. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def start(self) -> dict[str, Any]:
        """Return the message that begins it."""
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        if self.status != 204:  # noqa: PLR2004 - it has no content
            headers.append((b"content-length", str(len(self.body)).encode()))
        return {"type": "http.response.start", "status": self.status, "headers": headers}


class Connection:
    """What an application does with the connection of a request."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._transport: asyncio.Transport = scope["extensions"][_TRANSPORT]
        self._send = send

    async def answer(self, sending: Sending, *, head: bool = False) -> None:
        """Send an answer; to a HEAD request without its body."""
        await self._send(sending.start())
        await self._send({"type": "http.response.body", "body": b"" if head else sending.body})

    async def break_off(self, sending: Sending) -> None:
        """Send half of an answer and end the connection."""
        await self._send(sending.start())
        half = sending.body[: len(sending.body) // 2]
        await self._send({"type": "http.response.body", "body": half, "more_body": True})
        self._transport.close()  # sends what is written, unlike abort

    def cut(self) -> None:
        """End the connection without an answer."""
        self._transport.abort()


class Server:
    """Serves an ASGI application on a port of its own. ``name`` is for messages, such as ``DigitalOcean simulator``."""

    def __init__(self, name: str, address: str = "127.0.0.1", port: int = 0) -> None:
        self.name, self.address, self.port = name, address, port
        self._server: _Prompt | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.address}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it was started and not yet stopped."""
        return self._server is not None

    def start(self, make: Callable[[], ASGIApp]) -> None:
        """Listen, and return when requests are answered. Raises ConfigurationError when the port is taken."""
        import uvicorn  # noqa: PLC0415 - 0.2 s to import

        listening = self._listen()
        config = uvicorn.Config(
            make(),
            http=_protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
        )
        config.server_header = False  # the application says that itself
        server = self._server = _prompt(config)
        self._thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        self._thread.start()
        wait.until(lambda: server.started, f"the {self.name} to listen", timeout=10, interval=0.005)

    def stop(self) -> None:
        """End it."""
        if self._server is None or self._thread is None:
            return
        self._server.end()
        self._thread.join(timeout=10)
        self._server = self._thread = None

    def _listen(self) -> socket.socket:
        # The protocol is named, or asyncio leaves the connections slow: it sets TCP_NODELAY for those of TCP only.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((self.address, self.port))
        except OSError as error:
            listening.close()
            raise ConfigurationError(
                f"The {self.name} can't listen on {self.address}:{self.port}: {error.strerror}.",
                hint="Choose another address or port; port 0 takes a free one.",
            ) from error
        self.port = listening.getsockname()[1]
        return listening


class _Prompt(Protocol):
    """A server of uvicorn's that ends as soon as it is told to."""

    started: bool

    def run(self, sockets: list[socket.socket] | None = None) -> None: ...
    def end(self) -> None: ...


def _prompt(config: uvicorn.Config) -> _Prompt:
    import asyncio  # noqa: PLC0415

    import uvicorn  # noqa: PLC0415

    class Prompt(uvicorn.Server):
        """Waits to be told, where uvicorn's own looks ten times a second."""

        def end(self) -> None:
            self._loop.call_soon_threadsafe(self._ended.set)

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
            await super().startup(sockets)

        async def main_loop(self) -> None:
            await self._ended.wait()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            for server in self.servers:
                server.close()
            for one in sockets or ():
                one.close()
            for connection in list(self.server_state.connections):
                connection.shutdown()
            if self.server_state.tasks:
                _, late = await asyncio.wait(self.server_state.tasks, timeout=_GRACE)
                for task in late:
                    task.cancel()

    return Prompt(config)


def _protocol() -> type[asyncio.Protocol]:
    from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415

    class Protocol(H11Protocol):
        """Lets the application reach the connection, to cut it."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            inner = self.app

            async def outer(scope: Any, receive: Any, send: Any) -> None:
                scope.setdefault("extensions", {})[_TRANSPORT] = transport
                await inner(scope, receive, send)

            self.app = outer

    return Protocol
