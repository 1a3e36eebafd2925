"""A drill at DigitalOcean and every fault that it may meet: the column `dogitops drill` of docs/faults.md.

Faults that end a drill end it before there is a node, so each is met by a drill of its own whose clusters have none.
What a drill survives is met, all together, by the one that test_scheduled_drills runs to its end. By hand each has a
whole drill of its own on real clusters, which takes minutes and writes the column: DOGITOPS_WRITE_FAULTS=1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automation.clusters.base import ClusterSpec
from automation.digitalocean import inventory
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.doks import DoksProvider
from automation.digitalocean.inventory import Item
from automation.digitalocean.transport import Patience
from automation.secret import Secret
from tests import faults
from tests.e2e.conftest import Ran
from tests.e2e.pulls import make_tree
from tests.e2e.scheduled import EPHEMERAL, Scheduled, scheduled
from tests.integration.simulators.digitalocean.ocean import standing

pytestmark = pytest.mark.e2e

BACKUP, BUCKET = "before", "dogitops-ephemeral-backups"
COMPLETED = {"spec": {"includedNamespaces": ["ledger"]}, "status": {"phase": "Completed"}}
DRILL = ("drill", "ephemeral", "--backup", BACKUP, "--yes")
STARTED_AGAIN = " Started again, it goes on and passes."
STUCK = "volume never detaches"


def account(made: Scheduled) -> DigitalOcean:
    return DigitalOcean(Secret(made.cloud.full_token()), made.cloud.url, Patience(poll=0.2))


def ours(cloud: DigitalOcean) -> list[Item]:
    """Return what is ours and goes with no cluster."""
    return [item for item in inventory.look(cloud) if item.kind != "tag" and not item.within]


def plan(made: Scheduled, row: str) -> None:
    """Plan a fault; the workloads of a running cluster have made a volume and a load balancer, once."""
    sky, cloud = made.cloud, account(made)
    fresh = [one for one in cloud.clusters() if one.state == "running" and not cloud.associated(one.id).volumes]
    with sky.lock:
        sky.faults.met.clear()
        faults.ROWS[row](sky)
        for each in sky.faults.planned:
            each.seconds *= faults.SLOWER
    for one in fresh:
        faults.use(sky, one)


def told(ran: Ran) -> str:
    """Return how a drill ended, in the table's words; it must be in order."""
    if ran.code == 0:
        return faults.GOES_ON
    assert "Traceback" not in ran.output
    assert "what to do:" in ran.output, "it fails without saying what to do"
    errors = re.findall(r"error: (.+)", ran.output)
    assert errors, ran.output
    return f"fails with exit code {ran.code}: {faults.told(errors[-1])}"


# -- each that ends a drill, on clusters without nodes


@pytest.fixture(scope="module")
def terminal(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduled]:
    """Give a DigitalOcean whose clusters have no nodes, and a backup that a drill believes until it restores it."""
    tree = tmp_path_factory.mktemp("tree") / "tree"
    make_tree(tree)
    patience = f"{faults.HASTE} deletion=3"
    with scheduled(tmp_path_factory.mktemp("terminal"), tree, DOGITOPS_PATIENCE=patience) as made:
        made.spaces.ensure_bucket(BUCKET)
        made.spaces.write(BUCKET, f"velero/backups/{BACKUP}/velero-backup.json", json.dumps(COMPLETED).encode())
        yield made
        assert made.cloud.unknown() == []


@pytest.mark.parametrize("row", faults.ending_by_plan() if faults.writing() else faults.ending())
def test_a_fault_that_ends_a_drill_leaves_nothing_that_is_not_found(
    terminal: Scheduled, row: str, tmp_path: Path
) -> None:
    made, sky, cloud = terminal, terminal.cloud, account(terminal)
    until = datetime.now(UTC) + timedelta(hours=4)
    provider = DoksProvider(cloud, "fra1", "s-2vcpu-4gb", environment="ephemeral", until=until)
    provider.create(ClusterSpec(EPHEMERAL, workers=1), tmp_path / "kubeconfig")
    plan(made, row)
    ran = made.desk.run(*DRILL, "--fresh", timeout=120)
    outcome = told(ran)
    assert ran.code in {1, 2}, ran.output
    assert sky.faults.met, "the fault never happened"
    sky.faults.clear()
    left = sorted(item.kind for item in ours(cloud) if item.kind != "cluster")
    reaped = made.desk.run("reap", "--environment", "ephemeral", "--yes", timeout=120)
    assert reaped.code == 0, reaped.output
    assert standing(sky) == {}, "orphaned"
    faults.compare(row, faults.DRILL, outcome + (f" Left: {', '.join(left)}." if left else ""), whole=False)


# -- each by itself, on real clusters


@pytest.fixture(scope="module")
def real(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduled]:
    """Give an environment at work, with a backup, on a real cluster behind the simulated one."""
    tree = tmp_path_factory.mktemp("tree") / "tree"
    make_tree(tree)
    with scheduled(tmp_path_factory.mktemp("real"), tree, nodes=1, DOGITOPS_PATIENCE=faults.HASTE) as made:
        for words in (["plan"], ["apply"], ["bootstrap"], ["backup", "--name", BACKUP]):
            made.desk.ok(words[0], "ephemeral", *words[1:])
        yield made
        made.desk.ok("destroy", "ephemeral", "--yes", "--delete-backups")
        assert standing(made.cloud) == {}, "orphaned"
        assert made.cloud.unknown() == []


def groups() -> list[tuple[str, ...]]:
    """Return which faults one drill meets one after another: each of those that end it, but each other alone."""
    ending = [row for row in faults.ending_by_plan() if row != STUCK]
    return [tuple(ending), (STUCK,), *((row,) for row in faults.ROWS if row not in (*ending, STUCK))]


@pytest.mark.skipif(not faults.writing(), reason=f"it takes an hour: {faults.WRITE}=1 runs it")
@pytest.mark.parametrize("group", groups() if faults.writing() else [()], ids=lambda rows: rows[0] if rows else "none")
def test_every_fault_meets_a_whole_drill(real: Scheduled, group: tuple[str, ...]) -> None:
    sky, ended = real.cloud, list[tuple[str, str]]()
    for row in group:
        plan(real, row)
        outcome = told(real.desk.run(*DRILL, timeout=1200))
        sky.faults.clear()
        if not sky.faults.met:
            faults.compare(row, faults.DRILL, faults.NOT_MET)
        elif outcome == faults.GOES_ON:
            faults.compare(row, faults.DRILL, outcome)
        else:
            ended.append((row, outcome))
    if ended:
        assert told(real.desk.run(*DRILL, timeout=1200)) == faults.GOES_ON
    cloud = account(real)
    left = [item for item in ours(cloud) if item.kind != "cluster"]
    assert {item.kind for item in left} <= {"volume"}, "it is known what a drill may leave"
    for item in left:  # above the reaper has found it
        cloud.delete(item.kind, item.id)
    for row, outcome in ended:
        assert faults.read()[row][faults.DRILL].startswith(outcome)
        found = f" Left: {', '.join(item.kind for item in left)}." if left else ""
        faults.compare(row, faults.DRILL, outcome + found + STARTED_AGAIN)
    assert [item.kind for item in ours(cloud)] == ["cluster"]
