"""Locks that keep two runs from making the same thing at once, and the folders that they make it in."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

from automation import report, wait

_LONGEST_WAIT = 3600.0


@contextlib.contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file ``path``; where another process holds it, say that ``what`` is being made, and wait.

    The lock dies with its process.
    """
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


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Make ``folder`` anew and remove it at the end; what a killed run left in it is removed first.

    The caller holds a lock, so that nobody else is at work in it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
