from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation import daemon
from automation.errors import ConfigurationError, DogitopsError

SERVER = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    daemon.stop(tmp_path, "web")


def start(folder: Path, port: int, *more: str) -> daemon.Daemon:
    return daemon.start(folder, "web", [*SERVER, *more, str(port)], address="127.0.0.1", port=port)


def test_it_is_started_once_found_again_and_ended(folder: Path, port: int) -> None:
    first = start(folder, port)
    assert first.alive
    assert start(folder, port).pid == first.pid
    assert daemon.find(folder, "web") == first
    assert daemon.stop(folder, "web")
    assert not first.alive
    assert not daemon.accepts("127.0.0.1", port)
    assert not daemon.stop(folder, "web")


def test_a_dead_one_is_started_anew(folder: Path, port: int) -> None:
    first = start(folder, port)
    os.kill(first.pid, 9)
    os.waitpid(first.pid, 0)
    second = start(folder, port)
    assert second.alive
    assert second.pid != first.pid


def test_other_arguments_replace_it(folder: Path, port: int) -> None:
    first = start(folder, port)
    second = start(folder, port, "--directory", str(folder))
    assert not first.alive
    assert second.alive


def test_a_busy_port_is_named(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = int(taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match=f"Port {busy}") as caught:
            start(folder, busy)
    assert "another port" in (caught.value.hint or "")


def test_one_that_ends_at_once_tells_its_last_words(folder: Path, port: int) -> None:
    with pytest.raises(DogitopsError, match="no such luck"):
        daemon.start(
            folder, "web", [sys.executable, "-c", "import sys; sys.exit('no such luck')"],
            address="127.0.0.1", port=port,
        )  # fmt: skip


def test_a_process_that_took_over_the_id_is_never_ended(folder: Path, port: int) -> None:
    start(folder, port)
    record = folder / "web.json"
    told = json.loads(record.read_text())
    daemon.stop(folder, "web")
    # The id now belongs to somebody else: this test itself, which started at another time.
    record.write_text(json.dumps({**told, "pid": os.getpid()}))
    assert daemon.find(folder, "web") is None
    assert not daemon.stop(folder, "web")


def test_a_broken_record_counts_as_none(folder: Path) -> None:
    (folder / "web.json").write_text("{")
    assert daemon.find(folder, "web") is None
