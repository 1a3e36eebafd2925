"""The proof of data (automation/recovery/ledger.py) against a real Redis in a container, with planted losses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import pytest
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from automation import process, wait
from automation.errors import CommandFailed, DogitopsError
from automation.kube import Kube
from automation.recovery import ledger, writes
from tests.e2e.conftest import ROOT
from tests.e2e.images import in_docker

pytestmark = pytest.mark.e2e

FILES = ROOT / "gitops/apps/ledger/files"
IMAGE = "docker.io/library/redis:7.0.15-bookworm"
PASSWORD = "canary-value-7"
ENTRIES, FILE_BYTES = 450, 300_000


@dataclass(frozen=True)
class InContainer:
    """Has the signature of ``Kube.execute`` and runs the command in the container ``pod`` by ``docker exec``."""

    def execute(
        self,
        namespace: str,
        pod: str,
        argv: Sequence[str],
        *,
        container: str | None = None,
        stdin: bytes | None = None,
        timeout: float = 60,
    ) -> str:
        assert (namespace, container) == ("ledger", "redis")
        return process.run(["docker", "exec", "-i", pod, *argv], stdin=stdin or b"", timeout=timeout).stdout


KUBE = cast("Kube", InContainer())


@pytest.fixture(scope="module")
def redis(docker: None) -> Iterator[DockerContainer]:
    """Yield the sample application's Redis, started as its manifests start it."""
    service = re.search(r"redis-cli -h (\S+)", (FILES / "write.sh").read_text())
    assert service is not None
    testcontainers_config.ryuk_disabled = True  # its image is not needed: the container ends with the fixture
    container = (
        DockerContainer(in_docker(IMAGE))
        .with_volume_mapping(str(FILES), "/config", "ro")
        .with_command(["sh", "/config/start.sh"])
        .with_env("REDISCLI_AUTH", PASSWORD)
        .with_kwargs(extra_hosts={service.group(1): "127.0.0.1"})
    )
    with container:
        yield container


@pytest.fixture
def store(redis: DockerContainer) -> ledger.Store:
    store = ledger.Store(pod=redis.get_wrapped_container().name)
    wait_until_up(store)
    return store


def wait_until_up(store: ledger.Store) -> None:
    def up() -> bool:
        try:
            return store.shell(KUBE, "redis-cli PING").strip() == "PONG"
        except CommandFailed:
            return False

    wait.until(up, "Redis to answer", timeout=30, interval=0.1)


@pytest.fixture
def known(store: ledger.Store) -> ledger.Ledger:
    return ledger.write(KUBE, "run-1", entries=ENTRIES, file_bytes=FILE_BYTES, store=store)


def test_the_password_is_needed(store: ledger.Store) -> None:
    assert "NOAUTH" in process.run(["docker", "exec", "-e", "REDISCLI_AUTH=", store.pod, "redis-cli", "PING"]).text


def test_what_was_written_is_found_intact(known: ledger.Ledger) -> None:
    found = ledger.verify(KUBE, known)
    assert found.intact, found.reasons
    assert found.verified == found.expected == ENTRIES
    assert found.bytes > FILE_BYTES
    assert ledger.verify(KUBE, ledger.Ledger.from_json(known.to_json())).intact


def test_it_survives_a_redis_that_was_killed(known: ledger.Ledger, redis: DockerContainer) -> None:
    redis.get_wrapped_container().kill("SIGKILL")
    redis.get_wrapped_container().start()
    wait_until_up(known.store)
    assert ledger.verify(KUBE, known).intact


@pytest.mark.parametrize(
    ("loss", "told"), [("entry", "1 of 450 entries missing"), ("value", "1 of 450 entries changed"),
                       ("file", "the file is changed")],
)  # fmt: skip
def test_each_planted_loss_is_found(known: ledger.Ledger, loss: ledger.Loss, told: str) -> None:
    done = ledger.plant_loss(KUBE, known, loss)
    found = ledger.verify(KUBE, known)
    assert not found.intact
    assert len(found.reasons) == 1
    assert found.reasons[0].startswith(told)
    if loss != "file":
        assert done.split()[0] in (*found.missing, *found.changed)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ('rm "$1"', "the file is missing"),
        ('truncate -s 299999 "$1"', "the file is changed"),
        ('printf x >>"$1"', "the file is changed"),
        ("redis-cli SET drill:run-1:999999 more", "1 entries that were never written"),
        ("redis-cli FLUSHALL", "450 of 450 entries missing"),
        ("redis-cli RENAME drill:run-1:000001 drill:run-1:000002", "1 of 450 entries missing"),
    ],
)
def test_other_losses_are_found_too(known: ledger.Ledger, script: str, told: str) -> None:
    known.store.shell(KUBE, script, known.file)
    reasons = ledger.verify(KUBE, known).reasons
    assert any(reason.startswith(told) for reason in reasons), reasons


def test_a_new_run_leaves_nothing_of_the_one_before(known: ledger.Ledger) -> None:
    later = ledger.write(KUBE, "run-2", entries=3, file_bytes=1000, store=known.store)
    assert ledger.verify(KUBE, later).intact
    assert ledger.verify(KUBE, known).missing == tuple(sorted(known.entries))
    assert known.store.shell(KUBE, "ls /data | grep -c ^drill-").strip() == "1"
    ledger.forget(KUBE, known.store)
    assert len(ledger.verify(KUBE, later).missing) == 3


def test_a_redis_that_is_down_is_no_loss_but_an_error(known: ledger.Ledger, redis: DockerContainer) -> None:
    wrong = replace(known, store=replace(known.store, pod="dogitops-no-such-container"))
    with pytest.raises(DogitopsError):
        ledger.verify(KUBE, wrong)


def test_the_writers_log_and_its_holes(store: ledger.Store) -> None:
    store.shell(KUBE, "redis-cli FLUSHALL")
    assert writes.last_write(KUBE, store=store) is None
    assert writes.read_log(KUBE, store).count == 0
    process.run(["docker", "exec", "-d", store.pod, "sh", "/config/write.sh"])
    wait.until(lambda: writes.read_log(KUBE, store).count >= 4, "four entries of the writer", timeout=30, interval=0.3)
    log = writes.read_log(KUBE, store)
    assert log.holes == ()
    assert log.first is not None
    assert log.first.sequence == 1
    third = next(line for line in store.shell(KUBE, "redis-cli XRANGE writer:log - + COUNT 3").splitlines()[10:11])
    store.shell(KUBE, 'redis-cli XDEL writer:log "$1"', third)
    assert writes.read_log(KUBE, store).holes == ((2, 4),)


def test_the_newest_write_before_a_time_is_what_was_restored(store: ledger.Store) -> None:
    first = writes.read_log(KUBE, store).first
    assert first is not None
    found = writes.last_write(KUBE, before=first.time + 1.9, store=store)
    newest = writes.last_write(KUBE, store=store)
    assert found is not None
    assert newest is not None
    assert first.sequence <= found.sequence < newest.sequence
