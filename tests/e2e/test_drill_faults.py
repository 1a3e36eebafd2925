"""A drill at DigitalOcean and every fault that it may meet: the column `dogitops drill` of docs/faults.md.

A drill asks DigitalOcean while it deletes the cluster and makes the new one, and never after that (see
test_scheduled_drills). So here each fault meets a drill of its own, whose clusters have no nodes, and which is
interrupted where it turns to the new cluster. In the ordinary run these are the faults that end a drill; what it
survives is met, all together, by the one drill that test_scheduled_drills runs to its end. By hand
(DOGITOPS_WRITE_FAULTS=1) all are met one by one, and those that end a drill once more on real clusters, where the
drill is started again until it has passed.
"""

from __future__ import annotations

import json
import re
import signal
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

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

BACKUP, BUCKET = "before", "dogitops-ephemeral-backups"
COMPLETED = {"spec": {"includedNamespaces": ["ledger"]}, "status": {"phase": "Completed"}}
DRILL = ("drill", "ephemeral", "--backup", BACKUP, "--yes")
STARTED_AGAIN = " Started again, it goes on and passes."
STUCK = "volume never detaches"
TURNS = "Bootstrapping from Git, applications held back"


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


def drilled(made: Scheduled, *options: str) -> Ran:
    """Run a drill until it turns to the new cluster, and interrupt it there."""
    child = made.desk.start(*DRILL, *options)
    assert child.stdout is not None
    lines = []
    for line in child.stdout:
        lines.append(line)
        if TURNS in line:
            child.send_signal(signal.SIGINT)
    return Ran(child.wait(timeout=60), "".join(lines), 0.0)


def told(ran: Ran) -> str:
    """Return how a drill ended, in the table's words; it must be in order."""
    if ran.code == 0 or TURNS in ran.output:
        return faults.GOES_ON
    assert "Traceback" not in ran.output
    assert "what to do:" in ran.output, "it fails without saying what to do"
    errors = re.findall(r"error: (.+)", ran.output)
    assert errors, ran.output
    return f"fails with exit code {ran.code}: {faults.told(errors[-1])}"


# -- each by itself, on clusters without nodes


@pytest.fixture(scope="module")
def terminal(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduled]:
    """Give a DigitalOcean whose clusters have no nodes, and a backup that a drill believes until it restores it."""
    tree = tmp_path_factory.mktemp("tree") / "tree"
    make_tree(tree)
    patience = f"{faults.HASTE} first=0.05 longest=0.2 deletion=3"
    with scheduled(tmp_path_factory.mktemp("terminal"), tree, DOGITOPS_PATIENCE=patience) as made:
        made.spaces.ensure_bucket(BUCKET)
        made.spaces.write(BUCKET, f"velero/backups/{BACKUP}/velero-backup.json", json.dumps(COMPLETED).encode())
        yield made
        assert made.cloud.unknown() == []


@pytest.mark.parametrize("row", faults.ROWS if faults.writing() else faults.ending())
def test_a_drill_that_meets_a_fault_leaves_nothing_that_is_not_found(
    terminal: Scheduled, row: str, tmp_path: Path
) -> None:
    made, sky, cloud = terminal, terminal.cloud, account(terminal)
    until = datetime.now(UTC) + timedelta(hours=4)
    provider = DoksProvider(cloud, "fra1", "s-2vcpu-4gb", environment="ephemeral", until=until)
    provider.create(ClusterSpec(EPHEMERAL, workers=1), tmp_path / "kubeconfig")
    plan(made, row)
    ran = drilled(made, "--fresh")
    outcome = told(ran) if sky.faults.met else faults.NOT_MET
    assert ran.code in {1, 2} or TURNS in ran.output, ran.output
    sky.faults.clear()
    left = sorted(item.kind for item in ours(cloud) if item.kind != "cluster")
    reaped = made.desk.run("reap", "--environment", "ephemeral", "--yes", timeout=120)
    assert reaped.code == 0, reaped.output
    assert standing(sky) == {}, "orphaned"
    faults.compare(row, faults.DRILL, outcome + (f" Left: {', '.join(left)}." if left else ""), whole=False)


# -- those that end a drill, on real clusters


@pytest.fixture(scope="module")
def real(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduled]:
    """Give an environment at work, with a backup, on a real cluster behind the simulated one."""
    tree = tmp_path_factory.mktemp("tree") / "tree"
    make_tree(tree)
    patience = f"{faults.HASTE} deletion=60"
    with scheduled(tmp_path_factory.mktemp("real"), tree, nodes=1, DOGITOPS_PATIENCE=patience) as made:
        for words in (["plan"], ["apply"], ["bootstrap"], ["backup", "--name", BACKUP]):
            made.desk.ok(words[0], "ephemeral", *words[1:])
        yield made
        made.desk.ok("destroy", "ephemeral", "--yes", "--delete-backups")
        assert standing(made.cloud) == {}, "orphaned"
        assert made.cloud.unknown() == []


def groups() -> list[tuple[str, ...]]:
    """Return which of the faults that end a drill one and the same meets, one after another."""
    return [tuple(row for row in faults.ending() if row != STUCK), (STUCK,)]


@pytest.mark.skipif(not faults.writing(), reason=f"it takes minutes: {faults.WRITE}=1 runs it")
@pytest.mark.parametrize("group", groups(), ids=["one after another", "by itself"])
def test_a_drill_that_was_ended_passes_when_it_is_started_again(real: Scheduled, group: tuple[str, ...]) -> None:
    sky, ended = real.cloud, list[tuple[str, str]]()
    for row in group:
        plan(real, row)
        outcome = told(real.desk.run(*DRILL, timeout=1200))
        sky.faults.clear()
        assert sky.faults.met, "the fault never happened"
        ended.append((row, outcome))
    passed = real.desk.run(*DRILL, timeout=1200)
    assert passed.code == 0, passed.output
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
