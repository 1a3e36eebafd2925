"""The scheduled workflows, run by act against the simulators: the nightly life, the weekly drill, the daily look."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.digitalocean.client import DigitalOcean
from automation.jobs.simulated_clusters import kind_maker
from automation.recovery import evidence, evidence_report
from automation.secret import Secret
from automation.simulators.digitalocean import Fault
from automation.toolchain import images
from tests.e2e.pulls import make_tree
from tests.e2e.scheduled import EPHEMERAL, LOCAL, NAME, Scheduled, free_port, scheduled

pytestmark = pytest.mark.e2e
LIFE = {"environment": "ephemeral", "clusters": "DigitalOcean"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree") / "tree"
    make_tree(folder)
    return folder


@pytest.fixture
def without_nodes(docker: None, tmp_path: Path, tree: Path) -> Iterator[Scheduled]:
    """Give a DigitalOcean whose clusters have no nodes: enough for what goes wrong before there are any."""
    with scheduled(tmp_path, tree) as made:
        made.hosted.act.matrix = {"environment": "ephemeral"}
        yield made


def account(made: Scheduled) -> DigitalOcean:
    return DigitalOcean(Secret(made.cloud.full_token()), made.cloud.url)


def containers(name: str) -> list[str]:
    listed = subprocess.run(
        ["docker", "ps", "-a", "--format", '{{.Names}}/{{.Label "io.x-k8s.kind.cluster"}}'],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [one for one in listed.stdout.split() if name in one]


def test_the_nightly_life_at_digitalocean_leaves_nothing(docker: None, tmp_path: Path, tree: Path) -> None:
    """Plan, apply, bootstrap from Git, back up, look, destroy, reap: on a real cluster behind the simulated one."""
    maker = kind_maker(most=1, mirror=mirror(tmp_path))
    with scheduled(tmp_path, tree, maker) as made:
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
    """Nothing of the cluster can be deleted while destroy is at work; the reaper then finds it by its environment."""
    made, cloud = without_nodes, without_nodes.cloud

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
    assert EPHEMERAL in "\n".join(outcome.log)
    assert account(made).clusters() == []


@pytest.fixture(scope="module")
def week(docker: None, tmp_path_factory: pytest.TempPathFactory, tree: Path) -> Iterator[Scheduled]:
    """Give what the tests of a week stand on, one after another: the drills of this machine."""
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


def test_a_drill_at_digitalocean_proves_what_one_on_this_machine_does(docker: None, tmp_path: Path, tree: Path) -> None:
    """From a cluster of the simulated DigitalOcean to another one, with Git and Spaces elsewhere; nothing is left."""
    with scheduled(tmp_path, tree, kind_maker(most=1, mirror=mirror(tmp_path))) as made:
        ran = made.by_hand("drill.yml", environment="ephemeral", backup="", provider="doks")
        assert ran.outcome.code == 0, ran.outcome.told
        told = newest(made, tmp_path, "evidence-ephemeral")
        assert (told.provider, told.verdict, told.not_compared) == ("doks", "passed", ())
        assert "not its region" in told.limits[0]
        cloud = account(made)
        assert cloud.clusters() == []
        assert made.works is not None
        assert made.works.made == set()
        creations = [
            one for one in made.cloud.requests if (one.method, one.path) == ("POST", "/v2/kubernetes/clusters")
        ]
        assert len(creations) == 2
        kept = ["dogitops-ephemeral-backups", "dogitops-ephemeral-state"]
        assert made.spaces.buckets() == kept, "its backups stay"
        assert leaks(made) == []


def test_a_drill_of_a_backup_that_is_not_there_makes_no_cluster(without_nodes: Scheduled) -> None:
    made = without_nodes
    inputs = {"environment": "ephemeral", "backup": "yesterday", "provider": "auto"}
    outcome = made.by_hand("drill.yml", **inputs).outcome
    assert outcome.exit_code("drill", environment="ephemeral") == 2, outcome.told
    assert "There is no backup 'yesterday' in the bucket dogitops-ephemeral-backups" in "\n".join(outcome.log)
    assert not [one for one in made.cloud.requests if (one.method, one.path) == ("POST", "/v2/kubernetes/clusters")]


def mirror(folder: Path) -> str:
    """Return the address of an image mirror with all that a cluster here pulls; nothing where upstream can be had."""
    images.ensure(*images.for_local())
    from automation.toolchain import engine  # noqa: PLC0415 - only where there is docker

    return images.serve_mirror(folder / "mirror", free_port(engine.bridge_address())) or ""


def artifact(made: Scheduled, name: str) -> dict[str, bytes]:
    """Return the files of the newest artifact of a name."""
    with made.hosted.hub.world.store.lock:
        found = [one for one in made.hosted.hub.world.repository(NAME).artifacts if one.name == name]
    with zipfile.ZipFile(io.BytesIO(max(found, key=lambda one: one.id).content)) as archive:
        return {one: archive.read(one) for one in archive.namelist()}


def newest(made: Scheduled, folder: Path, name: str = "evidence-local") -> evidence.Evidence:
    """Return the evidence in the newest artifact, verified by the key that lies beside it."""
    files = artifact(made, name)
    [file] = [one for one in files if one.endswith(".json")]
    assert {Path(one).suffix for one in files} == {".json", ".md", ".txt"}
    (folder / file).write_bytes(files[file])
    return evidence.read(folder / file, files["public-key.txt"].decode().strip())


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


def leaks(made: Scheduled) -> list[str]:
    """Return which secret can be seen in a run's log, commands, outputs or summaries."""
    texts = [one.outcome.text for one in made.hosted.history]
    texts += ["\n".join([*one.outcome.log, *one.outcome.summaries]) for one in made.hosted.history]
    values = {**made.hosted.secrets, **{f"token {one.number}": one.token for one in made.hosted.history}}
    access = values.pop("SPACES_ACCESS_KEY_ID", None)  # a name rather than a secret
    assert access
    return sorted({name for name, value in values.items() for text in texts if value in text})
