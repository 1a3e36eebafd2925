"""Every fault, met by every part of us: it goes on, or fails in words; and nothing is orphaned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automation.clusters.base import ClusterSpec
from automation.digitalocean import inventory, ownership
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.doks import DoksProvider
from automation.digitalocean.kubernetes import Cluster
from automation.errors import DogitopsError
from automation.jobs.infrastructure.reap import Reaper, reap
from automation.simulators.digitalocean import DigitalOceanSimulator, Limits
from tests import faults
from tests.integration.digitalocean.estate import DROPLET
from tests.integration.digitalocean.scripted import HASTE, account
from tests.integration.simulators.digitalocean.ocean import standing

pytestmark = pytest.mark.e2e

PATIENCE = replace(HASTE, settle=0.2, busy=2.0, deletion=2.0)
NAME = "dogitops-faults"
SPEC = ClusterSpec(NAME, workers=1)
MARKS = ["dogitops", "dogitops:until:20200101t0000z"]


@dataclass(frozen=True)
class Subject:
    """A part of us at work: ``prepare`` without faults, ``work`` with them."""

    prepare: Callable[[DigitalOceanSimulator, DigitalOcean], None]
    work: Callable[[DigitalOceanSimulator, DigitalOcean, Path], str]
    not_met: frozenset[str] = frozenset()
    troubled_before: frozenset[str] = frozenset()  # troubles that befall what is prepared
    theirs: dict[str, list[str]] = field(default_factory=dict)  # what stays


def nothing(_sky: DigitalOceanSimulator, _cloud: DigitalOcean) -> None:
    """Prepare nothing."""


def cluster_of(cloud: DigitalOcean) -> Cluster:
    """Make a cluster by a single call."""
    body = {
        "name": NAME,
        "region": "fra1",
        "version": cloud.kubernetes_options().versions[0],
        "ha": False,
        "tags": ownership.tags(),
        "node_pools": [{"name": "pool", "size": "s-2vcpu-4gb", "count": 1}],
    }
    return cloud.create_cluster(body, lambda: next((one for one in cloud.clusters() if one.name == NAME), None))


def single_calls(_sky: DigitalOceanSimulator, cloud: DigitalOcean, _folder: Path) -> str:
    made = cluster_of(cloud)
    project = cloud.project(NAME)
    state = cloud.cluster(made.id).state
    if state == "running":
        cloud.kubeconfig(made.id)
    cloud.tag("dogitops:env:faults", "droplet", [one.id for one in cloud.droplets()])
    cloud.delete("cluster", made.id)
    cloud.delete("project", project.id)
    return "goes on" if state == "running" else f"reads the state `{state}`, and deletes it"


def life(sky: DigitalOceanSimulator, cloud: DigitalOcean, folder: Path) -> str:
    provider = DoksProvider(cloud, "fra1", "s-2vcpu-4gb", environment="faults", until=datetime.now(UTC))
    provider.create(SPEC, folder / "kubeconfig")
    (made,) = [one for one in cloud.clusters() if one.name == NAME]
    faults.use(sky, made)
    assert provider.nodes(NAME)
    provider.delete(NAME)
    return "goes on"


def estate(_sky: DigitalOceanSimulator, cloud: DigitalOcean) -> None:
    """Make what is to be reaped, and what is not."""
    api = cloud._pydo
    theirs = api.droplets.create({**DROPLET, "name": "somebody"})["droplet"]["id"]
    ours = api.droplets.create({**DROPLET, "name": "dogitops-a", "tags": MARKS})["droplet"]["id"]
    cloud.droplets()
    for name in ("dogitops-free", "dogitops-attached"):
        body = {"name": name, "region": "fra1", "size_gigabytes": 1, "tags": MARKS}
        volume = api.volumes.create(body)["volume"]["id"]
    api.volume_actions.post_by_id(volume, {"type": "attach", "droplet_id": theirs, "region": "fra1"})
    name = ownership.name_until("dogitops-lb", datetime.now(UTC) - timedelta(hours=1))
    api.load_balancers.create({"name": name, "region": "fra1", "forwarding_rules": [faults.RULE]})
    api.reserved_ips.create({"droplet_id": ours})
    cluster_of(cloud)
    cloud.clusters()


def reaping(_sky: DigitalOceanSimulator, cloud: DigitalOcean, _folder: Path) -> str:
    reap(Reaper(cloud, everything=True, now=datetime.now(UTC)), confirm=lambda _: True)
    return "goes on"


SUBJECTS = {
    faults.SEAM: Subject(
        nothing,
        single_calls,
        not_met=frozenset(
            {
                "load balancer never becomes active",
                "volume won't detach at first",
                "volume never detaches",
            }
        ),
    ),
    faults.LIFE: Subject(nothing, life),
    faults.REAPER: Subject(
        estate,
        reaping,
        not_met=frozenset({"no capacity"}),
        troubled_before=frozenset(
            {
                "cluster ends in `error` once",
                "cluster always ends in `error`",
                "load balancer never becomes active",
            }
        ),
        theirs={"droplets": ["somebody"]},
    ),
}


@pytest.mark.parametrize("row", faults.ROWS)
@pytest.mark.parametrize("column", SUBJECTS)
def test_the_table_of_faults_is_what_happens(column: str, row: str, tmp_path: Path) -> None:
    subject = SUBJECTS[column]
    if row in subject.not_met:
        faults.compare(row, column, faults.NOT_MET)
        return
    limits = Limits(droplets=100, volumes=100, reserved_ips=50, hour=None, minute=None)
    with DigitalOceanSimulator(limits=limits) as sky:
        patience = replace(PATIENCE, read=0.4, settle=1.5) if row == "answer slower than the time-out" else PATIENCE
        cloud = account(sky.url, patience, sky.token())
        plan = faults.ROWS[row]
        if row in subject.troubled_before:
            plan(sky)
        subject.prepare(sky, cloud)
        if row not in subject.troubled_before:
            plan(sky)
        outcome = worked(subject, sky, cloud, tmp_path)
        assert sky.faults.met or row in subject.troubled_before, "the fault never happened"
        sky.faults.clear()
        if outcome.startswith("fails"):
            subject.work(sky, cloud, tmp_path)
            outcome += " The next run succeeds."
        reaping(sky, cloud, tmp_path)
        assert inventory.look(cloud) == []
        assert standing(sky) == subject.theirs, "an orphan, or somebody else's is gone"
        assert sky.unknown() == []
    faults.compare(row, column, outcome)


def worked(subject: Subject, sky: DigitalOceanSimulator, cloud: DigitalOcean, folder: Path) -> str:
    try:
        return subject.work(sky, cloud, folder)
    except DogitopsError as error:
        return f"fails: {faults.told(error)}" if error.hint else "fails without saying what to do"


def test_the_table_has_all_rows_and_cells() -> None:
    table = faults.read()
    assert list(table) == list(faults.ROWS)
    assert [(row, column) for row, cells in table.items() for column, text in cells.items() if not text] == []
