"""The simulator as a server on a port of its own, in a thread of this process."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from automation.simulators.digitalocean.clock import Clock
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.model import Delays, Limits
from automation.simulators.serving import Server


class DigitalOceanSimulator(Cloud):
    """A DigitalOcean on loopback, started by ``with``; see the package's docstring for how to use it.

    ``state`` is a file that it goes on from, and that it is saved to when it ends. Raises ConfigurationError when
    the port is taken or the file is no state.
    """

    def __init__(
        self,
        *,
        delays: Delays | None = None,
        limits: Limits | None = None,
        seed: int = 0,
        clock: Clock | None = None,
        address: str = "127.0.0.1",
        port: int = 0,
        state: Path | None = None,
    ) -> None:
        super().__init__(delays=delays, limits=limits, seed=seed, clock=clock)
        self._file = state
        if state is not None and state.exists():
            self.load(state)
        self._server = Server("DigitalOcean simulator", address, port)

    @property
    def url(self) -> str:
        """The API's endpoint, without a slash at its end."""
        return self._server.url

    def start(self) -> None:
        """Listen, and return when requests are answered."""
        from automation.simulators.digitalocean.app import App  # noqa: PLC0415

        self._server.start(lambda: App(self))

    def stop(self) -> None:
        """End the server, and save the state where a file for it was given."""
        if not self._server.running:
            return
        self._server.stop()
        if self._file is not None:
            self.save(self._file)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
