"""Waiting on conditions, with a deadline and words for what is being waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from automation.errors import DeadlineExceeded

T = TypeVar("T")


def until(
    condition: Callable[[], T | None],
    what: str,
    *,
    timeout: float,
    interval: float = 1.0,
    progress: Callable[[str], None] | None = None,
    state: Callable[[], str] | None = None,
    hint: str | None = None,
) -> T:
    """Return the first true value of ``condition``, asking every ``interval`` seconds.

    ``state`` describes how far things are, for ``progress`` and for the error.
    Raises DeadlineExceeded after ``timeout`` seconds, saying ``what`` was waited for.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            last = f" Last seen: {state()}" if state else ""
            raise DeadlineExceeded(f"Waited {timeout:.0f} s for {what}.{last}", hint=hint)
        if progress is not None:
            progress(state() if state else what)
        time.sleep(interval)
