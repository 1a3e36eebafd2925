"""Faults of a cloud, one by one, and the table of what becomes of them: docs/faults.md.

A test that saw an outcome hands it to :func:`compare`. ``DOGITOPS_WRITE_FAULTS=1`` writes it into the table instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from automation.digitalocean.kubernetes import Cluster
from automation.errors import DogitopsError
from automation.simulators.digitalocean import DigitalOceanSimulator, Fault
from automation.simulators.digitalocean.faults import Faults
from tests.integration.digitalocean.scripted import account

FILE = Path(__file__).parents[1] / "docs" / "faults.md"
WRITE = "DOGITOPS_WRITE_FAULTS"
SEAM, LIFE, REAPER, DRILL = "single calls", "a cluster's life", "`dogitops reap`", "`dogitops drill`"
PROVIDER = "an apply"
COLUMNS = (SEAM, LIFE, REAPER, DRILL, PROVIDER)
NOT_MET = "—"
GOES_ON = "goes on"
NEVER_ACTIVE = "load balancer never becomes active"
ALWAYS = 100_000
TRIES = 5  # failures of one request that the seam survives: it sends it six times
# What DOGITOPS_PATIENCE says in a drill: it waits for answers as long as it may take a busy machine, else briefly.
HASTE = "first=0.2 longest=1 poll=1 settle=2 read=5"
SLOWER = 10.0  # how much slower slow answers are then
RULE = {"entry_protocol": "tcp", "entry_port": 80, "target_protocol": "tcp", "target_port": 80}
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
    "token refused": _answers("401", ALWAYS),
    "every deletion's answer lost": _answers("cut-after", ALWAYS, only=("DELETE",)),
    "answer breaks off half way": _answers("truncated", 1),
    "slow answer": _answers("slow", 2),
    "answer slower than the time-out": _answers("slow", 1, seconds=0.7),
}
TROUBLES: dict[str, Plan] = {
    "cluster ends in `error` once": _troubles("kubernetes.create", times=1),
    "cluster always ends in `error`": _troubles("kubernetes.create", times=ALWAYS),
    NEVER_ACTIVE: _troubles("load_balancer.active", times=ALWAYS),
    "no capacity": _troubles("kubernetes.capacity", "droplet.capacity", times=ALWAYS),
    "volume won't detach at first": _troubles("volume.detach", "volume.delete", times=1),
    "volume never detaches": _troubles("volume.detach", "volume.delete", times=ALWAYS),
}
ROWS = ANSWERS | TROUBLES


@dataclass
class Drawn:
    """What a plan is made on, to see what it plans."""

    faults: Faults = field(default_factory=Faults)

    @classmethod
    def of(cls, row: str) -> Faults:
        """Return what a row plans."""
        drawn = cls()
        ROWS[row](drawn)  # type: ignore[arg-type]  # plans touch nothing but the faults
        return drawn.faults


@dataclass(frozen=True)
class Together:
    """The faults of several rows in one run, none of which may end it: no request fails more than TRIES times."""

    answers: Mapping[str, list[Fault]]
    troubles: Mapping[str, tuple[str, ...]]

    @classmethod
    def plan(cls, sky: DigitalOceanSimulator, rows: Iterable[str], *, slower: float = 1.0) -> Together:
        """Plan the faults of the rows; what is slow is ``slower`` times as slow."""
        answers: dict[str, list[Fault]] = {}
        troubles: dict[str, tuple[str, ...]] = {}
        drawn = {row: Drawn.of(row) for row in rows}
        for method in _METHODS:
            passed = failing = 0
            for row, told in drawn.items():
                for each in (one for one in told.planned if one.method == method):
                    if failing + each.times > TRIES:
                        passed, failing = passed + 1, 0  # one comes through in between
                    failing += each.times
                    fault = replace(each, skip=passed, seconds=each.seconds * slower)
                    answers.setdefault(row, []).append(fault)
                    with sky.lock:
                        sky.faults.add(fault)
        for row, told in drawn.items():
            troubles[row] = tuple(one.what for one in told.troubles)
            for one in told.troubles:
                with sky.lock:
                    sky.faults.trouble(one.what, one.name, one.times)
        return cls(answers, troubles)

    def missed(self, sky: DigitalOceanSimulator) -> list[str]:
        """Return the rows whose faults did not strike."""
        struck = {row for row, planned in self.answers.items() if any(one.struck for one in planned)}
        struck |= {row for row, whats in self.troubles.items() if any(sky.faults.met[what] for what in whats)}
        return [row for row in {**self.answers, **self.troubles} if row not in struck]


def survived() -> list[str]:
    """Return the faults that a drill survives, as the table tells."""
    return [row for row, cells in read().items() if cells[DRILL] == GOES_ON]


def ending() -> list[str]:
    """Return the faults that end a drill, as the table tells."""
    return [row for row, cells in read().items() if cells[DRILL].startswith("fails")]


def use(sky: DigitalOceanSimulator, cluster: Cluster) -> None:
    """Make what a cluster's controllers make for its workloads; they are not us, and meet no fault of an answer."""
    with sky.lock:
        planned, sky.faults.planned = sky.faults.planned, []
    api = account(sky.url, token=sky.full_token())._pydo
    mark = [f"k8s:{cluster.id}"]
    body = {"name": f"pvc-{cluster.id}", "region": "fra1", "size_gigabytes": 1, "tags": mark}
    volume = api.volumes.create(body)["volume"]
    node = api.droplets.list()["droplets"][0]["id"]
    api.volume_actions.post_by_id(volume["id"], {"type": "attach", "droplet_id": node, "region": "fra1"})
    api.load_balancers.create({"name": "ingress", "region": "fra1", "forwarding_rules": [RULE], "tags": mark})
    with sky.lock:
        sky.faults.planned = planned


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


def writing() -> bool:
    """Whether the table is to be written."""
    return bool(os.environ.get(WRITE))


def compare(row: str, column: str, outcome: str, *, whole: bool = True) -> None:
    """Hold an outcome against the table, or write it there; where it is not the ``whole`` cell, against its begin."""
    table = read()
    there = table.get(row, {}).get(column, "")
    if not whole and there.startswith(outcome):
        return
    if writing():
        table.setdefault(row, {})[column] = outcome
        _write(table)
        return
    assert there == outcome, f"docs/faults.md is not what happens; {WRITE}=1 writes it anew"


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
