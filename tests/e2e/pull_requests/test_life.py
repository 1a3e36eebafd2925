"""The life of a pull request: the real workflow files, by act, with a simulated GitHub, a real store, real tofu."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from automation import wait
from tests.e2e.hosted import Ran
from tests.e2e.pulls import FOLDER, NAME, Project, without_database

pytestmark = pytest.mark.e2e

APPLY = ".github/workflows/apply.yml"


def test_a_change_is_planned_read_and_applied(project: Project) -> None:
    hosted = project.hosted
    text = project.main.replace('"hello"', '"good morning"')
    number = project.propose("greet", text)
    outcome = project.one()
    assert outcome.code == 0, outcome.told
    assert outcome.job("plan", environment="sandbox") == "success"
    header, body = project.plan_comment(number)
    assert "**2** to change" not in body
    assert "to change" in body
    assert re.search(r'- .*"?hello"?', body)
    assert re.search(r'\+ .*"?good morning"?', body)
    assert project.status(number) == "success"
    assert hosted.statuses(hosted.head_of(number))["dogitops"][0] == "success"
    first = project.envelopes()
    assert len(first) == 1
    assert project.holder() == number
    assert any("good morning" in summary for summary in outcome.summaries)

    project.push("greet", text.replace("good morning", "good evening"))
    assert project.one().code == 0
    again, body = project.plan_comment(number)
    assert again["digest"] != header["digest"]
    assert "good evening" in body
    assert "good morning" not in body
    assert len(hosted.comments(number, hidden=True)) == 1, "the comment must be updated in place"
    assert len(project.envelopes()) == 1
    assert project.envelopes() != first
    assert project.inputs()["greeting"] == "hello", "nothing may be applied before the merge"

    hosted.hub.merge(NAME, number, login="ada")
    outcome = project.one()
    assert outcome.code == 0, outcome.told
    assert project.inputs()["greeting"] == "good evening"
    header, body = project.apply_comment(number)
    assert header["digest"] == again["digest"], "what was read must be what was applied"
    assert "terraform_data.greeting" in body
    assert project.envelopes() == []
    assert project.holder() is None
    assert project.status(number) == "success"
    assert [header["kind"] for header, _ in project.shown(number)] == ["apply"], "the plan's comment must be collapsed"


@pytest.mark.thorough
def test_a_plan_can_be_kept_as_an_artifact(project: Project) -> None:
    project.settle("plans: {", "plans: {kept_in: artifact, ")
    number = project.propose("greet", without_database(project.main.replace('"hello"', '"good morning"')))
    assert project.one().exit_code("plan", environment="sandbox") == 3
    digest = project.plan_comment(number)[0]["digest"][:12]
    assert project.envelopes() == []
    (kept,) = project.hosted.hub.world.repository(NAME).artifacts
    assert kept.name == "plan-sandbox-1"
    project.comment(number, f"/dogitops acknowledge sandbox {digest}", "grace")
    outcome = project.one()
    assert outcome.code == 0, outcome.told
    project.hosted.hub.merge(NAME, number, login="ada")
    outcome = project.one()
    assert outcome.code == 0, outcome.told
    assert project.inputs()["greeting"] == "good morning"
    assert project.apply_comment(number)[0]["digest"].startswith(digest)


def test_one_pull_request_at_a_time(project: Project) -> None:
    hosted = project.hosted
    numbers = [project.propose(name, project.main.replace('"hello"', f'"{name}"')) for name in ("one", "two")]
    both = [hosted.start(call) for call in hosted.called()]  # at the same time
    codes = [hosted.finish(ran).outcome.exit_code("plan", environment="sandbox") for ran in both]
    assert sorted(codes) == [0, 3], [ran.outcome.told for ran in both]
    first, second = numbers if codes == [0, 3] else reversed(numbers)
    waiting = both[codes.index(3)]
    assert (project.status(first), project.status(second)) == ("success", "failure")
    assert project.holder() == first
    _, body = project.plan_comment(second)
    assert re.search(rf"infrastructure\W*(&#35;)?\W*{first}\b", body), body
    assert len(project.envelopes()) == 1

    hosted.hub.set_state(NAME, first, "closed", login="ada")
    outcome = project.one()
    assert outcome.code == 0, outcome.told
    assert outcome.job("release", environment="sandbox") == "success"
    assert project.holder() is None
    assert project.envelopes() == []
    done = hosted.again(waiting).outcome
    assert done.code == 0, done.told
    assert project.status(second) == "success"
    assert project.holder() == second
    assert "to change" in project.plan_comment(second)[1]


@pytest.mark.thorough
def test_drift_opens_an_issue_updates_it_and_closes_it(project: Project) -> None:
    hosted = project.hosted
    hosted.hub.schedule(NAME, ".github/workflows/drift.yml")
    assert project.one().code == 0
    assert hosted.issues() == []
    by_hand = project.main.replace('"hello"', '"changed by hand"')
    project.terminal("plan", "sandbox", main=by_hand)
    project.terminal("apply", "sandbox", main=by_hand)
    for _ in range(2):
        hosted.hub.schedule(NAME, ".github/workflows/drift.yml")
        outcome = project.one()
        assert outcome.exit_code("drift", environment="sandbox") == 4, outcome.told
        ((number, title, body),) = hosted.issues()
        assert "sandbox" in title
        assert "changed by hand" in body
    project.terminal("plan", "sandbox")
    project.terminal("apply", "sandbox")
    hosted.hub.schedule(NAME, ".github/workflows/drift.yml")
    assert project.one().code == 0
    assert hosted.issues() == []
    assert [closed for closed, _, _ in hosted.issues("closed")] == [number]


def slow_apply(project: Project, flag: Path) -> tuple[int, Ran]:
    """Merge a change whose apply waits for the file ``flag.go``; return its number and the run that is at work."""
    slow = f"""
resource "terraform_data" "slow" {{
  input = "slow"

  provisioner "local-exec" {{
    command = "touch '{flag}'; until test -e '{flag}.go'; do sleep 0.1; done"
  }}
}}
"""
    hosted = project.hosted
    number = project.propose("slow", project.main.replace('"hello"', '"good morning"') + slow)
    assert project.one().code == 0
    hosted.hub.merge(NAME, number, login="ada")
    (call,) = [call for call in hosted.called() if call.path == APPLY]
    ran = hosted.start(call)
    wait.until(flag.exists, "the apply to be at work", timeout=120, interval=0.1)
    return number, ran


def test_a_cancelled_apply_gives_the_states_lock_back_and_says_so(project: Project, tmp_path: Path) -> None:
    hosted, flag = project.hosted, tmp_path / "flag"
    number, ran = slow_apply(project, flag)
    hosted.cancel(ran, "-m automation apply")
    assert ran.outcome.exit_code("apply", environment="sandbox") == 130, ran.outcome.told
    assert project.inputs()["greeting"] == "good morning", "what was made must be in the state"
    assert [name for name in project.objects() if name.endswith(".tflock")] == []
    assert project.status(number) == "failure"

    flag.with_name("flag.go").touch()
    outcome = hosted.again(ran).outcome
    assert "is stale (the state has changed since" in outcome.text
    offered, rest = project.apply_comment(number)
    assert "terraform_data.slow" in rest
    project.comment(number, f"/dogitops apply sandbox {offered['digest'][:12]}", "grace")
    assert project.one().code == 0
    assert project.inputs()["slow"] == "slow"


def test_an_apply_that_is_killed_half_way_is_finished_by_running_it_again(project: Project, tmp_path: Path) -> None:
    hosted, flag = project.hosted, tmp_path / "flag"
    _, ran = slow_apply(project, flag)
    hosted.kill(ran)
    assert "slow" not in project.inputs()

    flag.with_name("flag.go").touch()
    again = hosted.again(ran)
    locked = again.outcome
    assert locked.exit_code("apply", environment="sandbox") == 1, locked.told
    command = re.search(r"dogitops (unlock sandbox \S+-\S+)'", locked.text)
    assert command is not None, locked.told
    project.terminal(*command[1].split())
    done = hosted.again(again).outcome
    assert done.code == 0, done.told
    assert project.inputs()["greeting"] == "good morning"
    assert project.inputs()["slow"] == "slow"
    assert project.holder() is None
    assert project.envelopes() == []


@pytest.mark.thorough
def test_an_apply_that_fails_half_way_tells_what_was_done_and_offers_the_rest(project: Project, tmp_path: Path) -> None:
    hosted = project.hosted
    ready = tmp_path / "ready"
    failing = f"""
resource "terraform_data" "failing" {{
  input      = "late"
  depends_on = [terraform_data.greeting]

  provisioner "local-exec" {{
    command = "echo the key is $AWS_SECRET_ACCESS_KEY >&2; test -e '{ready}'"
  }}
}}

resource "terraform_data" "last" {{
  input      = "last"
  depends_on = [terraform_data.failing]
}}
"""
    number = project.propose("fail", project.main.replace('"hello"', '"good morning"') + failing)
    assert project.one().code == 0
    hosted.hub.merge(NAME, number, login="ada")
    outcome = project.one()
    assert outcome.exit_code("apply", environment="sandbox") == 1, outcome.told
    assert project.inputs()["greeting"] == "good morning"
    assert "last" not in project.inputs()
    _, body = project.apply_comment(number)
    assert "the key is ***" in outcome.text
    for address in ("terraform_data.greeting", "terraform_data.failing", "terraform_data.last"):
        assert address in body
    assert project.status(number) == "failure"
    ((offered, rest),) = [one for one in project.shown(number) if one[0]["kind"] == "offer"]
    assert "terraform_data.last" in rest

    ready.touch()
    project.comment(number, f"/dogitops apply sandbox {offered['digest'][:12]}", "grace")
    outcome = project.one()
    assert outcome.code == 0, outcome.told
    assert project.inputs()["last"] == "last"
    assert project.envelopes() == []
    assert project.holder() is None


@pytest.mark.thorough
def test_what_a_pull_request_touches_no_more_is_given_back_when_it_is_merged(project: Project) -> None:
    hosted = project.hosted
    number = project.propose("greet", project.main.replace('"hello"', '"good morning"'))
    assert project.one().code == 0
    assert len(project.envelopes()) == 1
    files = {f"{FOLDER}/main.tf": project.main, "NOTES.md": "After all, nothing.\n"}
    hosted.hub.push(NAME, "greet", files, "After all", login="ada")
    assert project.one().code == 0
    hosted.hub.merge(NAME, number, login="ada")
    assert all(ran.outcome.code == 0 for ran in hosted.deliver())
    assert project.envelopes() == []
    second = project.propose("next", project.main.replace('"hello"', '"good evening"'))
    assert project.one().code == 0
    assert project.status(second) == "success"


def test_github_failing_in_the_middle_leaves_one_comment(project: Project) -> None:
    hosted = project.hosted
    hosted.hub.add_fault("apply-then-answer", "POST", "*/issues/*/comments", status=502)
    hosted.hub.add_fault("answer", "POST", "*/statuses/*", status=502)
    number = project.propose("greet", project.main.replace('"hello"', '"good morning"'))
    outcome = project.one()
    assert outcome.code == 0, outcome.told
    assert len(hosted.comments(number)) == 1
    assert project.status(number) == "success"


def test_broken_configuration_is_told_on_the_pull_request(project: Project) -> None:
    number = project.propose(
        "typo", project.main.replace("terraform_data.greeting.output", "terraform_data.greting.output")
    )
    outcome = project.one()
    assert outcome.exit_code("plan", environment="sandbox") == 2
    assert project.status(number) in {"failure", "error"}
    assert "greting" in project.plan_comment(number)[1]
    assert project.envelopes() == []
