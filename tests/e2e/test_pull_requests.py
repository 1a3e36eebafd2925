"""The life of a pull request: the real workflow files, by act, with a simulated GitHub, a real store, real tofu."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation import wait
from automation.objectstore import ObjectStore
from automation.opentofu import envelope
from automation.opentofu.envelope.key import Key
from automation.opentofu.saved import PLAN as PLAN_FILE
from automation.opentofu.saved import RECORD
from automation.secret import Secret
from automation.simulators.github import GitHubSimulator
from tests.e2e.pulls import FOLDER, NAME, Project, make_project, make_tree, served_store

pytestmark = pytest.mark.e2e

_DATABASE = re.compile(r'resource "terraform_data" "database" \{.*?\n\}\n', re.DOTALL)
PLAN, APPLY = ".github/workflows/plan.yml", ".github/workflows/apply.yml"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with served_store(tmp_path_factory.mktemp("objectstore")) as served:
        yield served


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree") / "tree"
    make_tree(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path, tree: Path, store: ObjectStore) -> Iterator[Project]:
    """Yield the project, applied once; whatever a test does with it, no planted secret may be seen anywhere."""
    with GitHubSimulator() as hub:
        made = make_project(tmp_path, tree, hub, store)
        made.terminal("plan", "sandbox")
        made.terminal("apply", "sandbox")
        yield made
        assert hub.unknown() == []
        assert made.leaks() == []


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


def test_a_plan_can_be_kept_as_an_artifact(project: Project) -> None:
    project.settle("plans: {", "plans: {kept_in: artifact, ")
    number = project.propose("greet", _DATABASE.sub("", project.main.replace('"hello"', '"good morning"')))
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


def test_what_is_protected_is_destroyed_only_when_a_maintainer_says_so(project: Project) -> None:
    hosted = project.hosted
    number = project.propose("drop", _DATABASE.sub("", project.main), "Drop the database")
    outcome = project.one()
    assert outcome.exit_code("plan", environment="sandbox") == 3
    assert project.status(number) == "failure"
    header, body = project.plan_comment(number)
    asked = f"/dogitops acknowledge sandbox {header['digest'][:12]}"
    assert asked in body
    assert "terraform_data.database" in body

    project.comment(number, "/dogitops acknowledge sandbox 0123456789ab", "grace")
    assert project.one().exit_code("answer") == 3
    for login in ("linus", "eve"):  # they may write and read
        project.comment(number, asked, login)
        assert project.one().exit_code("answer") == 3
    assert project.status(number) == "failure"
    project.comment(number, "I think that is fine.", "grace")
    project.comment(number, asked, "mallory")  # nobody here: no job starts
    assert [ran.outcome.results for ran in hosted.deliver()] == [{}, {}]
    assert project.status(number) == "failure"

    project.comment(number, asked, "grace")
    outcome = project.one()
    assert outcome.code == 0, outcome.told
    assert project.status(number) == "success"
    assert "grace" in project.plan_comment(number)[1]
    hosted.hub.merge(NAME, number, login="ada")
    outcome = project.one()
    assert outcome.code == 0, outcome.told
    assert "database" not in project.inputs()


def test_a_stale_plan_is_not_applied_but_shown_against_the_new_one(project: Project) -> None:
    hosted = project.hosted
    number = project.propose("greet", project.main.replace('"hello"', '"good morning"'))
    assert project.one().code == 0
    read, _ = project.plan_comment(number)
    by_hand = project.main.replace('"hello"', '"changed by hand"').replace('"fra1"', '"ams3"')
    project.terminal("plan", "sandbox", main=by_hand)
    project.terminal("apply", "sandbox", main=by_hand)

    hosted.hub.merge(NAME, number, login="ada")
    outcome = project.one()
    assert outcome.exit_code("apply", environment="sandbox") == 3, outcome.told
    assert project.inputs()["greeting"] == "changed by hand"
    header, body = project.apply_comment(number)
    assert header["digest"] != read["digest"]
    assert "changed by hand" in body
    assert "ams3" in body, "what the new plan does and the one that was read did not"
    assert project.status(number) == "failure"
    assert len(project.envelopes()) == 1

    project.comment(number, f"/dogitops apply sandbox {read['digest'][:12]}", "ada")
    assert project.one().exit_code("apply") == 3, "the plan that was read may not be applied any more"
    assert project.inputs()["greeting"] == "changed by hand"
    project.comment(number, f"/dogitops apply sandbox {header['digest'][:12]}", "linus")
    assert project.one().exit_code("apply") == 3, "a writer is no maintainer"
    project.comment(number, f"/dogitops apply sandbox {header['digest'][:12]}", "ada")
    outcome = project.one()
    assert outcome.code == 0, outcome.told
    assert project.inputs()["greeting"] == "good morning"
    assert project.inputs()["settings"]["region"] == "fra1"
    assert project.holder() is None
    assert project.envelopes() == []
    assert project.status(number) == "success"


def test_a_plan_that_would_say_the_same_is_applied_though_the_state_has_moved(project: Project) -> None:
    number = project.propose("greet", project.main.replace('"hello"', '"good morning"'))
    assert project.one().code == 0
    moved = project.main + 'output "more" {\n  value = 1\n}\n'
    project.terminal("plan", "sandbox", main=moved)
    project.terminal("apply", "sandbox", main=moved)
    project.terminal("plan", "sandbox")
    project.terminal("apply", "sandbox")  # as it was, but for the serial
    project.hosted.hub.merge(NAME, number, login="ada")
    outcome = project.one()
    assert outcome.code == 0, outcome.told
    assert project.inputs()["greeting"] == "good morning"


def test_a_fork_gets_no_plan_and_no_secret(project: Project, tmp_path: Path) -> None:
    hosted = project.hosted
    fork = hosted.hub.fork(NAME, "mallory", str(tmp_path / "fork.git"))
    change = {"opentofu/environments/sandbox/main.tf": project.main.replace('"hello"', '"pwned"')}
    hosted.hub.push(fork, "evil", change, login="mallory")
    number = hosted.hub.open_pull_request(NAME, "mallory:evil", login="mallory")
    (ran,) = hosted.deliver()
    assert (ran.call.path, ran.outcome.code, ran.outcome.results) == (PLAN, 0, {}), ran.outcome.told
    assert hosted.comments(number) == []
    assert project.objects() == {}, "neither a lock nor a plan"
    hosted.hub.set_state(NAME, number, "closed", login="mallory")
    assert [one.outcome.results for one in hosted.deliver()] == [{}]

    said = hosted.hub.comment(NAME, number, f"Is this yours? {project.planted.token}", login="mallory")
    assert project.leaks() == ["the planted token in comments"], "what looks for leaks must find one"
    hosted.hub.delete_comment(NAME, said)


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


def test_an_apply_that_is_killed_half_way_is_finished_by_running_it_again(project: Project, tmp_path: Path) -> None:
    hosted = project.hosted
    flag = tmp_path / "flag"
    slow = f"""
resource "terraform_data" "slow" {{
  input = "slow"

  provisioner "local-exec" {{
    command = "touch '{flag}'; until test -e '{flag}.go'; do sleep 0.1; done"
  }}
}}
"""
    number = project.propose("slow", project.main.replace('"hello"', '"good morning"') + slow)
    assert project.one().code == 0
    hosted.hub.merge(NAME, number, login="ada")
    (call,) = [call for call in hosted.called() if call.path == APPLY]
    ran = hosted.start(call)
    wait.until(flag.exists, "the apply to be at work", timeout=120, interval=0.1)
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


def test_a_sealed_plan_that_was_tampered_with_is_refused(project: Project) -> None:
    number = project.propose("greet", project.main.replace('"hello"', '"good morning"'))
    assert project.one().code == 0
    (key,) = project.envelopes()
    content = bytearray(project.objects()[key])
    content[-20] ^= 1
    project.store.client().put_object(Bucket=project.bucket, Key=key, Body=bytes(content))
    project.hosted.hub.merge(NAME, number, login="ada")
    outcome = project.one()
    assert outcome.exit_code("apply", environment="sandbox") == 5, outcome.told
    assert project.inputs()["greeting"] == "hello"
    assert project.status(number) == "failure"


def test_a_sealed_plan_that_does_something_else_than_was_shown_is_refused(project: Project) -> None:
    number = project.propose("greet", project.main.replace('"hello"', '"good morning"'))
    assert project.one().code == 0
    shown = project.plan_comment(number)
    (key,) = project.envelopes()
    envelope_key = Key.from_secret(Secret(project.planted.envelope_key))
    opened = envelope.unseal(project.objects()[key], envelope_key)
    evil = project.main.replace('"hello"', '"pwned"')
    project.terminal("plan", "sandbox", main=evil)
    plan = (project.desk / ".dogitops/sandbox/plans/environment.tfplan").read_bytes()
    record = {**json.loads(opened.files[RECORD]), "plan": hashlib.sha256(plan).hexdigest()}
    files = {**opened.files, PLAN_FILE: plan, RECORD: json.dumps(record).encode()}
    forged = envelope.seal(opened.manifest, files, envelope_key)
    project.store.client().put_object(Bucket=project.bucket, Key=key, Body=forged)
    project.hosted.hub.merge(NAME, number, login="ada")
    outcome = project.one()
    assert outcome.exit_code("apply", environment="sandbox") != 0, outcome.told
    assert project.inputs()["greeting"] == "hello"
    assert shown[0]["digest"][:12] in project.apply_comment(number)[1]
    assert project.status(number) == "failure"


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
