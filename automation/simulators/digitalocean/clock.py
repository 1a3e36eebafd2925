"""Time in the simulator: the machine's, or a virtual one that moves only when a test says so."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z, where a virtual clock starts


class Clock(Protocol):
    """Seconds since 1970."""

    def now(self) -> float:
        """Return the time."""

    def advance(self, seconds: float) -> None:
        """Move it forward."""


class RealClock:
    """The machine's time, plus what it was advanced by."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead

    def now(self) -> float:
        """Return the time."""
        return time.time() + self.ahead

    def advance(self, seconds: float) -> None:
        """Move it forward."""
        self.ahead += seconds


class VirtualClock:
    """A time that stands still until it is advanced."""

    def __init__(self, start: float = START) -> None:
        self.time = start

    def now(self) -> float:
        """Return the time."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move it forward."""
        self.time += seconds


def iso(seconds: float) -> str:
    """Return a time as DigitalOcean writes it: in UTC, without fractions."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
