"""What a pull request may not do, whatever its author wants: the real workflow files, as in test_life.py."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from automation.opentofu import envelope
from automation.opentofu.envelope.key import Key
from automation.opentofu.saved import PLAN as PLAN_FILE
from automation.opentofu.saved import RECORD
from automation.secret import Secret
from tests.e2e.pulls import NAME, Project, without_database

pytestmark = pytest.mark.e2e

PLAN = ".github/workflows/plan.yml"


def test_what_is_protected_is_destroyed_only_when_a_maintainer_says_so(project: Project) -> None:
    hosted = project.hosted
    number = project.propose("drop", without_database(project.main), "Drop the database")
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


@pytest.mark.thorough
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


@pytest.mark.thorough
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
