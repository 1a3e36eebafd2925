"""The newest evidence must be of this environment, signed, passed, and young enough: here, and among artifacts."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.errors import ConfigurationError, VerificationFailed
from automation.github.client import GitHub
from automation.github.transport import Patience
from automation.jobs.recovery.evidence import WORKFLOW, check_age, copy, signing_key, told
from automation.jobs.sites import open_site
from automation.recovery import evidence, evidence_report
from automation.secret import Secret
from automation.simulators.github import GitHubSimulator
from automation.site import Site
from automation.workspace import Workspace
from tests.integration.github.place import origin
from tests.integration.jobs.test_recovery import PASSED

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
REPOSITORY = "octo-org/infra"
QUICK = Patience(timeout=5, tries=2, backoff=0.01, longest_wait=5, secondary_wait=0.05)
WEEK = timedelta(days=8)


def drilled(site: Site, days_ago: float = 1, *, key: evidence.SigningKey | None = None, **changed: Any) -> Path:
    """Leave evidence of a drill."""
    finished = (NOW - timedelta(days=days_ago)).timestamp()
    report = {**PASSED, "started": finished - 300, "finished": finished, "run": f"r{days_ago}", **changed}
    file, _ = evidence_report.write(
        site.kept / "evidence", evidence.Evidence.model_validate(report), key or signing_key(site)
    )
    return file


def test_young_enough(site: Site) -> None:
    drilled(site, 20)
    drilled(site, 7.9)
    found = check_age(site, WEEK, now=NOW)
    assert found.age == timedelta(days=7.9)


@pytest.mark.parametrize(
    ("leave", "told"),
    [
        (lambda site: None, "no evidence for there yet"),
        (lambda site: drilled(site, 8.1), r"is too old: it ended 2026-11-13 09:36 UTC, 8\.1 days ago, and 8\.0 days"),
        (lambda site: drilled(site, -1), "ended in the future"),
        (lambda site: drilled(site, environment="production"), "is of the environment production, not of there"),
        (lambda site: (drilled(site, 2), drilled(site, verdict="failed", reasons=["3 are lost"])), "3 are lost"),
        (
            lambda site: drilled(site, key=evidence.SigningKey.kept_in(site.kept / "other.pem")),
            "signed by another key",
        ),
        (lambda site: unsigned(drilled(site)), "is no evidence"),
        (lambda site: forged(drilled(site, 30)), "was changed after it was signed"),
    ],
    ids=["missing", "too old", "of the future", "of another environment", "failed", "of another key", "unsigned",
         "forged"],
)  # fmt: skip
def test_anything_else_is_told_and_exits_with_5(site: Site, leave: Callable[[Site], object], told: str) -> None:
    leave(site)
    with pytest.raises(VerificationFailed, match=told) as caught:
        check_age(site, WEEK, now=NOW)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(days=8), "8.0 days"),
        (timedelta(hours=5, minutes=30), "5.5 hours"),
        (timedelta(seconds=90), "2 minutes"),
        (timedelta(seconds=-5), "0 minutes"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(length: timedelta, text: str) -> None:
    assert told(length) == text


def unsigned(file: Path) -> None:
    file.write_text(json.dumps({"evidence": json.loads(file.read_text())["evidence"]}))


def forged(file: Path) -> None:
    """Make old evidence young."""
    told = json.loads(file.read_text())
    told["evidence"]["finished"] = NOW.isoformat()
    file.write_text(json.dumps(told))


def test_copies_hold_all_that_is_needed_to_verify_them(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no evidence"):
        copy(site, tmp_path / "out")
    drilled(site, 3)
    newest = drilled(site, 1)
    copied = copy(site, tmp_path / "out")
    assert {one.name for one in copied} == {newest.name, newest.with_suffix(".md").name, "public-key.txt"}
    key = (tmp_path / "out" / "public-key.txt").read_text().strip()
    assert evidence.read(tmp_path / "out" / newest.name, key).environment == "there"


class Runs:
    """Runs of workflows on a simulated GitHub, and what they left."""

    def __init__(self, hub: GitHubSimulator, site: Site, tmp_path: Path) -> None:
        self.hub, self.site = hub, site
        bare = origin(tmp_path / "infra.git")
        hub.add_repository(REPOSITORY, str(bare))
        token = hub.create_token(permissions={"actions": "read", "contents": "read"}, repositories=[REPOSITORY])
        self.github = GitHub(hub.url, Secret(token), REPOSITORY, patience=QUICK)
        self.folder = tmp_path / "kept"

    def left(self, days_ago: float, *, workflow: str = WORKFLOW, event: str = "schedule", branch: str = "main",
             head_repository: str | None = None, key: bool = True, **changed: Any) -> int:  # fmt: skip
        """Let a run leave evidence."""
        evidence_folder = self.site.kept / "evidence"
        file = drilled(self.site, days_ago, **changed)
        run = self.hub.add_run(
            REPOSITORY, workflow, "a" * 40, event=event, head_branch=branch, head_repository=head_repository
        )
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(file, file.name)
            archive.write(file.with_suffix(".md"), file.with_suffix(".md").name)
            if key:
                archive.writestr("public-key.txt", signing_key(self.site).public)
        for each in evidence_folder.iterdir():
            each.unlink()
        return self.hub.upload_artifact(REPOSITORY, run, "evidence-there", packed.getvalue())

    def check(self) -> Any:
        return check_age(self.site, WEEK, github=self.github, now=NOW)


@pytest.fixture
def runs(site: Site, tmp_path: Path) -> Iterator[Runs]:
    with GitHubSimulator() as hub:
        yield Runs(hub, site, tmp_path)
        assert hub.unknown() == []


def test_the_newest_artifact_counts(runs: Runs) -> None:
    runs.left(9)
    runs.left(2)
    found = runs.check()
    assert found.age == timedelta(days=2)
    assert found.where.startswith("run ")


def test_no_artifact_at_all(runs: Runs) -> None:
    with pytest.raises(VerificationFailed, match=r"No run of \.github/workflows/drill\.yml has left evidence"):
        runs.check()


def test_an_old_artifact_is_too_old_and_a_failed_drill_is_none_that_passed(runs: Runs) -> None:
    runs.left(9)
    with pytest.raises(VerificationFailed, match="is too old"):
        runs.check()
    runs.left(1, verdict="failed", reasons=["the file is missing"])
    with pytest.raises(VerificationFailed, match="failed: the file is missing"):
        runs.check()


@pytest.mark.parametrize(
    "strange",
    [
        {"workflow": ".github/workflows/ci.yml"},
        {"event": "pull_request"},
        {"branch": "change"},
        {"head_repository": "mallory/infra"},
    ],
    ids=str,
)
def test_what_another_run_has_uploaded_under_the_name_is_passed_over(
    runs: Runs, strange: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    runs.left(9)
    runs.left(1, **strange)
    with pytest.raises(VerificationFailed, match="is too old"):
        runs.check()
    assert "is passed over" in " ".join(capfd.readouterr().err.split())


def test_an_artifact_that_github_has_deleted_is_none(runs: Runs) -> None:
    runs.hub.expire_artifact(REPOSITORY, runs.left(1))
    with pytest.raises(VerificationFailed, match="has left evidence for there"):
        runs.check()


def test_evidence_of_another_environment_under_this_name(runs: Runs) -> None:
    runs.left(1, environment="production")
    with pytest.raises(VerificationFailed, match="is of the environment production"):
        runs.check()


def test_a_named_key_alone_is_believed(runs: Runs, workspace: Workspace, facts: dict[str, Any]) -> None:
    own = signing_key(runs.site).public
    runs.left(1)
    other = evidence.SigningKey.kept_in(runs.site.kept / "other.pem").public
    for key, believed in ((own, True), (other, False)):
        told = {**facts, "drill": {"public_key": key}}
        (workspace.environments / "there" / "environment.yaml").write_text(yaml.safe_dump(told))
        runs.site = open_site("there", workspace=workspace)
        if believed:
            assert runs.check().age == timedelta(days=1)
        else:
            with pytest.raises(VerificationFailed, match=r"run \d+ is not believed: .*signed by another key"):
                runs.check()


def test_evidence_without_its_key_is_not_believed(runs: Runs) -> None:
    runs.left(1, key=False)
    with pytest.raises(VerificationFailed, match="not believed"):
        runs.check()
