from __future__ import annotations

import base64
import contextlib
import json
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from automation.errors import ConfigurationError, VerificationFailed
from automation.recovery import findings, last_drill
from automation.recovery.coverage import Covered
from automation.recovery.evidence import Data, Evidence, Objects, SigningKey, newest, read
from automation.recovery.evidence_report import size, to_markdown, write
from automation.recovery.inventory import Difference, Inventory
from automation.recovery.ledger import LedgerReport
from automation.secret import Secret

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def evidence(**changed: Any) -> Evidence:
    told = {
        "environment": "local",
        "provider": "kind",
        "run": "r1",
        "commit": "abc",
        "backup": "drill-r1",
        "started": START,
        "finished": START + timedelta(seconds=200),
        "phases": [
            {"name": "backup", "started": START, "seconds": 10.0},
            {"name": "restore", "started": START + timedelta(seconds=10), "seconds": 120.5},
        ],
        "rto_seconds": 98.76,
        "rpo_seconds": 12.0,
        "data": {"entries": 1000, "bytes": 33 * 1024 * 1024},
        "objects": {"compared": 15},
        "coverage": [{"pvc": "ledger/data-redis-0", "bytes": 34 * 1024 * 1024}],
        "versions": {"velero": "v1.18.3"},
        "verdict": "passed",
        "limits": ["The cluster ran on one machine."],
    }
    return Evidence.model_validate({**told, **changed})


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.kept_in(tmp_path_factory.mktemp("key") / "secrets" / "evidence.pem")


def test_what_was_written_is_read_back(tmp_path: Path, key: SigningKey) -> None:
    path, markdown = write(tmp_path / "evidence", evidence(), key)
    assert path.name == "drill-20260102T030725Z-r1.json"
    assert read(path) == read(path, key.public) == evidence()
    assert key.public in markdown.read_text()
    assert sorted(one.suffix for one in path.parent.iterdir()) == [".json", ".md"]


def test_the_signing_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "evidence.pem"
    first = SigningKey.kept_in(path)
    assert SigningKey.kept_in(path).public == first.public
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["evidence.pem"]
    path.write_text("not a key")
    with pytest.raises(ConfigurationError, match="holds no signing key"):
        SigningKey.kept_in(path)


def spoiled(signed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the signed file, changed in every way that an attacker might try."""
    report, signature = signed["evidence"], signed["signature"]
    zeros = base64.b64encode(bytes(64)).decode()
    return {
        "verdict": {"evidence": {**report, "verdict": "failed"}, "signature": signature},
        "rto": {"evidence": {**report, "rto_seconds": 1.0}, "signature": signature},
        "data": {"evidence": {**report, "data": {**report["data"], "entries": 9999}}, "signature": signature},
        "added": {"evidence": {**report, "extra": 1}, "signature": signature},
        "removed": {"evidence": {k: v for k, v in report.items() if k != "reasons"}, "signature": signature},
        "unsigned": {"evidence": report},
        "zeros": {"evidence": report, "signature": {**signature, "value": zeros}},
        "short": {"evidence": report, "signature": {**signature, "value": "AAAA"}},
        "no base64": {"evidence": report, "signature": {**signature, "value": "!!"}},
        "other form": {"evidence": report, "signature": {**signature, "algorithm": "none"}},
        "beside": {**signed, "note": "hello"},
        "infinite": {"evidence": {**report, "rto_seconds": float("inf")}, "signature": signature},
        "bad key": {"evidence": report, "signature": {**signature, "public_key": "AAAA"}},
    }


def test_a_file_that_was_changed_is_refused(tmp_path: Path, key: SigningKey) -> None:
    path, _ = write(tmp_path, evidence(), key)
    for what, content in spoiled(json.loads(path.read_text())).items():
        path.write_text(json.dumps(content).replace("Infinity", "1e999"))
        with pytest.raises(VerificationFailed, match=r"changed after|is no evidence"):
            assert read(path) is what


@settings(deadline=None)
@given(st.data())
def test_changing_any_byte_never_changes_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, key: SigningKey, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("evidence")
    path, _ = write(folder, evidence(), key)
    raw = bytearray(path.read_bytes())
    index = data.draw(st.integers(0, len(raw) - 1))
    raw[index] = data.draw(st.integers(32, 126))
    path.write_bytes(raw)
    with contextlib.suppress(VerificationFailed):
        assert read(path, key.public) == evidence()  # white space may change


def test_who_signs_anew_is_found_out_by_the_known_key(tmp_path: Path, key: SigningKey) -> None:
    forger = SigningKey.kept_in(tmp_path / "forger.pem")
    path, _ = write(tmp_path, evidence(rto_seconds=1.0), forger)
    assert read(path).rto_seconds == 1.0
    with pytest.raises(VerificationFailed, match="signed by another key"):
        read(path, key.public)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"evidence": 1, "evidence": 2}', '{"evidence": NaN}', "\xff", "[" * 99999]
)
def test_what_is_no_evidence_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "drill-x.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(VerificationFailed, match="is no evidence"):
        read(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read(tmp_path / "missing.json")


@pytest.mark.parametrize(
    "changed",
    [
        {"data": {"entries": 10, "bytes": 0, "missing": 1}},
        {"data": {"entries": 10, "bytes": 0, "file": "changed"}},
        {"data": None},
        {"objects": {"compared": 5, "changed": 1}},
        {"objects": None},
        {"coverage": []},
        {"rto_seconds": None},
        {"rpo_seconds": None},
        {"reasons": ["lost"]},
        {"verdict": "failed"},
        {"verdict": "perhaps"},
        {"rto_seconds": -1.0},
        {"rto_seconds": float("nan")},
        {"finished": START - timedelta(seconds=1)},
        {"started": datetime(2026, 1, 1)},  # noqa: DTZ001 - that is the point
        {"unknown": 1},
    ],
)
def test_a_report_that_contradicts_itself_cannot_be_made(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        evidence(**changed)


def test_a_failed_drill_may_know_nothing_but_its_reasons(tmp_path: Path, key: SigningKey) -> None:
    nothing: dict[str, Any] = {
        "rto_seconds": None,
        "rpo_seconds": None,
        "data": None,
        "objects": None,
        "coverage": [],
        "phases": [],
    }
    failed = evidence(**nothing, verdict="failed", reasons=["the wipe | failed <b>badly</b>\n# really"])
    path, _ = write(tmp_path, failed, key)
    assert read(path) == failed
    text = to_markdown(failed)
    assert text.startswith("# ❌ Failed: recovery drill of local")
    assert "- the wipe \\| failed &lt;b>badly&lt;/b> # really\n" in text
    assert "not measured" in text
    assert "Nothing: the drill did not get so far." in text


def test_the_report_tells_a_manager_first_whether_it_passed_and_how_long_it_took() -> None:
    text = to_markdown(evidence(), "KEY")
    lines = text.splitlines()
    assert lines[0] == "# ✅ Passed: recovery drill of local"
    assert "| Recovery time (RTO): from the wipe to verified data | **1 min 38 s** |" in lines
    assert "| Recovery point (RPO): writes lost before the wipe | **12.0 s** |" in lines
    assert "| restore | 03:04:15 | 2 min 00 s | ████████████████████████ |" in lines
    assert "| backup | 03:04:05 | 10.0 s | ██ |" in lines
    assert "ledger/data-redis-0 (34.0 MiB)" in text
    assert "1000 entries and a file, 33.0 MiB, by SHA-256" in text
    assert "## Differences" not in text
    assert "- The cluster ran on one machine." in lines
    assert lines[-1] == "Signed with Ed25519; public key `KEY`."


def test_differences_are_shown_without_breaking_the_table() -> None:
    before = Inventory("now", ("n",), "k", {"a": {}, "b": {}, "c": {}})
    found = [Difference("missing", "a"), Difference("changed", "b", ".x|`y`", "one\ntwo", {"z": 1})]
    objects = findings.objects(before, found)
    assert (objects.compared, objects.missing, objects.changed, objects.unexpected) == (3, 1, 1, 0)
    text = to_markdown(evidence(objects=objects, verdict="failed", reasons=["lost"]))
    assert "| missing | `a` |  |  |  |" in text
    assert '| changed | `b` | `.x\\|\'y\'` | `"one\\ntwo"` | `{"z": 1}` |' in text
    many = [Difference("missing", f"o{number}") for number in range(70)]
    text = to_markdown(evidence(objects=findings.objects(before, many), verdict="failed", reasons=["lost"]))
    assert "… and 20 more, in the JSON." in text


def test_findings_become_evidence() -> None:
    report = LedgerReport(10, 7, ("a", "b"), ("c",), 1, "changed", 99)
    assert findings.data(report) == Data(entries=10, bytes=99, missing=2, changed=1, extra=1, file="changed")
    [claim] = findings.coverage([Covered("ledger", "data", "redis-0", "data", 7)])
    assert (claim.pvc, claim.bytes) == ("ledger/data", 7)
    assert findings.objects(Inventory("now", (), "k", {"a": {}}), []) == Objects(compared=1)


def test_the_newest_is_the_one_that_ended_last_whatever_its_verdict(tmp_path: Path, key: SigningKey) -> None:
    assert newest(tmp_path) is None
    write(tmp_path, evidence(run="r1"), key)
    later = {"started": START + timedelta(hours=1), "finished": START + timedelta(hours=2)}
    failed, _ = write(tmp_path, evidence(run="r2", verdict="failed", reasons=["lost"], **later), key)
    assert newest(tmp_path) == failed


def test_a_drill_that_could_compare_nothing_says_so_and_is_no_better_than_that() -> None:
    told = evidence(data=None, objects=None, not_compared=["Data: the backup has no record."])
    text = to_markdown(told)
    assert "of what was compared, nothing was lost" in text
    assert "## What was not compared\n\n- Data: the backup has no record." in text
    with pytest.raises(ValidationError):
        evidence(data=None, not_compared=["Data"], objects={"compared": 5, "changed": 1})


def test_one_secret_gives_one_key(tmp_path: Path) -> None:
    first = SigningKey.from_secret(Secret("a canary that signs"))
    assert first.public == SigningKey.from_secret(Secret("a canary that signs")).public
    assert first.public != SigningKey.from_secret(Secret("another canary")).public
    path, _ = write(tmp_path, evidence(), first)
    assert read(path, first.public) == evidence()


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (5 * 1024**3, "5.0 GiB")]
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_a_cluster_is_told_of_a_drill_that_it_passed_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    told = last_drill.lease(evidence(finished=datetime(2026, 1, 2, 5, 7, 25, tzinfo=zone)))
    assert told["metadata"]["name"] == "last-passed-drill"
    assert told["metadata"]["annotations"]["dogitops.io/backup"] == "drill-r1"
    assert told["spec"] == {
        "holderIdentity": "r1",
        "acquireTime": "2026-01-02T03:04:05.000000Z",
        "renewTime": "2026-01-02T03:07:25.000000Z",
    }


def test_a_cluster_is_not_told_of_a_drill_that_failed() -> None:
    with pytest.raises(ConfigurationError, match="r1 failed"):
        last_drill.lease(evidence(verdict="failed", reasons=("lost",)))
