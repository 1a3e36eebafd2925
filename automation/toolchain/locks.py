"""Locks that keep two runs from making the same thing at once; a lock dies with its process."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from automation import report, wait

_LONGEST_WAIT = 3600.0


@contextlib.contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file ``path``; where another process holds it, say that ``what`` is being made, and wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:

        def free() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not free():
            report.note(f"another process is at work on {what}: waiting for it")
            wait.until(free, f"another process to finish {what}", timeout=_LONGEST_WAIT, interval=0.2)
        yield
