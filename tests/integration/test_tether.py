"""Servers end with the process that they are tied to, even where it is killed; tied to none, they go on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from automation import daemon, objectstore, tether, wait
from automation.errors import ConfigurationError
from automation.gitops import repository

STARTER = """
import os, socket, subprocess, sys
from pathlib import Path
from automation import daemon, objectstore
from automation.gitops import repository
from automation.toolchain import install

def free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

folder = Path(sys.argv[1])
subprocess.run(["git", "init", "-q", str(folder / "code")], check=True)
identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
subprocess.run(["git", "-C", str(folder / "code"), *identity, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
os.environ.update({daemon.END_WITH: str(os.getpid())} if sys.argv[2] == "tied" else {daemon.END_WITH: ""})
objectstore.serve_local(folder / "s3", install.path("versitygw"), "127.0.0.1", free(), "us-east-1")
repository.serve(folder / "git", folder / "code", "127.0.0.1", free())
print("ready", flush=True)
sys.stdin.read()
"""
SERVERS = (("s3", objectstore.SERVER), ("git", repository.SERVER))


def killed(folder: Path, how: str) -> list[daemon.Daemon]:
    """Start servers in a process, kill it, and return the servers."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        found = [daemon.find(folder / place, name) for place, name in SERVERS]
        assert all(one is not None and daemon.accepts(one.address, one.port) for one in found)
        child.send_signal(signal.SIGKILL)
    return [one for one in found if one is not None]


def test_servers_end_with_the_process_that_started_them_even_where_it_is_killed(tmp_path: Path) -> None:
    servers = killed(tmp_path, "tied")
    try:
        wait.until(lambda: not any(it.alive for it in servers), "the servers to end", timeout=20, interval=0.05)
        assert not any(daemon.accepts(it.address, it.port) for it in servers)
    finally:
        for place, name in SERVERS:
            daemon.stop(tmp_path / place, name)


def test_servers_that_are_tied_to_nothing_go_on(tmp_path: Path) -> None:
    servers = killed(tmp_path, "free")
    try:
        assert all(server.alive for server in servers)
    finally:
        for place, name in SERVERS:
            daemon.stop(tmp_path / place, name)


def test_one_that_was_ended_in_order_takes_its_tether_along(tmp_path: Path) -> None:
    assert os.environ[daemon.END_WITH] == str(os.getpid()), "what tests start ends with them"
    argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    made = daemon.start(tmp_path, "web", [*argv, str(port)], address="127.0.0.1", port=port)
    tied = [pid for pid in _pids() if tether.__file__ in _words(pid) and str(made.pid) in _words(pid)]
    assert len(tied) == 1
    assert daemon.stop(tmp_path, "web")
    wait.until(lambda: str(made.pid) not in _words(tied[0]), "the tether to end", timeout=20, interval=0.05)


@pytest.mark.parametrize("value", ["yes", "-1", "0", "4194305"])
def test_what_is_no_process_is_told(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(daemon.END_WITH, value)
    with pytest.raises(ConfigurationError, match="not the id of a process that runs"):
        daemon.start(tmp_path, "web", ["true"], address="127.0.0.1", port=1)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
