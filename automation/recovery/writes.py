"""The sample application's own writes: an entry every second, from which RPO is measured."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from automation.errors import DogitopsError
from automation.kube import Kube
from automation.recovery.ledger import Store

_LOG: Final = "writer:log"  # a stream; each entry has a sequence number and the unix time at which it was written
_LINES: Final = 5  # of one entry: its id, and two fields with their values
_UNANSWERED: Final = ("ERR", "NOAUTH", "LOADING", "WRONGTYPE", "Could not connect")


@dataclass(frozen=True)
class Write:
    """One entry of the writer: its number, and when it was written (seconds since the epoch)."""

    sequence: int
    time: float

    @property
    def at(self) -> str:
        """The time in ISO 8601, UTC."""
        return datetime.fromtimestamp(self.time, UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class WriterLog:
    """What the writer's log holds; ``holes`` are pairs of numbers that follow each other though others lie between."""

    count: int
    first: Write | None
    last: Write | None
    holes: tuple[tuple[int, int], ...]


def last_write(kube: Kube, *, before: float | None = None, store: Store | None = None) -> Write | None:
    """Return the writer's newest entry, or its newest before a time (seconds since the epoch); None without any.

    After a restore the writer goes on at once, so the newest *restored* entry is the newest one before the
    restore began.
    """
    newest = "+" if before is None else f"({int(before * 1000)}-0"
    found = _read(kube, store or Store(), f"XREVRANGE {_LOG} {newest} - COUNT 1")
    return found[0] if found else None


def read_log(kube: Kube, store: Store | None = None) -> WriterLog:
    """Read the writer's whole log (it keeps about five hours) and find holes in it."""
    writes = _read(kube, store or Store(), f"XRANGE {_LOG} - +")
    numbers = [write.sequence for write in writes]
    holes = tuple((one, two) for one, two in itertools.pairwise(numbers) if two != one + 1)
    return WriterLog(len(writes), writes[0] if writes else None, writes[-1] if writes else None, holes)


def _read(kube: Kube, store: Store, command: str) -> list[Write]:
    told = store.shell(kube, "redis-cli", stdin=f"{command}\n".encode())
    lines = told.split("\n")
    if not told or told.startswith(_UNANSWERED) or (len(lines) - 1) % _LINES not in {0, 1}:
        raise DogitopsError(
            f"Redis did not answer as expected: {told.strip()[:300]!r}.",
            hint="Check that the pod is ready and has loaded its data.",
        )
    writes: list[Write] = []
    for start in range(0, len(lines) - _LINES + 1, _LINES):
        fields = dict(zip(lines[start + 1 : start + _LINES : 2], lines[start + 2 : start + _LINES : 2], strict=True))
        writes.append(Write(int(fields["sequence"]), float(fields["time"])))
    return writes
