"""Faults of a cloud, one by one, and the table of what becomes of them: docs/faults.md.

A test that saw an outcome hands it to :func:`compare`. ``DOGITOPS_WRITE_FAULTS=1`` writes it into the table instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from automation.errors import DogitopsError
from automation.simulators.digitalocean import DigitalOceanSimulator, Fault

FILE = Path(__file__).parents[1] / "docs" / "faults.md"
WRITE = "DOGITOPS_WRITE_FAULTS"
SEAM, LIFE, REAPER, PROVIDER = "single calls", "a cluster's life", "`dogitops reap`", "an apply"
COLUMNS = (SEAM, LIFE, REAPER, PROVIDER)
NOT_MET = "—"
ALWAYS = 100_000
_METHODS = ("GET", "POST", "PUT", "DELETE")
_HEAD = "| fault |"

Plan = Callable[[DigitalOceanSimulator], None]


def _answers(kind: str, times: int, *, seconds: float = 0.2, only: tuple[str, ...] = _METHODS) -> Plan:
    """Meet so many requests of each method, after the first."""

    def plan(cloud: DigitalOceanSimulator) -> None:
        for method in only:
            skip = 1 if method == "GET" and times != ALWAYS else 0
            fault = Fault(kind, method, times=times, skip=skip, status=503, seconds=seconds, retry_after=0)
            cloud.faults.add(fault)

    return plan


def _troubles(*names: str, times: int) -> Plan:
    def plan(cloud: DigitalOceanSimulator) -> None:
        for name in names:
            cloud.faults.trouble(name, times=times)

    return plan


ANSWERS: dict[str, Plan] = {
    "a burst of 429": _answers("429", 2),
    "429 without end": _answers("429", ALWAYS),
    "503 before the effect": _answers("5xx-before", 2),
    "503 before the effect, without end": _answers("5xx-before", ALWAYS),
    "503 after the effect": _answers("5xx-after", 1),
    "connection cut before the effect": _answers("cut", 2),
    "connection cut before the effect, without end": _answers("cut", ALWAYS),
    "connection cut after the effect": _answers("cut-after", 1),
    "every deletion's answer lost": _answers("cut-after", ALWAYS, only=("DELETE",)),
    "answer breaks off half way": _answers("truncated", 1),
    "slow answer": _answers("slow", 2),
    "answer slower than the time-out": _answers("slow", 1, seconds=0.7),
}
TROUBLES: dict[str, Plan] = {
    "cluster ends in `error` once": _troubles("kubernetes.create", times=1),
    "cluster always ends in `error`": _troubles("kubernetes.create", times=ALWAYS),
    "load balancer never becomes active": _troubles("load_balancer.active", times=ALWAYS),
    "no capacity": _troubles("kubernetes.capacity", "droplet.capacity", times=ALWAYS),
    "volume won't detach at first": _troubles("volume.detach", "volume.delete", times=1),
    "volume never detaches": _troubles("volume.detach", "volume.delete", times=ALWAYS),
}
ROWS = ANSWERS | TROUBLES


def told(error: DogitopsError | str) -> str:
    """Return the beginning of an error for the table, without what differs from run to run."""
    text = " ".join((error if isinstance(error, str) else error.message).split("\n")[:2])
    text = re.sub(r"Waited \d+ s", "Waited", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "HOST", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", text)
    text = re.sub(r"\b4\d{8}\b", "ID", text)
    text = re.sub(r" \(request [^)]*\)", "", text)
    text = " ".join(text.replace("|", "/").split())
    return text if text.endswith(".") else f"{text}."


def compare(row: str, column: str, outcome: str) -> None:
    """Hold an outcome against the table, or write it there."""
    table = read()
    if os.environ.get(WRITE):
        table.setdefault(row, {})[column] = outcome
        _write(table)
        return
    assert table[row][column] == outcome, f"docs/faults.md is not what happens; {WRITE}=1 writes it anew"


def read() -> dict[str, dict[str, str]]:
    """Return the table: outcomes by fault and column."""
    found: dict[str, dict[str, str]] = {}
    lines = FILE.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(_HEAD))
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        found[name] = dict(zip(COLUMNS, cells, strict=True))
    return found


def _write(table: dict[str, dict[str, str]]) -> None:
    before, _, rest = FILE.read_text().partition(_HEAD)
    after = rest.partition("\n\n")[2]
    rows = [["fault", *COLUMNS], ["---"] * (len(COLUMNS) + 1)]
    rows += [[name, *(table.get(name, {}).get(column, "") for column in COLUMNS)] for name in ROWS]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    FILE.write_text(f"{before}{text}\n\n{after}")
