"""Ends a server when the process that it was started for has ended, however that ended: killed, too.

``python tether.py WATCHED STARTED SERVER STARTED``: process ids, each with its start in clock ticks since boot, which
tells it from a later process of the same id. Started by :mod:`automation.daemon` beside a server, in a session of its
own; it uses nothing but the standard library, so that it starts in milliseconds.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from pathlib import Path

_GRACE = 5.0  # seconds between asking the server to end and killing it


def start_time(pid: int) -> int | None:
    """Return a process's start in clock ticks since boot (field 22 of /proc/PID/stat); None for the dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def main(watched: int, watched_since: int, server: int, server_since: int) -> None:
    """Wait until one of both has ended; then end the server's group, where it is left."""
    ends = [end for end in (_opened(watched, watched_since), _opened(server, server_since)) if end is not None]
    if len(ends) == 2:  # noqa: PLR2004 - both are alive
        select.select(ends, [], [])
    for sign in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _GRACE
        while start_time(server) == server_since:
            try:
                os.killpg(server, sign)
            except ProcessLookupError:
                return
            if time.monotonic() > deadline:
                break
            select.select([], [], [], 0.05)


def _opened(pid: int, since: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends; None where it has ended already."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    return descriptor if start_time(pid) == since else None  # opened first: the id can't change hands any more


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:5]))
