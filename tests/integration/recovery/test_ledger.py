"""The ledger, against the real redis-server where there is one, and against a stand-in everywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from automation import wait
from automation.errors import CommandFailed, ConfigurationError, DogitopsError
from automation.recovery import ledger, writes
from automation.recovery.ledger import Ledger, Store
from tests.integration.kube.cluster import Cluster

STAND_IN = Path(__file__).with_name("redis_cli.py")
SIZE = 100_000


@dataclass
class Pod:
    """The sample application's pod: ``cli`` runs its redis-cli, ``folder`` is its volume."""

    folder: Path
    cli: Callable[..., str]
    stop: Callable[[], None]
    write: Callable[[list[tuple[int, int, int]]], None]


@pytest.fixture(params=["stand-in", "redis"])
def pod(request: pytest.FixtureRequest, cluster: Cluster, tmp_path: Path) -> Iterator[Pod]:
    folder, programs = tmp_path / "data", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    cluster.environment["PATH"] = f"{programs}:/usr/bin:/bin"
    wrapper = programs / "redis-cli"
    if request.param == "stand-in":
        held = tmp_path / "redis.json"
        held.write_text("{}")
        cluster.environment["REDIS_FILE"] = str(held)
        wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')

        def write(entries: list[tuple[int, int, int]]) -> None:
            held.write_text(json.dumps({**json.loads(held.read_text()), "writer:log": entries}))

        def stop() -> None:
            held.unlink()
    else:
        server, client = shutil.which("redis-server"), shutil.which("redis-cli")
        if server is None or client is None:
            pytest.skip("redis-server is not installed here; the stand-in was tested")
        socket = tmp_path / "redis.sock"
        argv = [server, "--port", "0", "--unixsocket", str(socket), "--dir", str(tmp_path), "--save", ""]
        running = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        wrapper.write_text(f'#!/bin/sh\nexec {client} -s {socket} "$@"\n')
        wait.until(socket.exists, "redis-server to begin", timeout=30, interval=0.01)

        def write(entries: list[tuple[int, int, int]]) -> None:
            subprocess.run([client, "-s", socket, "DEL", "writer:log"], check=True, capture_output=True)
            for at, number, when in entries:
                told = ["XADD", "writer:log", f"{at}-0", "sequence", str(number), "time", str(when)]
                subprocess.run([client, "-s", socket, *told], check=True, capture_output=True)

        def stop() -> None:
            running.terminate()
            running.wait(10)

    wrapper.chmod(0o755)

    def cli(*lines: str) -> str:
        return cluster.kube.execute("ledger", "redis-0", ["redis-cli"], stdin="".join(f"{x}\n" for x in lines).encode())

    yield Pod(folder, cli, stop, write)
    if request.param == "redis":
        stop()


@pytest.fixture
def written(cluster: Cluster, pod: Pod) -> Ledger:
    return ledger.write(cluster.kube, "r1", entries=450, file_bytes=SIZE, store=Store(folder=str(pod.folder)))


def test_what_was_written_is_found_again(cluster: Cluster, pod: Pod, written: Ledger) -> None:
    assert len(written.entries) == 450
    assert (pod.folder / "drill-r1.bin").stat().st_size == SIZE
    report = ledger.verify(cluster.kube, Ledger.from_json(written.to_json()))
    assert report.intact
    assert report.reasons == ()
    assert (report.expected, report.verified, report.extra, report.file) == (450, 450, 0, "intact")
    values = sum(len(ledger.value_of("r1", number)) for number in range(450))
    assert report.bytes == values + SIZE
    assert len(cluster.asked) <= 4, "one command to write, one to verify, and what they need"


def test_the_ledger_holds_no_values(written: Ledger) -> None:
    assert ledger.value_of("r1", 0) not in written.to_json()
    assert len({ledger.value_of("r1", number) for number in range(450)}) == 450


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("entry", "1 of 450 entries missing (drill:r1:000225)"),
        ("value", "1 of 450 entries changed (drill:r1:000225)"),
        ("file", "the file is changed"),
    ],
)
def test_a_planted_loss_is_found(cluster: Cluster, written: Ledger, what: ledger.Loss, reason: str) -> None:
    assert ledger.plant_loss(cluster.kube, written, what)
    report = ledger.verify(cluster.kube, written)
    assert not report.intact
    assert report.reasons == (reason,)


def test_a_file_that_is_gone_or_cut_short_is_found(cluster: Cluster, pod: Pod, written: Ledger) -> None:
    file = pod.folder / "drill-r1.bin"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert ledger.verify(cluster.kube, written).file == "changed"
    file.unlink()
    report = ledger.verify(cluster.kube, written)
    assert report.reasons == ("the file is missing",)
    file.write_bytes(whole)
    assert ledger.verify(cluster.kube, written).intact


def test_an_empty_database_lacks_everything(cluster: Cluster, pod: Pod, written: Ledger) -> None:
    ledger.forget(cluster.kube, written.store)
    report = ledger.verify(cluster.kube, written)
    assert (report.verified, len(report.missing), report.file, report.bytes) == (0, 450, "missing", 0)
    assert report.reasons[0] == "450 of 450 entries missing (drill:r1:000000, drill:r1:000001, drill:r1:000002, …)"


def test_entries_that_nobody_wrote_are_counted(cluster: Cluster, pod: Pod, written: Ledger) -> None:
    pod.cli("MSET drill:r1:extra x drill:r2:other y")
    report = ledger.verify(cluster.kube, written)
    assert report.extra == 1
    assert report.reasons == ("1 entries that were never written",)


def test_writing_again_replaces_what_earlier_drills_left(cluster: Cluster, pod: Pod, written: Ledger) -> None:
    pod.cli("MSET mine kept")
    (pod.folder / "appendonly.aof").write_text("kept")
    again = ledger.write(cluster.kube, "r2", entries=3, file_bytes=10, store=written.store)
    assert sorted(path.name for path in pod.folder.iterdir()) == ["appendonly.aof", "drill-r2.bin"]
    assert len(pod.cli("KEYS *").split()) == 4
    assert ledger.verify(cluster.kube, again).intact
    assert len(ledger.verify(cluster.kube, written).missing) == 450


def test_a_redis_that_is_down_is_an_error_not_a_loss(cluster: Cluster, pod: Pod, written: Ledger) -> None:
    pod.stop()
    with pytest.raises(DogitopsError, match="Redis did not answer as expected"):
        ledger.verify(cluster.kube, written)
    with pytest.raises(CommandFailed, match="Could not connect"):
        ledger.write(cluster.kube, "r2", entries=3, file_bytes=10, store=written.store)
    with pytest.raises(DogitopsError, match="Redis did not answer as expected"):
        writes.last_write(cluster.kube, store=written.store)


def test_a_volume_without_room_is_an_error(cluster: Cluster, pod: Pod) -> None:
    store = Store(folder="/proc/nowhere")
    with pytest.raises(CommandFailed, match="/proc/nowhere"):
        ledger.write(cluster.kube, "r1", entries=3, file_bytes=10, store=store)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"store": {}}'])
def test_what_is_no_ledger_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no ledger"):
        Ledger.from_json(text)


def test_the_newest_write_is_told_also_before_a_time(cluster: Cluster, pod: Pod) -> None:
    assert writes.last_write(cluster.kube) is None
    assert writes.read_log(cluster.kube) == writes.WriterLog(0, None, None, ())
    pod.write([(1000_000, 1, 1000), (1001_000, 2, 1001), (1060_000, 3, 1060)])
    newest = writes.last_write(cluster.kube)
    assert newest == writes.Write(3, 1060.0)
    assert newest.at == "1970-01-01T00:17:40+00:00"
    assert writes.last_write(cluster.kube, before=1060.0) == writes.Write(2, 1001.0)
    assert writes.last_write(cluster.kube, before=1000.0) is None


def test_holes_in_the_log_are_found(cluster: Cluster, pod: Pod) -> None:
    pod.write([(1, 7, 10), (2, 8, 11), (3, 11, 12), (4, 11, 13)])
    log = writes.read_log(cluster.kube)
    assert (log.count, log.first, log.last) == (4, writes.Write(7, 10.0), writes.Write(11, 13.0))
    assert log.holes == ((8, 11), (11, 11))
