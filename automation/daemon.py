"""Background processes of ours (S3 server, Git server, image registry): started once, found again, ended by id.

They outlive the command that starts them. Where the variable DOGITOPS_SERVERS_END_WITH holds the id of a process, they
end with that process at the latest, even where it is killed: see :mod:`automation.tether`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from automation import tether, wait
from automation.errors import ConfigurationError, DeadlineExceeded, DogitopsError
from automation.process import Environment, environment

END_WITH = "DOGITOPS_SERVERS_END_WITH"


@dataclass(frozen=True)
class Daemon:
    """A running background process. ``started`` (clock ticks since boot) tells it from a later one of its id."""

    name: str
    pid: int
    started: int
    address: str
    port: int
    argv: tuple[str, ...]

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return tether.start_time(self.pid) == self.started


def start(
    folder: Path,
    name: str,
    argv: Sequence[str | Path],
    *,
    address: str,
    port: int,
    env: Environment | None = None,
) -> Daemon:
    """Return the daemon ``name`` listening on ``address:port``, starting it where it does not run yet.

    Its record and log lie in ``folder``. A daemon that runs with other arguments is ended and started anew.
    Raises ConfigurationError when the port is taken by someone else or END_WITH names no process, DogitopsError when
    it ends at once.
    """
    watched = _to_end_with()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    words = tuple(str(word) for word in argv)
    running = find(folder, name)
    if running is not None and running.argv == words and running.port == port and accepts(address, port):
        return running
    stop(folder, name)
    if accepts(address, port):
        raise ConfigurationError(
            f"Port {port} on {address} is taken by another program, and {name} needs it.",
            hint=f"End that program ('ss -ltnp sport = :{port}' names it), or choose another port in environment.yaml.",
        )
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        child = subprocess.Popen(
            words,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    daemon = Daemon(name, child.pid, tether.start_time(child.pid) or 0, address, port, words)
    if watched is not None:
        _tie(daemon, *watched)
    _record(folder, name).write_text(json.dumps(asdict(daemon)))

    def ready() -> bool:
        if child.poll() is not None:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            raise DogitopsError(f"{name} ended at once with code {child.returncode}:\n{tail}", hint=f"See {log}.")
        return accepts(address, port)

    try:
        wait.until(ready, f"{name} to listen on {address}:{port}", timeout=30, interval=0.05)
    except DeadlineExceeded:
        stop(folder, name)
        raise
    return daemon


def find(folder: Path, name: str) -> Daemon | None:
    """Return the recorded daemon ``name`` if it still runs."""
    try:
        raw = json.loads(_record(folder, name).read_text())
        daemon = Daemon(**{**raw, "argv": tuple(raw["argv"])})
    except (FileNotFoundError, json.JSONDecodeError, TypeError, KeyError):
        return None
    return daemon if daemon.alive else None


def stop(folder: Path, name: str) -> bool:
    """End the recorded daemon ``name`` and wait for its end; return whether it ran."""
    daemon = find(folder, name)
    if daemon is not None:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(daemon.pid, sign)
                wait.until(lambda: _ended(daemon), f"{name} to end", timeout=5, interval=0.02)
            except ProcessLookupError:
                break
            except DeadlineExceeded:
                if daemon.alive:
                    continue
            break
    _record(folder, name).unlink(missing_ok=True)
    return daemon is not None


def accepts(address: str, port: int) -> bool:
    """Whether something accepts connections on ``address:port``."""
    try:
        with socket.create_connection((address, port), timeout=1) as connection:
            # On loopback a connection to a free port can meet itself.
            return bool(connection.getsockname() != connection.getpeername())
    except OSError:
        return False


def _ended(daemon: Daemon) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(daemon.pid, os.WNOHANG)  # reap it if it is our own child
    # The kernel may close a dead process's sockets a moment later.
    return not daemon.alive and not accepts(daemon.address, daemon.port)


def _record(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def _to_end_with() -> tuple[int, int] | None:
    """Return the process that END_WITH names, with its start; None without it. Raises ConfigurationError."""
    told = os.environ.get(END_WITH, "")
    if not told:
        return None
    since = tether.start_time(int(told)) if told.isascii() and told.isdigit() else None
    if since is None:
        raise ConfigurationError(
            f"{END_WITH} is {told!r}, which is not the id of a process that runs.",
            hint="Set it to the id of the process that servers shall end with, or leave it out.",
        )
    return int(told), since


def _tie(daemon: Daemon, watched: int, since: int) -> None:
    """Have a process end the daemon when ``watched`` has ended."""
    numbers = (watched, since, daemon.pid, daemon.started)
    subprocess.Popen(
        [sys.executable, "-I", "-S", tether.__file__, *(str(number) for number in numbers)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
