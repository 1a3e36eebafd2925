"""Keeps a program at work when we are killed: ``python -m automation.keeper LOCKFILE tofu apply …``.

A program whose output nobody reads any more dies at its next line: tofu then leaves the state locked and without
what it has made, kind leaves a node that docker goes on making. This process stands between: it passes the output
on for as long as somebody listens, and holds LOCKFILE until the program has ended, so that the next run knows what
to wait for (:func:`wait_for_earlier`).
"""

from __future__ import annotations

import contextlib
import fcntl
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from automation import process, report, wait

_LONGEST = 24 * 3600.0  # seconds; the caller has its own deadline


def command(lock: Path, argv: Sequence[str | Path]) -> list[str | Path]:
    """Return the command that runs ``argv`` and outlives us."""
    return [sys.executable, "-m", __name__, lock, *argv]


def wait_for_earlier(lock: Path, what: str) -> None:
    """Wait until what an earlier, killed run left at work under ``lock`` has ended."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        if not _take(file):
            report.note(f"{what} of an earlier run is still at work: waiting for its end")
            wait.until(lambda: _take(file), f"{what} of an earlier run to end", timeout=3600, interval=0.2)


def main(arguments: Sequence[str]) -> int:
    """Run a program to its end, whether or not anybody listens, and return its exit code."""
    lock, *argv = arguments
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Path(lock).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            stdin = sys.stdin.read() or None
            done = process.run(argv, check=False, timeout=_LONGEST, stdin=stdin, on_line=_pass_on)
        except KeyboardInterrupt:
            return 130
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.write(done.stderr)
        sys.stderr.flush()
    return done.returncode


def _pass_on(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _take(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    code = main(sys.argv[1:])
    report.hang_up()
    sys.exit(code)
