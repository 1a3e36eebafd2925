"""Locks in a bucket, against a small S3 server; tests/e2e/test_locks.py has the real one, and processes that race."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from automation.errors import DogitopsError, Refused
from automation.locks import EnvironmentLocks, Holder, Lock, LockHeld
from automation.objectstore import ObjectStore
from automation.opentofu.locks import PREFIX, BucketLocks
from automation.secret import Secret
from tests.integration.s3 import S3, serving

BUCKET = "dogitops-state"
AT = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)
SINCE = AT.replace(microsecond=0)
ONE = Holder("ada/engine", 1, "ada", "https://github.com/ada/engine/actions/runs/1")
TWO = Holder("ada/engine", 2, "bob")


@pytest.fixture
def s3() -> Iterator[S3]:
    with serving() as server:
        server.buckets[BUCKET] = []
        yield server


@pytest.fixture
def locks(s3: S3) -> BucketLocks:
    store = ObjectStore(
        f"http://127.0.0.1:{s3.server_address[1]}", "us-east-1", Secret("access-key-9"), Secret("canary-value-9")
    )
    return BucketLocks(store, BUCKET, clock=lambda: AT)


def stored(s3: S3, environment: str = "local") -> dict[str, Any]:
    told: dict[str, Any] = json.loads(s3.bodies[BUCKET, f"{PREFIX}{environment}.json"])
    return told


def test_they_are_locks_on_environments(locks: BucketLocks) -> None:
    kept: EnvironmentLocks = locks
    assert kept.held() == []


def test_a_lock_is_taken_once_and_found_again(locks: BucketLocks, s3: S3) -> None:
    assert locks.acquire("local", ONE) == Lock("local", ONE, SINCE)
    written = stored(s3)
    assert locks.acquire("local", Holder("ada/engine", 1, "someone else")) == Lock("local", ONE, SINCE)
    assert stored(s3) == written, "finding it ours writes nothing"
    assert locks.held() == [Lock("local", ONE, SINCE)]


def test_another_pull_request_is_told_who_has_it_and_since_when(locks: BucketLocks) -> None:
    locks.acquire("local", ONE)
    with pytest.raises(LockHeld, match=r"local is locked by ada/engine#1 \(ada\) since 2026-03-04 05:06 UTC") as caught:
        locks.acquire("local", TWO)
    assert isinstance(caught.value, Refused)
    assert caught.value.lock.holder == ONE


def test_the_same_number_of_another_repository_is_another_pull_request(locks: BucketLocks) -> None:
    locks.acquire("local", ONE)
    with pytest.raises(LockHeld):
        locks.acquire("local", Holder("eve/engine", 1))


def test_environments_are_locked_apart(locks: BucketLocks) -> None:
    locks.acquire("local", ONE)
    locks.acquire("blue", TWO)
    assert [(lock.environment, lock.holder) for lock in locks.held()] == [("blue", TWO), ("local", ONE)]


def test_a_released_lock_is_free_and_leaves_its_record(locks: BucketLocks, s3: S3) -> None:
    locks.acquire("local", ONE)
    assert locks.release("local", ONE)
    assert stored(s3)["state"] == "released"
    assert locks.held() == []
    assert not locks.release("local", ONE)
    assert locks.acquire("local", TWO).holder == TWO


def test_only_its_holder_releases_a_lock(locks: BucketLocks) -> None:
    assert not locks.release("local", ONE)
    locks.acquire("local", ONE)
    assert not locks.release("local", TWO)
    assert [lock.holder for lock in locks.held()] == [ONE]


def test_a_stolen_lock_has_a_trace_that_outlives_it(locks: BucketLocks) -> None:
    locks.acquire("local", ONE)
    assert locks.steal("local", TWO, "its author is on holiday") == Lock(
        "local", TWO, SINCE, stolen_from=ONE, reason="its author is on holiday"
    )
    assert locks.held()[0].stolen_from == ONE
    assert not locks.release("local", ONE)
    assert locks.release("local", TWO)
    told = locks.history("local")
    assert [(event["what"], event["by"]["pull_request"]) for event in told] == [
        ("taken", 1), ("stolen", 2), ("released", 2),
    ]  # fmt: skip
    assert told[1] == {
        "at": "2026-03-04T05:06:07Z", "what": "stolen", "reason": "its author is on holiday",
        "by": {"repository": "ada/engine", "pull_request": 2, "actor": "bob", "run_url": ""},
        "from": {
            "repository": "ada/engine", "pull_request": 1, "actor": "ada",
            "run_url": "https://github.com/ada/engine/actions/runs/1",
        },
    }  # fmt: skip


def test_stealing_what_nobody_holds_takes_it_and_what_is_ours_leaves_it(locks: BucketLocks) -> None:
    assert locks.steal("local", ONE, "why not").stolen_from is None
    assert locks.steal("local", ONE, "again").reason == "why not"
    assert len(locks.history("local")) == 1


def test_history_does_not_grow_for_ever(locks: BucketLocks) -> None:
    for _ in range(40):
        locks.acquire("local", ONE)
        locks.release("local", ONE)
    assert len(locks.history("local")) == 50
    assert locks.history("local")[-1]["what"] == "released"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"version": 2}', b'{"version": 1, "environment": "other", "state": "held"}',
             b'{"version": 1, "environment": "local", "state": "held", "stolen_from": null, "holder": {"x": 1}}',
             b"\xff\xfe"],
)  # fmt: skip
def test_a_record_that_is_not_ours_is_told_and_only_stolen(locks: BucketLocks, s3: S3, body: bytes) -> None:
    key = f"{PREFIX}local.json"
    s3.buckets[BUCKET], s3.bodies[BUCKET, key] = [key], body
    for step in (lambda: locks.acquire("local", ONE), lambda: locks.release("local", ONE), locks.held):
        with pytest.raises(DogitopsError, match="The lock on local can't be read") as caught:
            step()
        assert "dogitops locks steal local" in (caught.value.hint or "")
    assert s3.bodies[BUCKET, key] == body
    assert locks.steal("local", ONE, "broken").holder == ONE


def test_a_lock_without_its_bucket_is_none(locks: BucketLocks, s3: S3) -> None:
    del s3.buckets[BUCKET]
    assert locks.held() == []


@pytest.mark.parametrize("step", ["acquire", "steal", "release"])
def test_an_answer_that_was_lost_does_not_make_us_lose_our_own_write(locks: BucketLocks, s3: S3, step: str) -> None:
    if step != "acquire":
        locks.acquire("local", ONE if step == "release" else TWO)
    s3.lose_answers = 1
    if step == "acquire":
        assert locks.acquire("local", ONE).holder == ONE
    elif step == "steal":
        assert locks.steal("local", ONE, "mine").stolen_from == TWO
    else:
        assert locks.release("local", ONE)
    assert s3.lose_answers == 0
    assert len(locks.history("local")) == (1 if step == "acquire" else 2), "it was done once"


def test_many_at_once_and_one_has_it(locks: BucketLocks) -> None:
    ready, outcomes = threading.Barrier(12), []

    def run(number: int) -> None:
        ready.wait()
        try:
            outcomes.append(locks.acquire("local", Holder("ada/engine", number)).holder.pull_request)
        except LockHeld as error:
            outcomes.append(-error.lock.holder.pull_request)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [number for number in outcomes if number > 0]
    assert len(winners) == 1
    assert {abs(number) for number in outcomes} == set(winners), "all others were told the winner"
    assert [lock.holder.pull_request for lock in locks.held()] == winners


def test_a_store_that_honours_conditions_is_known_by_trying(locks: BucketLocks, s3: S3) -> None:
    assert locks.probe()
    assert s3.buckets[BUCKET] == [], "the probe leaves nothing"


@pytest.mark.parametrize("conditions", ["ignored", "told", "unknown", "new only", "match only"])
def test_a_store_that_does_not_is_known_too(locks: BucketLocks, s3: S3, conditions: str) -> None:
    s3.conditions = conditions
    assert not locks.probe()
    assert s3.buckets[BUCKET] == []


def test_a_store_that_refuses_us_is_an_error_and_no_answer(locks: BucketLocks, s3: S3) -> None:
    s3.refuse_with = "AccessDenied"
    with pytest.raises(DogitopsError, match="refuses the keys"):
        locks.probe()
