"""The document of the status: its shape, what its texts may hold, and how an environment stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

from automation.errors import ConfigurationError
from automation.jobs.status.recovery import DRILL_LIMIT
from automation.overview import document
from automation.overview.document import Apply, Cluster, Overview, judged, plain
from automation.overview.plots import BACKUP_LIMIT
from automation.secret import Secret
from tests.overview_sample import NOW, overview

ROOT = Path(__file__).resolve().parents[3]


def test_a_document_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    file.write_text(overview().to_json())
    assert document.read(file) == overview()


def test_the_schema_beside_the_docs_is_the_shape() -> None:
    kept = ROOT / "docs" / "status.schema.json"
    assert kept.read_text() == f"{document.schema()}\n", "write document.schema() into it"


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    raw = json.loads(overview().to_json())
    change(raw)
    return json.dumps(raw)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Invalid JSON"),
        ("[]", "no document of 'dogitops status --json' that this version knows"),
        (changed(lambda raw: raw.update(version=2)), "version"),
        (changed(lambda raw: raw.update(more=1)), "more: Extra inputs are not permitted"),
        (changed(lambda raw: raw["environments"][0].update(name="<b>")), r"environments\.0\.name"),
        (changed(lambda raw: raw["environments"][4].update(standing="good")), "it stands as 'good', and its facts as"),
        (changed(lambda raw: raw["environments"][0]["drills"]["listed"][0].update(rto_seconds=-1)), "rto_seconds"),
    ],
    ids=[
        "nothing",
        "a list",
        "another version",
        "an unknown key",
        "no name",
        "good against its facts",
        "a negative RTO",
    ],
)
def test_what_is_no_such_document_is_refused(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "status.json"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=told):
        document.read(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        document.read(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("standings", "whole"),
    [
        (["good"] * 6, "good"),
        (["good", "good", "neutral", "neutral", "good", "good"], "good"),
        (["good", "good", "unknown", "good", "good", "good"], "unknown"),
        (["unknown"] * 6, "unknown"),
        (["neutral", "neutral", "unknown", "neutral", "neutral", "good"], "neutral"),
        (["neutral", "neutral", "good", "neutral", "neutral", "bad"], "bad"),
        (["unknown", "unknown", "good", "bad", "unknown", "unknown"], "bad"),
    ],
)
def test_what_is_bad_counts_most_and_what_is_unknown_is_never_good(standings: list[Any], whole: str) -> None:
    assert judged(standings) == whole


def test_texts_are_masked_on_one_line_and_show_all_that_they_hold() -> None:
    Secret("hunter-2-canary")
    told = plain("a\x1b[31mb\u202ec\u200bd\ne hunter-2-canary \x9b" + "x" * 1000)
    assert told.startswith("a\ufffd[31mb\ufffdc\ufffdd e *** \ufffdxxx")
    assert len(told) == 600


@given(some.text())
def test_a_text_is_the_same_when_it_is_read_again(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "data:text/html,x", "//evil.example/", "http://evil.example/", 'https://x/"onload=',
        "https://x/ y", " https://x/", "HTTPS://x", "https://x/\u202e",
    ],
)  # fmt: skip
def test_only_web_addresses_are_links(address: str) -> None:
    assert Apply(standing="good", told="", url=address).url == ""
    good = "https://github.com/octo-org/infra/pull/3#issuecomment-1"
    assert Apply(standing="good", told="", url=good).url == good


def test_another_standing_is_held_against_the_shape_again() -> None:
    made = Cluster(standing="good", told="", provider="", name="").stands("bad", "a\u202eb")
    assert (made.standing, made.told) == ("bad", "a\ufffdb")


def test_the_latest_look_counts() -> None:
    old = overview()
    new = [
        one.model_copy(update={"looked": NOW + timedelta(hours=1), "description": "new"}) for one in old.environments
    ]
    other = Overview(made=NOW, repository="", commit="", environments=tuple(new[:1]))
    both = document.merged(old, [other])
    assert [one.description == "new" for one in both.environments] == [True, False, False, False, False]
    assert document.merged(other, [old]).environments[0].description == "new"


def test_limits_are_those_of_the_alerts() -> None:
    file = ROOT / "gitops/platform/prometheus/rules/backups.yaml"
    rules = {
        one["alert"]: one["expr"] for group in yaml.safe_load(file.read_text())["groups"] for one in group["rules"]
    }
    assert f"> {BACKUP_LIMIT // timedelta(hours=1)} * 3600" in rules["BackupTooOld"]
    assert f"> {DRILL_LIMIT.days} * 86400" in rules["DrillTooOld"]
