"""A week of the scheduled drill at the simulated DigitalOcean, run by act, and the daily look at its age.

The weekly drill meets, all in one run, every fault of DigitalOcean that a drill survives: see docs/faults.md.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.digitalocean.client import DigitalOcean
from automation.recovery import evidence, evidence_report
from automation.secret import Secret
from tests import faults
from tests.e2e.pulls import make_tree
from tests.e2e.scheduled import NAME, Scheduled, leaks, newest, scheduled
from tests.integration.simulators.digitalocean.ocean import standing

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]
CREATION = ("POST", "/v2/kubernetes/clusters")


@pytest.fixture(scope="module")
def week(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduled]:
    """Give what the tests of a week stand on, one after another."""
    tree = tmp_path_factory.mktemp("tree") / "tree"
    make_tree(tree)
    with scheduled(tmp_path_factory.mktemp("week"), tree, nodes=1, DOGITOPS_PATIENCE=faults.HASTE) as made:
        yield made
        assert leaks(made) == []
        assert made.cloud.unknown() == []


def test_without_any_drill_the_daily_look_is_red(week: Scheduled) -> None:
    outcome = week.night("evidence.yml").outcome
    assert (outcome.exit_code("age"), outcome.conclusion) == (5, "failure"), outcome.told
    assert "has left evidence for local" in "\n".join(outcome.log)  # where nobody says which environment


def test_a_weekly_drill_survives_what_can_be_survived_and_the_daily_look_believes_it(
    week: Scheduled, tmp_path: Path
) -> None:
    """From a cluster of DigitalOcean to another one, with Git and Spaces elsewhere; nothing is left."""
    cloud, survived = week.cloud, faults.survived()
    planned: list[faults.Together] = []
    missed: list[list[str]] = []
    asked: list[int] = []

    def seen(line: str) -> None:
        if not planned and "Looking at the environment" in line:
            [cluster] = DigitalOcean(Secret(cloud.full_token()), cloud.url).clusters()
            planned.append(faults.Together.plan(cloud, survived, slower=faults.SLOWER))
            faults.use(cloud, cluster)
        if (
            planned and not missed and "Bootstrapping from Git, applications held back" in line
        ):  # from here on it asks the cluster
            missed.append(planned[0].missed(cloud))
            asked.append(len(cloud.requests))
            cloud.faults.clear()
        if missed and "Gather the evidence" in line:
            asked.append(len(cloud.requests))

    week.hosted.act.settings["DRILL_ENVIRONMENT"] = "ephemeral"
    week.hosted.hub.schedule(NAME, ".github/workflows/drill.yml")
    [call] = week.hosted.called()
    outcome = week.hosted.finish(week.hosted.start(call, seen=seen), timeout=1800).outcome
    assert outcome.code == 0, outcome.told
    assert len(asked) > 1
    assert missed == [[]], [(one.method, one.path, one.fault) for one in cloud.requests]
    assert asked[0] == asked[-1], "a drill asks DigitalOcean no more once it has the new cluster"
    told = newest(week, tmp_path)
    assert (told.verdict, told.environment, told.provider, told.not_compared) == ("passed", "ephemeral", "doks", ())
    assert told.data is not None
    assert told.data.entries == 50
    assert "not its region" in told.limits[0]
    assert any("Passed: recovery drill" in summary for summary in outcome.summaries)
    assert "could not be told that it passed" not in "\n".join(outcome.log)
    assert standing(cloud) == {}, "orphaned"
    assert week.works is not None
    assert week.works.made == set()
    assert week.spaces.buckets() == ["dogitops-ephemeral-backups", "dogitops-ephemeral-state"], "its backups stay"
    for row in survived:
        faults.compare(row, faults.DRILL, faults.GOES_ON)
    daily = week.night("evidence.yml").outcome
    assert daily.code == 0, daily.told
    assert "its signature is right" in "\n".join(daily.log)


def test_a_drill_by_hand_of_that_backup_compares_with_its_record(week: Scheduled, tmp_path: Path) -> None:
    before, began = newest(week, tmp_path), len(week.cloud.requests)
    ran = week.by_hand("drill.yml", environment="ephemeral", backup=before.backup, provider="doks")
    assert ran.outcome.code == 0, ran.outcome.told
    told = newest(week, tmp_path)
    assert told.run != before.run
    assert (told.backup, told.verdict, told.not_compared) == (before.backup, "passed", ())
    assert told.data == before.data
    assert told.objects is not None
    assert told.objects.compared > 5
    assert told.coverage == before.coverage
    assert {"write", "inventory", "backup"}.isdisjoint(phase.name for phase in told.phases)
    assert "The backup was an existing one" in "".join(told.limits)
    assert told.rpo_seconds is not None
    assert before.rpo_seconds is not None
    assert told.rpo_seconds > before.rpo_seconds, "it is the age of the backup"
    asked = [(one.method, one.path) for one in list(week.cloud.requests)[began:]]
    assert asked.count(CREATION) == 1, "the drill itself makes the cluster"
    assert standing(week.cloud) == {}


def test_when_the_newest_drill_is_too_long_ago_the_daily_look_is_red(week: Scheduled, tmp_path: Path) -> None:
    leave_old(week, newest(week, tmp_path), tmp_path / "old")
    outcome = week.by_hand("evidence.yml", environment="ephemeral").outcome
    assert outcome.exit_code("age") == 5, outcome.told
    assert "is too old" in "\n".join(outcome.log)


def leave_old(made: Scheduled, told: evidence.Evidence, folder: Path) -> None:
    """Let the newest run of the drill be one of nine days ago."""
    key = evidence.SigningKey.kept_in(folder / "key.pem")
    ended = datetime.now(UTC) - timedelta(days=9)
    raw: dict[str, Any] = json.loads(told.model_dump_json())
    old = evidence.Evidence.model_validate({**raw, "started": ended - timedelta(minutes=9), "finished": ended})
    file, _ = evidence_report.write(folder, old, key)
    run = made.hosted.hub.add_run(NAME, ".github/workflows/drill.yml", "a" * 40, event="schedule", head_branch="main")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(file, file.name)
        archive.writestr("public-key.txt", key.public)
    made.hosted.hub.upload_artifact(NAME, run, "evidence-ephemeral", packed.getvalue())
