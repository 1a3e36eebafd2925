"""Status of environments, as GitHub tells it: applies, drift, and the drills whose evidence lies there."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from automation.github import comments, issues
from automation.github.client import ACTIONS_BOT, GitHub
from automation.github.transport import Patience
from automation.jobs.recovery.evidence import WORKFLOW as DRILL
from automation.jobs.recovery.evidence import signing_key
from automation.jobs.sites import open_site
from automation.secret import Secret
from automation.simulators.github import GitHubSimulator
from automation.site import Site
from automation.workspace import Workspace
from tests.integration.github.place import EVERYTHING, REPOSITORY, origin
from tests.integration.jobs.looked import drilled, look

pytestmark = pytest.mark.usefixtures("alone")

DRIFT = ".github/workflows/drift.yml"
QUICK = Patience(timeout=5, tries=2, backoff=0.01, longest_wait=5, secondary_wait=0.05)


class Hub:
    """A simulated GitHub with a pull request of the environment ``there``, its runs, issues and artifacts."""

    def __init__(self, simulator: GitHubSimulator, site: Site, folder: Path) -> None:
        self.hub, self.site = simulator, site
        simulator.add_repository(REPOSITORY, str(origin(folder / "infra.git")))
        self.number = simulator.open_pull_request(REPOSITORY, "change", title="Change", login="alice")
        self.bot = self.github(ACTIONS_BOT, EVERYTHING)
        self.head = self.bot.pull_request(self.number).head_sha

    def github(self, login: str = ACTIONS_BOT, permissions: dict[str, str] | None = None) -> GitHub:
        token = self.hub.create_token(login, permissions)
        return GitHub(self.hub.url, Secret(token), REPOSITORY, patience=QUICK)

    def reading(self) -> GitHub:
        """Return what the workflow of the page has."""
        names = ("actions", "contents", "issues", "pull-requests", "statuses")
        return self.github(ACTIONS_BOT, dict.fromkeys(names, "read"))

    def applied(self, state: str = "success", description: str = "applied: 2 to add") -> None:
        """Let apply.yml tell of an apply, as it does: a comment, and a status on the pull request's head."""
        header = comments.Header("apply", "there", "d" * 12, self.head, 7, 1)
        comments.upsert(self.bot, self.number, header, "what was done")
        self.bot.set_status(self.head, "dogitops/there", state, description)

    def looked(self, conclusion: str = "success", name: str = "Drift of there", **more: Any) -> int:
        return self.hub.add_run(
            REPOSITORY,
            DRIFT,
            self.head,
            event="schedule",
            head_branch="main",
            conclusion=conclusion,
            jobs=[name],
            **more,
        )

    def artifact(self, days: float, now: datetime, *, spoil: bool = False, **more: Any) -> None:
        """Let a run of the drill's workflow leave evidence."""
        file = drilled(self.site, days, now, **more)
        run = self.hub.add_run(REPOSITORY, DRILL, "a" * 40, event="schedule", head_branch="main")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            text = file.read_text()
            archive.writestr(file.name, text.replace('"passed"', '"failed"') if spoil else text)
            archive.writestr("public-key.txt", signing_key(self.site).public)
        self.hub.upload_artifact(REPOSITORY, run, "evidence-there", packed.getvalue())

    def forget_here(self) -> None:
        shutil.rmtree(self.site.kept / "evidence")


@pytest.fixture
def hub(site: Site, tmp_path: Path) -> Iterator[Hub]:
    with GitHubSimulator() as simulator:
        yield Hub(simulator, site, tmp_path)
        assert simulator.unknown() == []


def test_an_apply_is_told_with_its_pull_request_and_its_commit(workspace: Workspace, hub: Hub) -> None:
    hub.applied()
    commit = hub.hub.merge(REPOSITORY, hub.number, "alice")
    now = datetime.now(UTC) + timedelta(days=2)
    found = look(workspace, hub.reading(), now).apply
    assert (found.standing, found.commit, found.pull_request) == ("good", commit, hub.number)
    assert found.told == f"2 days ago, commit {commit[:7]}, by pull request {hub.number}"
    assert found.url.startswith("http://127.0.0.1")


@pytest.mark.parametrize(
    ("status", "standing", "told"),
    [
        (("failure", "the apply failed half way"), "bad", "the apply failed half way less than a minute ago, commit"),
        (("failure", "stale: a maintainer must agree"), "bad", "stale: a maintainer must agree less than"),
        (("pending", "being applied"), "unknown", "unknown: being applied since less than a minute ago"),
    ],
)
def test_an_apply_that_was_not_done_is_not_good(
    workspace: Workspace, hub: Hub, status: tuple[str, str], standing: str, told: str
) -> None:
    hub.applied(*status)
    found = look(workspace, hub.reading()).apply
    assert found.standing == standing
    assert found.told.startswith(told)


def test_a_state_that_was_written_after_the_last_pull_request_is_told(workspace: Workspace, hub: Hub) -> None:
    site = open_site("there", workspace=workspace)
    site.store.ensure_bucket("dogitops-there-state")
    site.store.write("dogitops-there-state", "environment.tfstate", b"{}")
    hub.hub.advance_clock(-400 * 24 * 3600)
    hub.applied()  # by that clock, long before the state's time
    found = look(workspace, hub.reading()).apply
    assert found.standing == "good"
    assert "; the state was written again" in found.told


def test_an_apply_that_a_stranger_tells_of_is_none(workspace: Workspace, hub: Hub) -> None:
    header = comments.Header("apply", "there", "d" * 12, hub.head, 7, 1)
    hub.hub.comment(REPOSITORY, hub.number, comments.compose(header, "it was me"), "mallory")
    found = look(workspace, hub.reading()).apply
    assert found.standing == "unknown"
    assert found.told == "unknown: no pull request has told of an apply; there is no state, so nothing was ever applied"


def test_a_person_sees_what_the_workflows_have_told(workspace: Workspace, hub: Hub) -> None:
    hub.applied()
    hub.hub.set_role(REPOSITORY, "alice", "write")
    assert look(workspace, hub.github("alice")).apply.standing == "good"


def test_no_drift_was_found(workspace: Workspace, hub: Hub) -> None:
    hub.looked("failure", "Drift of elsewhere")
    hub.looked()
    found = look(workspace, hub.reading(), datetime.now(UTC) + timedelta(hours=15)).drift
    assert (found.standing, found.told) == ("good", "none, 15 hours ago")
    assert found.looked is not None
    later = look(workspace, hub.reading(), datetime.now(UTC) + timedelta(days=3)).drift
    assert (later.standing, later.told) == (
        "unknown",
        "unknown: it was last looked for 3 days ago; there was none then",
    )


def test_drift_that_was_found_is_told_with_its_issue(workspace: Workspace, hub: Hub) -> None:
    issue = issues.upsert(hub.bot, "there", "Drift in there", "what drifted")
    assert look(workspace, hub.reading()).drift.told == f"found: issue {issue.number} is open"
    hub.looked("failure")
    found = look(workspace, hub.reading()).drift
    assert (found.standing, found.told) == ("bad", f"found: issue {issue.number}, less than a minute ago")
    assert found.url == issue.url


def test_a_look_for_drift_that_failed_has_found_nothing(workspace: Workspace, hub: Hub) -> None:
    hub.looked()
    hub.looked("failure")
    found = look(workspace, hub.reading()).drift
    assert (found.standing, found.told) == ("unknown", "unknown: the last look, less than a minute ago, failed")


@pytest.mark.parametrize("more", [{"event": "pull_request"}, {"head_branch": "change"}], ids=str)
def test_runs_of_drift_from_elsewhere_do_not_count(workspace: Workspace, hub: Hub, more: dict[str, str]) -> None:
    told = {"event": "schedule", "head_branch": "main", **more}
    hub.hub.add_run(REPOSITORY, DRIFT, hub.head, jobs=["Drift of there"], **told)
    assert look(workspace, hub.reading()).drift.told == "unknown: the newest runs of drift.yml have not looked at it"


def test_drills_come_from_artifacts_and_from_here_each_once(workspace: Workspace, hub: Hub) -> None:
    now = datetime.now(UTC)
    hub.artifact(9, now)
    hub.artifact(2, now)
    drilled(hub.site, 1, now)  # what was left in the artifacts lies here, too
    found = look(workspace, hub.reading(), now).drills
    assert [one.run for one in found.listed] == ["r1", "r2", "r9"]
    assert [one.where.startswith("run ") for one in found.listed] == [False, True, True]
    assert found.standing == "good"


def test_an_artifact_that_was_changed_is_not_believed(workspace: Workspace, hub: Hub) -> None:
    now = datetime.now(UTC)
    hub.artifact(9, now)
    hub.artifact(2, now, spoil=True)
    hub.forget_here()
    found = look(workspace, hub.reading(), now).drills
    assert [one.run for one in found.listed] == ["r9"]
    [one] = found.unverified
    assert "was changed after it was signed" in one.why
    assert found.standing == "bad"


def test_a_token_that_may_not_look_is_told_with_what_it_lacks(workspace: Workspace, hub: Hub) -> None:
    found = look(workspace, hub.github(ACTIONS_BOT, {"contents": "read"}))
    told = {name: (fact.standing, fact.told) for name, fact in found.facts}
    assert {standing for standing, _ in told.values()} == {"unknown"}
    for name in ("last apply", "drift", "last drill"):
        assert "403" in told[name][1], told[name]
        assert "The token lacks" in told[name][1], told[name]


def test_a_github_that_does_not_answer_is_asked_once_and_told(workspace: Workspace, hub: Hub) -> None:
    hub.hub.add_fault("answer", "*", "*", status=502, times=1000)
    asked = len(hub.hub.requests())
    found = look(workspace, hub.reading())
    assert "502" in found.drift.told
    assert found.apply.standing == "unknown"
    assert len(hub.hub.requests()) - asked <= QUICK.tries
