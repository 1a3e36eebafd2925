"""A week of the scheduled workflows on this machine, run by act: the weekly drill, and the daily look at its age."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.recovery import evidence, evidence_report
from tests.e2e.pulls import make_tree
from tests.e2e.scheduled import LOCAL, NAME, Scheduled, containers, leaks, newest, scheduled

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def week(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduled]:
    """Give what the tests of a week stand on, one after another: the drills of this machine."""
    tree = tmp_path_factory.mktemp("tree") / "tree"
    make_tree(tree)
    with scheduled(tmp_path_factory.mktemp("week"), tree) as made:
        yield made
        assert leaks(made) == []
    assert containers(LOCAL) == []


def test_without_any_drill_the_daily_look_is_red(week: Scheduled) -> None:
    outcome = week.night("evidence.yml").outcome
    assert (outcome.exit_code("age"), outcome.conclusion) == (5, "failure"), outcome.told
    assert "has left evidence for local" in "\n".join(outcome.log)


def test_a_weekly_drill_leaves_evidence_that_the_daily_look_believes(week: Scheduled, tmp_path: Path) -> None:
    ran = week.night("drill.yml")
    assert ran.outcome.code == 0, ran.outcome.told
    told = newest(week, tmp_path)
    assert (told.verdict, told.environment) == ("passed", "local")
    assert told.data is not None
    assert told.data.entries == 50
    assert containers(LOCAL) == [], "the cluster of the drill is destroyed"
    assert any("Passed: recovery drill" in summary for summary in ran.outcome.summaries)
    outcome = week.night("evidence.yml").outcome
    assert outcome.code == 0, outcome.told
    assert "its signature is right" in "\n".join(outcome.log)


def test_a_drill_by_hand_of_that_backup_compares_with_its_record(week: Scheduled, tmp_path: Path) -> None:
    before = newest(week, tmp_path)
    ran = week.by_hand("drill.yml", environment="local", backup=before.backup, provider="auto")
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
    assert containers(LOCAL) == []


def test_when_the_newest_drill_is_too_long_ago_the_daily_look_is_red(week: Scheduled, tmp_path: Path) -> None:
    leave_old(week, newest(week, tmp_path), tmp_path / "old")
    outcome = week.by_hand("evidence.yml", environment="local").outcome
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
    made.hosted.hub.upload_artifact(NAME, run, "evidence-local", packed.getvalue())
