"""status as people and workflows run it: what is on which stream, and with which code it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from automation.overview.document import Overview
from automation.simulators.github import GitHubSimulator
from tests.integration.cli.conftest import Place
from tests.integration.github.place import REPOSITORY, origin


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_REPOSITORY", "GITHUB_ACTIONS", "DIGITALOCEAN_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def test_all_environments_are_one_table_and_that_they_could_be_told_is_success(place: Place) -> None:
    ran = place.run("status")
    assert ran.code == 0, ran.told
    assert "there" in ran.out
    for word in ("cluster", "applications", "last apply", "drift", "last backup", "last drill"):
        assert word in ran.out
    assert "ok" not in ran.out.split()


def test_one_environment_has_its_lines_and_ends_with_1_unless_all_is_good(place: Place) -> None:
    ran = place.run("status", "there")
    assert ran.code == 1
    assert "Environment there" in ran.out
    assert "!!" in ran.out


def test_several_that_are_named_must_be_good(place: Place) -> None:
    other = place.file.parent.with_name("other")
    other.mkdir()
    (other / "environment.yaml").write_text(place.file.read_text())
    assert place.run("status", "there", "other").code == 1


def test_a_document_stands_alone_on_stdout_and_is_success(place: Place) -> None:
    ran = place.run("status", "there", "--json")
    assert ran.code == 0, ran.told
    found = Overview.model_validate_json(ran.out)
    assert [one.name for one in found.environments] == ["there"]
    assert "Looking at there" in ran.err


def test_warnings_that_actions_reads_are_not_in_the_document(place: Place, tmp_path: Path) -> None:
    """Under Actions a warning is a line on stdout, too: here that of an artifact of another workflow."""
    with GitHubSimulator() as hub:
        hub.add_repository(REPOSITORY, str(origin(tmp_path / "infra.git")))
        run = hub.add_run(REPOSITORY, ".github/workflows/ci.yml", "a" * 40, event="push", head_branch="main")
        hub.upload_artifact(REPOSITORY, run, "evidence-there", b"{}", filename="drill-1.json")
        rights = dict.fromkeys(("actions", "contents", "issues", "pull-requests", "statuses"), "read")
        told = {"GITHUB_TOKEN": hub.create_token(permissions=rights), "GITHUB_REPOSITORY": REPOSITORY}
        ran = place.run("status", "--json", GITHUB_ACTIONS="true", GITHUB_API_URL=hub.url, **told)
        assert hub.unknown() == []
    assert ran.code == 0, ran.told
    assert "::warning::An artifact 'evidence-there'" in ran.err
    assert json.loads(ran.out)["repository"] == REPOSITORY


def test_a_page_is_written_where_it_is_asked_for(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "index.html"
    ran = place.run("status", "--html", str(file), "--json")
    assert ran.code == 0, ran.told
    assert "The page is written" in ran.err
    assert file.read_text().startswith("<!doctype html>")
    assert json.loads(ran.out)["version"] == 1
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "there.json").write_text(ran.out)
    again = place.run("status", "--from", str(kept), "--html", str(file))
    assert again.code == 0, again.told
    assert again.out == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("tehre",), "Did you mean 'there'"),
        (("tehre", "--json"), "Did you mean 'there'"),
        (("--no-drill",), "is for one environment"),
        (("--html", "."), "can't be written: Is a directory"),
        (("--from", "nowhere"), "nowhere"),
    ],
    ids=str,
)
def test_what_was_said_wrongly_ends_with_2(place: Place, words: tuple[str, ...], told: str) -> None:
    ran = place.run("status", *words)
    assert ran.code == 2
    assert told in ran.told
    assert ran.out == ""
