"""What drill, status and bootstrap say before they touch a cluster."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from automation.errors import ConfigurationError, Interrupted, VerificationFailed
from automation.jobs.delivery.bootstrap import advice, warn_of_uncommitted
from automation.jobs.recovery.drill import Expected, drill
from automation.jobs.recovery.evidence import newest, signing_key
from automation.jobs.status.brief import status
from automation.journal import Journal
from automation.recovery import evidence, evidence_report
from automation.recovery.inventory import Inventory, made_with
from automation.secret import Secret
from automation.site import Site
from tests.integration.s3 import S3

PASSED: dict[str, Any] = {
    "environment": "there", "provider": "kind", "run": "r1", "commit": "c", "backup": "b", "started": 0, "finished": 9,
    "phases": [], "rto_seconds": 1, "rpo_seconds": 1,
    "data": {"entries": 1, "bytes": 1, "missing": 0, "changed": 0, "extra": 0, "file": "intact"},
    "objects": {"compared": 1, "missing": 0, "unexpected": 0, "changed": 0, "differences": []},
    "coverage": [{"pvc": "app/data", "bytes": 1}], "versions": {}, "verdict": "passed", "reasons": [], "limits": [],
}  # fmt: skip


def test_a_drill_can_lose_only_what_it_knows(site: Site) -> None:
    with pytest.raises(ConfigurationError, match=r"can't lose 'objct'\. Did you mean 'object'\?") as caught:
        drill(site, plant_loss="objct")
    assert "entry, file, object" in (caught.value.hint or "")
    assert not (site.kept / "journals").exists()


def test_an_unfinished_drill_with_other_options_is_not_mixed_up(site: Site) -> None:
    path = site.kept / "journals" / "drill.jsonl"
    journal = Journal(path, kind="drill", key={"environment": "there", "plant_loss": "entry"})
    journal.once("start", lambda: {"id": "x"})
    with pytest.raises(ConfigurationError, match="unfinished drill with other options") as caught:
        drill(site)
    assert "--fresh" in (caught.value.hint or "")
    assert path.exists(), "what was finished must not be lost"


def test_an_unfinished_drill_with_another_backup_is_not_mixed_up(site: Site) -> None:
    path = site.kept / "journals" / "drill.jsonl"
    journal = Journal(path, kind="drill", key={"environment": "there", "plant_loss": None})
    journal.once("start", lambda: {"id": "x"})
    with pytest.raises(ConfigurationError, match="unfinished drill with other options"):
        drill(site, backup="before-lunch")


def test_an_unknown_backup_is_named_with_those_that_there_are_and_nothing_is_wiped(site: Site, s3: S3) -> None:
    site.__dict__["git_url"] = "http://127.0.0.1:9/"
    site.__dict__["mirror"] = None
    bucket = "dogitops-there-backups"
    commit(site)
    with pytest.raises(ConfigurationError, match=r"no backup 'before-lnch' in the bucket dogitops-there-backups"):
        drill(site, backup="before-lnch")
    site.store.ensure_bucket(bucket)
    told = {"status": {"phase": "Completed"}, "spec": {"includedNamespaces": ["app"]}}
    site.store.write(bucket, "velero/backups/before-lunch/velero-backup.json", json.dumps(told).encode())
    with pytest.raises(ConfigurationError, match="Did you mean 'before-lunch'") as caught:
        drill(site, backup="before-lnch")
    assert "before-lunch" in (caught.value.hint or "")
    assert not (site.kept / "journals" / "drill.jsonl").exists(), "nothing has begun"


def test_a_loss_that_nobody_would_notice_is_refused_before_anything_is_wiped(site: Site, s3: S3) -> None:
    site.__dict__["git_url"] = "http://127.0.0.1:9/"
    site.__dict__["mirror"] = None
    commit(site)
    bucket = "dogitops-there-backups"
    site.store.ensure_bucket(bucket)
    told = {"status": {"phase": "Completed"}, "spec": {"includedNamespaces": ["app"]}}
    site.store.write(bucket, "velero/backups/nightly/velero-backup.json", json.dumps(told).encode())
    for loss in ("entry", "object"):
        with pytest.raises(ConfigurationError, match=f"can't lose '{loss}' on purpose: without a record"):
            drill(site, backup="nightly", plant_loss=loss, fresh=True)
    journal = Journal(
        site.kept / "journals" / "drill.jsonl",
        kind="drill",
        key={"environment": "there", "plant_loss": "object", "backup": "nightly"},
    )
    assert journal.finished_phases == ("start", "record")


def test_a_drill_without_a_cluster_says_how_to_have_one(site: Site) -> None:
    site.__dict__["git_url"] = "http://127.0.0.1:9/"  # its servers are not what is tested
    site.__dict__["mirror"] = None
    with pytest.raises(ConfigurationError, match="has no cluster yet") as caught:
        drill(site)
    assert "dogitops apply there" in (caught.value.hint or "")


def test_what_a_backup_has_no_record_of_is_said_to_be_not_compared() -> None:
    nothing = Expected.of(None, None, Secret("canary-key"))
    assert (nothing.data, nothing.objects) == (None, None)
    assert [line.split(":")[0] for line in nothing.unknown] == ["Data", "Objects"]


def test_objects_whose_secrets_were_digested_with_another_key_are_not_compared() -> None:
    taken = Inventory("now", ("app",), "0123456789ab", {"v1/ConfigMap app/a": {}})
    assert not made_with(taken, Secret("canary-key"))
    other = Expected.of(None, taken.to_json(), Secret("canary-key"))
    assert other.objects is None
    assert "another key" in other.unknown[-1]
    assert Expected.of(None, taken.to_json()).objects == taken, "our own, of a minute ago"


def test_evidence_is_verified_before_it_is_believed(site: Site) -> None:
    with pytest.raises(ConfigurationError, match="no evidence for there yet"):
        newest(site)
    told = evidence.Evidence.model_validate(PASSED)
    file, _ = evidence_report.write(site.kept / "evidence", told, signing_key(site))
    assert newest(site) == (file, told)
    raw = json.loads(file.read_text())
    raw["evidence"]["rto_seconds"] = 0.5
    file.write_text(json.dumps(raw))
    with pytest.raises(VerificationFailed) as caught:
        newest(site)
    assert caught.value.exit_code == 5


def test_evidence_signed_by_another_key_is_not_ours(site: Site) -> None:
    other = evidence.SigningKey.kept_in(site.kept / "other.pem")
    evidence_report.write(site.kept / "evidence", evidence.Evidence.model_validate(PASSED), other)
    with pytest.raises(VerificationFailed):
        newest(site)


def test_status_of_an_environment_without_a_cluster(site: Site) -> None:
    (line,) = status(site)
    assert (line.subject, line.good) == ("cluster", False)
    assert "dogitops-there does not exist" in line.state


def test_an_interruption_tells_how_to_go_on_and_how_to_clean_up() -> None:
    with pytest.raises(Interrupted) as caught, advice("dogitops drill there --yes", "dogitops destroy there"):
        raise KeyboardInterrupt
    assert caught.value.exit_code == 130
    assert "'dogitops drill there --yes'" in (caught.value.hint or "")
    assert "'dogitops destroy there'" in (caught.value.hint or "")


def test_changes_that_are_in_no_commit_are_warned_of(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    root = commit(site)
    warn_of_uncommitted(site)
    assert capfd.readouterr().err == ""
    (root / "gitops" / "a.yaml").write_text("a: 2\n")
    warn_of_uncommitted(site)
    assert "gitops/a.yaml" in capfd.readouterr().err


def commit(site: Site) -> Path:
    """Make a commit in the site's repository, and return its root."""
    root = site.workspace.root
    (root / "gitops").mkdir()
    (root / "gitops" / "a.yaml").write_text("a: 1\n")
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    for words in (["init", "-q"], ["add", "gitops"], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    return root
