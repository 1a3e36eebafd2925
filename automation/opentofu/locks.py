"""Locks on environments in the state bucket, by conditional writes: no server of our own is needed.

Each environment has one object. Every transition writes the whole record, on the condition that it is still the one
that was read; a released lock stays as a record that says so, so nobody can take a lock that is just being deleted.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from automation import wait
from automation.errors import DogitopsError
from automation.locks import Holder, Lock, LockHeld
from automation.objectstore import ConditionNotMet, ConditionsUnknown, ObjectStore

PREFIX: Final = "dogitops/locks/"
_VERSION: Final = 1
_LONGEST_HISTORY: Final = 50
_PATIENCE: Final = 30  # seconds to lose against others for, transition after transition


@dataclass(frozen=True)
class _Record:
    """What an object holds; ``lock`` is None once released. ``nonce`` is another in each record ever written."""

    lock: Lock | None
    history: tuple[dict[str, Any], ...] = ()
    nonce: str = ""


class BucketLocks:
    """Locks in ``bucket``; :meth:`probe` says whether its store can keep any."""

    def __init__(self, store: ObjectStore, bucket: str, *, clock: Callable[[], datetime] | None = None) -> None:
        self._store = store
        self._bucket = bucket
        self._clock = clock or (lambda: datetime.now(UTC))

    def probe(self) -> bool:
        """Return whether the store refuses what a lock must refuse: to make twice, and to change what has changed.

        It is tried on an object of its own, each time anew: what a store did yesterday proves nothing.
        """
        key = f"{PREFIX}probe-{secrets.token_hex(8)}"
        first, second, third = (f'{{"probe": {n}}}'.encode() for n in range(3))
        try:
            if not self._wrote(key, first, new=True) or self._wrote(key, second, new=True):
                return False
            found = self._store.read(self._bucket, key)
            if found is None or found.body != first:
                return False
            if self._wrote(key, second, replacing='"00000000000000000000000000000000"'):
                return False
            if not self._wrote(key, second, replacing=found.etag) or self._wrote(key, third, replacing=found.etag):
                return False
            found = self._store.read(self._bucket, key)
            return found is not None and found.body == second
        finally:
            self._store.remove(self._bucket, key)

    def acquire(self, environment: str, holder: Holder) -> Lock:
        """Take the lock, or find it ours already. Raises LockHeld when another pull request holds it."""

        def take(record: _Record) -> _Record | None:
            if record.lock is None:
                return self._noted(record, Lock(environment, holder, self._now()), "taken", holder)
            if not record.lock.holder.same_as(holder):
                raise LockHeld(record.lock)
            return None

        return _held(self._change(environment, take))

    def release(self, environment: str, holder: Holder) -> bool:
        """Give the lock back; return whether it was ours. Another's lock is left as it is."""
        was_ours = False

        def give(record: _Record) -> _Record | None:
            nonlocal was_ours
            was_ours = was_ours or (record.lock is not None and record.lock.holder.same_as(holder))
            if record.lock is None or not record.lock.holder.same_as(holder):
                return None
            return self._noted(record, None, "released", holder)

        self._change(environment, give)
        return was_ours

    def steal(self, environment: str, holder: Holder, reason: str) -> Lock:
        """Take the lock from whoever has it, and keep a trace of from whom and why.

        A lock that nobody holds, or that is ours, is just taken. A record that can't be read is written anew.
        """

        def take(record: _Record) -> _Record | None:
            if record.lock is None:
                return self._noted(
                    record, Lock(environment, holder, self._now(), None, reason), "taken", holder, reason
                )
            if record.lock.holder.same_as(holder):
                return None
            stolen = Lock(environment, holder, self._now(), record.lock.holder, reason)
            return self._noted(record, stolen, "stolen", holder, reason)

        return _held(self._change(environment, take, over_unreadable=True))

    def held(self) -> list[Lock]:
        """Return all locks that are held, by environment."""
        names = [found.key.removeprefix(PREFIX) for found in self._store.objects(self._bucket, PREFIX)]
        records = [self._read(name.removesuffix(".json"))[0] for name in names if name.endswith(".json")]
        return sorted((record.lock for record in records if record.lock), key=lambda lock: lock.environment)

    def history(self, environment: str) -> list[dict[str, Any]]:
        """Return what happened to the lock, oldest first: at, what (taken, released, stolen), by, from, reason."""
        return list(self._read(environment)[0].history)

    def _change(
        self, environment: str, step: Callable[[_Record], _Record | None], *, over_unreadable: bool = False
    ) -> _Record:
        """Replace the record by what ``step`` makes of it, whoever else writes; return the record that then holds.

        ``step`` returns None to leave it as it is.
        """
        wrote: set[str] = set()

        def attempt() -> _Record | None:
            record, etag = self._read(environment, unreadable_is_none=over_unreadable)
            if record.nonce in wrote:
                return record  # our write was done, though its answer was lost
            following = step(record)
            if following is None:
                return record
            wrote.add(following.nonce)
            try:
                body = _written(environment, following)
                self._store.write(self._bucket, _key(environment), body, new=etag is None, replacing=etag)
            except ConditionNotMet:
                return None
            return following

        return wait.until(
            attempt,
            f"a change of the lock on {environment}, which others keep changing",
            timeout=_PATIENCE,
            interval=0.05,
            hint="Try again; 'dogitops locks list' names who holds which lock.",
        )

    def _read(self, environment: str, *, unreadable_is_none: bool = False) -> tuple[_Record, str | None]:
        found = self._store.read(self._bucket, _key(environment))
        if found is None:
            return _Record(None), None
        try:
            return _record(environment, json.loads(found.body)), found.etag
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if unreadable_is_none:
                return _Record(None), found.etag
            raise DogitopsError(
                f"The lock on {environment} can't be read: {_key(environment)} in {self._bucket} is not one of ours.",
                hint="Find out who wrote it, or overwrite it on purpose: "
                f"'dogitops locks steal {environment} --reason …'.",
            ) from error

    def _noted(self, record: _Record, lock: Lock | None, what: str, by: Holder, reason: str = "") -> _Record:
        event = {
            "at": _text(self._now()),
            "what": what,
            "by": asdict(by),
            "from": asdict(record.lock.holder) if what == "stolen" and record.lock else None,
            "reason": reason,
        }
        return _Record(lock, (*record.history, event)[-_LONGEST_HISTORY:], secrets.token_hex(16))

    def _wrote(self, key: str, body: bytes, *, new: bool = False, replacing: str | None = None) -> bool:
        """Return whether the store took a probing write; one that doesn't know conditions at all did not."""
        try:
            self._store.write(self._bucket, key, body, new=new, replacing=replacing)
        except (ConditionNotMet, ConditionsUnknown):
            return False
        return True

    def _now(self) -> datetime:
        return self._clock().replace(microsecond=0)


def _key(environment: str) -> str:
    return f"{PREFIX}{environment}.json"


def _held(record: _Record) -> Lock:
    assert record.lock is not None  # noqa: S101 - for the type checker: who takes a lock returns one
    return record.lock


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _written(environment: str, record: _Record) -> bytes:
    lock = record.lock
    told = {
        "version": _VERSION,
        "environment": environment,
        "state": "held" if lock else "released",
        "holder": asdict(lock.holder) if lock else None,
        "since": _text(lock.since) if lock else None,
        "stolen_from": asdict(lock.stolen_from) if lock and lock.stolen_from else None,
        "reason": lock.reason if lock else "",
        "nonce": record.nonce,
        "history": record.history,
    }
    return json.dumps(told, indent=2).encode()


def _record(environment: str, told: dict[str, Any]) -> _Record:
    """Return the record that an object's JSON is. Raises ValueError, KeyError or TypeError for anything else."""
    if told["version"] != _VERSION or told["environment"] != environment or told["state"] not in {"held", "released"}:
        raise ValueError
    lock = None
    if told["state"] == "held":
        taken_from = Holder(**told["stolen_from"]) if told["stolen_from"] else None
        since = datetime.fromisoformat(told["since"])
        lock = Lock(environment, Holder(**told["holder"]), since, taken_from, str(told["reason"]))
    return _Record(lock, tuple(told["history"]), str(told["nonce"]))
