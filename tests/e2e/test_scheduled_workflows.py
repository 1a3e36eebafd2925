"""The nightly workflow at the simulated DigitalOcean, run by act, and what goes wrong there; drills have their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.digitalocean.client import DigitalOcean
from automation.secret import Secret
from automation.simulators.digitalocean import Fault
from tests.e2e.scheduled import EPHEMERAL, NAME, Scheduled, leaks, scheduled

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]
LIFE = {"environment": "ephemeral", "clusters": "DigitalOcean"}


@pytest.fixture
def without_nodes(docker: None, tmp_path: Path, tree: Path) -> Iterator[Scheduled]:
    """Give a DigitalOcean whose clusters have no nodes: enough for what goes wrong before there are any."""
    with scheduled(tmp_path, tree) as made:
        made.hosted.act.matrix = {"environment": "ephemeral"}
        yield made


def account(made: Scheduled) -> DigitalOcean:
    return DigitalOcean(Secret(made.cloud.full_token()), made.cloud.url)


def test_the_nightly_life_at_digitalocean_leaves_nothing(docker: None, tmp_path: Path, tree: Path) -> None:
    """Plan, apply, bootstrap from Git, back up, look, destroy, reap: on a real cluster behind the simulated one."""
    with scheduled(tmp_path, tree, nodes=1) as made:
        made.hosted.act.matrix = {"environment": "ephemeral"}  # the other leg is what test_main_job.py does
        ran = made.night("e2e.yml")
        outcome = ran.outcome
        assert outcome.code == 0, outcome.told
        assert outcome.job("life", **LIFE) == "success"
        assert outcome.job("reap", environment="ephemeral") == "success"
        text = "\n".join(outcome.log)
        for application in ("argocd", "velero", "ledger", "local-storage"):
            assert f"application {application}" in text
        assert "There is nothing to delete." in text
        cloud = account(made)
        assert cloud.clusters() == []
        assert cloud.droplets() == []
        assert made.works is not None
        assert made.works.made == set()
        asked = {(one.method, one.path) for one in made.cloud.requests}
        assert ("POST", "/v2/kubernetes/clusters") in asked
        assert made.cloud.unknown() == []
        assert made.spaces.buckets() == ["dogitops-ephemeral-state"], "the backups' bucket goes, the state's stays"
        assert leaks(made) == []


def test_a_destroy_that_fails_half_way_is_followed_by_the_reaper(without_nodes: Scheduled) -> None:
    """Nothing of the cluster can be deleted while destroy is at work; the reaper then finds it by its environment.

    What an earlier night left has expired, and goes before anything else; what is not ours stays.
    """
    made, cloud = without_nodes, without_nodes.cloud
    for name, tags in (("dogitops-left", ["dogitops", "dogitops:until:20200101t0000z"]), ("somebodys", [])):
        pool = {"name": f"{name}-pool", "size": "s-2vcpu-4gb", "count": 1}
        body = {"name": name, "region": "fra1", "version": "1.34.5-do.3", "ha": False, "tags": tags}
        account(made)._pydo.kubernetes.create_cluster({**body, "node_pools": [pool]})

    def seen(line: str) -> None:
        if "Destroying ephemeral" in line:
            cloud.faults.add(Fault("5xx-before", "DELETE", "/v2/kubernetes/*", times=10_000, status=403))
        if "Look again" in line or "Reap what has expired" in line:
            cloud.faults.clear()

    made.hosted.hub.schedule(NAME, ".github/workflows/e2e.yml")
    [call] = made.hosted.called()
    ran = made.hosted.finish(made.hosted.start(call, seen=seen), timeout=600)
    outcome = ran.outcome
    assert outcome.job("life", **LIFE) == "failure", outcome.told  # its nodes never came, nor could it be destroyed
    assert cloud.faults.met["5xx-before"] > 0
    assert outcome.job("reap", environment="ephemeral") == "success", outcome.told
    log = "\n".join(outcome.log)
    assert log.index("dogitops-left") < log.index("Planning ephemeral") < log.index("Destroying ephemeral")
    assert EPHEMERAL in log
    assert [one.name for one in account(made).clusters()] == ["somebodys"]


def test_a_drill_of_a_backup_that_is_not_there_makes_no_cluster(without_nodes: Scheduled) -> None:
    made = without_nodes
    inputs = {"environment": "ephemeral", "backup": "yesterday", "provider": "auto"}
    outcome = made.by_hand("drill.yml", **inputs).outcome
    assert outcome.exit_code("drill", environment="ephemeral") == 2, outcome.told
    assert "There is no backup 'yesterday' in the bucket dogitops-ephemeral-backups" in "\n".join(outcome.log)
    assert not [one for one in made.cloud.requests if (one.method, one.path) == ("POST", "/v2/kubernetes/clusters")]
