"""The page of the status, by the workflow file itself: what pull requests and drift told is on it, and no secret is."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.overview.document import Environment, Overview
from automation.simulators.github import GitHubSimulator
from tests.e2e.hosted import Ran
from tests.e2e.pulls import NAME, RUN_HERE, Project, make_project, make_tree, served_store

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]
DRIFT = ".github/workflows/drift.yml"
STATUS = ".github/workflows/status.yml"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    make_tree(tmp_path / "tree")
    with served_store(tmp_path / "store") as store, GitHubSimulator() as hub:
        made = make_project(tmp_path, tmp_path / "tree", hub, store)
        made.hosted.workflows = (*RUN_HERE, "status.yml")
        yield made
        assert hub.unknown() == []


def morning(project: Project) -> Ran:
    """Let the schedule of the page come round."""
    project.hosted.hub.schedule(NAME, STATUS)
    [call] = project.hosted.called()
    return project.hosted.finish(project.hosted.start(call))


def kept(project: Project, ran: Ran) -> dict[str, dict[str, bytes]]:
    """Return the files of each artifact that a run left."""
    with project.hosted.hub.world.store.lock:
        every = [one for one in project.hosted.hub.world.repository(NAME).artifacts if one.run_id == ran.number]
    found = {}
    for one in every:
        with zipfile.ZipFile(io.BytesIO(one.content)) as archive:
            found[one.name] = {name: archive.read(name) for name in archive.namelist()}
    return found


def seen(files: dict[str, dict[str, bytes]]) -> Environment:
    """Return what the job that looked at the sandbox has handed on."""
    [one] = Overview.model_validate(json.loads(files["status-sandbox"]["sandbox.json"])).environments
    return one


def test_the_page_tells_of_the_last_apply_and_of_drift_and_is_published_where_that_is_asked_for(
    project: Project,
) -> None:
    hosted = project.hosted
    first = morning(project)
    assert first.outcome.code == 0, first.outcome.told
    assert first.outcome.job("publish") == "skipped"
    files = kept(project, first)
    assert set(files) == {"status-sandbox", "page-of-status"}, "nothing in the form that Pages takes"
    assert seen(files).apply.told.startswith("unknown: no pull request has told of an apply")

    number = project.propose("change", project.main.replace('"hello"', '"good day"'))
    assert project.one().code == 0
    commit = hosted.hub.merge(NAME, number, "ada")
    assert project.one().code == 0
    hosted.hub.schedule(NAME, DRIFT)
    [drift] = hosted.deliver()
    assert drift.outcome.job("drift", environment="sandbox") == "success"
    # GitHub tells of a run's jobs; act does not tell the simulator.
    hosted.hub.add_run(
        NAME, DRIFT, commit, event="schedule", head_branch="main", jobs=["Drift of sandbox"], run_id=drift.number
    )
    hosted.act.settings["STATUS_PAGES"] = "true"
    second = morning(project)
    assert second.outcome.code == 0, second.outcome.told
    assert second.outcome.job("look", environment="sandbox") == "success"
    assert second.outcome.job("publish") == "success"
    found = seen(kept(project, second))
    assert (found.apply.standing, found.apply.pull_request, found.apply.commit) == ("good", number, commit)
    assert (found.drift.standing, found.drift.told) == ("good", "none, less than a minute ago")
    page = kept(project, second)["page-of-status"]["index.html"].decode()
    assert page == (hosted.act.artifacts.parent / "published" / "index.html").read_text()
    for told in (f"Status of {NAME}", f"by pull request {number}", "none, less than a minute ago"):
        assert told in page.replace("\u00a0", " ")
    for name in ("sandbox", "local", "ephemeral"):
        assert f">{name}</h2>" in page
    assert project.leaks() == []
    assert not [name for name, value in hosted.secrets.items() if value in page]
