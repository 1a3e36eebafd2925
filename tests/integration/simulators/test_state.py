"""What is kept, what is told, and how tests drive the simulator over HTTP."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import requests

from automation.errors import ConfigurationError, DogitopsError
from automation.simulators.github import GitHubSimulator
from tests.integration.simulators.hub import BOT, EVERYTHING, NAME, client


def ask(hub: GitHubSimulator, operation: str, **arguments: Any) -> Any:
    answer = requests.post(f"{hub.url}/_simulator/{operation}", json=arguments, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_new_server_goes_on_where_the_old_one_was(origin: Path, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with GitHubSimulator(state=file) as hub:
        hub.add_repository(NAME, str(origin))
        hub.push(NAME, "main", {"a.txt": "1\n"})
        hub.push(NAME, "change", {"a.txt": "2\n"})
        number = hub.open_pull_request(NAME, "change", login="alice")
        token = hub.create_token(permissions=EVERYTHING)
        repo = client(hub, token).get_repo(NAME)
        comment = repo.get_issue(number).create_comment("x").id
        run = hub.add_run(NAME, "plan.yml", repo.get_branch("change").commit.sha)
        artifact = hub.upload_artifact(NAME, run, "envelope", b"\x00\xff", filename="x")
        content = hub.world.repository(NAME).artifacts[0].content
        hub.add_fault("answer", "DELETE", status=500)
        hub.advance_clock(1000)
        before = json.loads(file.read_text())
    assert file.stat().st_mode & 0o777 == 0o600
    with GitHubSimulator(state=file) as hub:
        repo = client(hub, token).get_repo(NAME)
        assert repo.get_pull(number).head.ref == "change"
        assert repo.get_issue(number).get_comment(comment).body == "x"
        assert repo.get_artifact(artifact).workflow_run.id == run
        assert hub.world.repository(NAME).artifacts[0].content == content
        assert hub.world.store.state.clock_offset == 1000
        assert hub.clear_faults() == 1
        assert hub.event(NAME, "pull_request", "opened")["number"] == number
        assert repo.create_issue("y").id > max(comment, artifact, run)
        assert repo.create_issue("z").number == number + 2
    assert before["repositories"][0]["next_number"] == number + 1


def test_each_change_is_kept_before_it_is_answered(origin: Path, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with GitHubSimulator(state=file) as hub:
        hub.add_repository(NAME, str(origin))
        repo = client(hub, hub.token_of("acme")).get_repo(NAME)
        for n in range(5):
            repo.create_issue(f"issue {n}")
            kept = json.loads(file.read_text())
            assert [it["title"] for it in kept["repositories"][0]["issues"]][-1] == f"issue {n}"
        assert [path.name for path in tmp_path.iterdir() if "state" in path.name] == ["state.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"users": 5}', '{"users": [{"id": "x"}]}'])
def test_a_file_that_is_no_state(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(ConfigurationError, match="is not a state of the GitHub simulator"):
        GitHubSimulator(state=tmp_path / "state.json")
    assert (tmp_path / "state.json").read_text() == text


def test_what_is_no_git_repository(tmp_path: Path) -> None:
    with GitHubSimulator() as hub, pytest.raises(ConfigurationError, match="is not a Git repository"):
        hub.add_repository(NAME, str(tmp_path))


def test_a_port_that_is_taken(hub: GitHubSimulator) -> None:
    with pytest.raises(ConfigurationError, match="can't listen"):
        GitHubSimulator(port=hub.port).start()


# events


def test_events_are_those_that_actions_gets(hub: GitHubSimulator, number: int) -> None:
    told = hub.event(NAME, "pull_request", "opened", number)
    assert (told["action"], told["number"], told["pull_request"]["draft"]) == ("opened", number, False)
    assert told["repository"]["full_name"] == NAME
    assert told["repository"]["default_branch"] == "main"
    assert told["pull_request"]["head"]["repo"]["fork"] is False
    assert told["sender"]["login"] == "alice"
    assert json.loads(json.dumps(told)) == told
    hub.comment(NAME, number, "/dogitops apply local", login="alice")
    said = hub.event(NAME, "issue_comment", "created", number)
    assert said["comment"]["body"] == "/dogitops apply local"
    assert said["comment"]["user"]["login"] == "alice"
    assert said["issue"]["pull_request"]["url"] == f"{hub.url}/repos/{NAME}/pulls/{number}"
    sha = hub.merge(NAME, number, login="alice")
    push = hub.event(NAME, "push")
    assert (push["after"], push["head_commit"]["id"], push["forced"], push["pusher"]["name"]) == (
        sha,
        sha,
        False,
        "alice",
    )
    assert push["commits"][0]["message"] == "Raise a"
    forced = hub.push(NAME, "change", sha=push["before"], login="alice")
    assert (hub.event(NAME, "push")["forced"], hub.event(NAME, "push")["after"]) == (True, forced)
    with pytest.raises(ValueError, match="no event release"):
        hub.event(NAME, "release")


def test_what_a_jobs_token_does_starts_nothing(hub: GitHubSimulator, number: int) -> None:
    repo = client(hub, hub.create_token(permissions=EVERYTHING)).get_repo(NAME)
    repo.get_issue(number).create_comment("x")
    hub.comment(NAME, number, "y", login="alice")
    said = [(event["login"], event["triggers"]) for event in hub.events() if event["name"] == "issue_comment"]
    assert said == [(BOT, False), ("alice", True)]


# over HTTP


def test_the_same_operations_over_http(hub: GitHubSimulator, tmp_path: Path) -> None:
    sha = ask(hub, "push", repository=NAME, branch="change", files={"a.txt": "1\n", "README.md": None}, login="alice")
    number = ask(hub, "open_pull_request", repository=NAME, head="change", login="alice")
    token = ask(hub, "create_token", permissions={"pull-requests": "write", "actions": "read"})
    repo = client(hub, token).get_repo(NAME)
    assert repo.get_pull(number).head.sha == sha
    run = ask(hub, "add_run", repository=NAME, workflow="plan.yml", head_sha=sha, jobs=["plan"])
    content = base64.b64encode(b"\x00\xff").decode()
    made = ask(hub, "upload_artifact", repository=NAME, run_id=run, name="x", content=content, filename="x.bin")
    assert repo.get_artifact(made).name == "x"
    ask(hub, "comment", repository=NAME, number=number, body="hi", login="bob")
    assert [it["body"] for it in ask(hub, "comments", repository=NAME, number=number)] == ["hi"]
    assert ask(hub, "event", repository=NAME, name="pull_request", number=number)["action"] == "opened"
    ask(hub, "set_labels", repository=NAME, number=number, labels=["x"])
    ask(hub, "add_fault", effect="answer", path="*/pulls*", status=500)
    assert ask(hub, "clear_faults") == 1
    assert isinstance(ask(hub, "merge", repository=NAME, number=number), str)
    assert requests.get(f"{hub.url}/_simulator/unknown", timeout=10).json() == []
    seen = requests.get(f"{hub.url}/_simulator/requests", timeout=10).json()
    assert {it["login"] for it in seen} == {BOT}
    assert not any(it["path"].startswith("/_simulator") for it in seen)


@pytest.mark.parametrize(
    ("operation", "arguments", "status", "told"),
    [
        ("nothing", {}, 404, "no operation 'nothing'"),
        ("_follow", {}, 404, "no operation"),
        ("stop", {}, 404, "no operation"),
        ("merge", {"repository": NAME}, 422, "missing a required argument: 'number'"),
        ("merge", {"repository": NAME, "number": 1, "extra": 1}, 422, "unexpected keyword argument 'extra'"),
        ("merge", {"repository": NAME, "number": "1"}, 422, "number is a str, and int is needed"),
        ("merge", {"repository": NAME, "number": 99}, 422, "404 Not Found"),
        ("comment", {"repository": "no/such", "number": 1, "body": "x"}, 422, "404 Not Found"),
        ("set_role", {"repository": NAME, "login": "x", "role": "king"}, 422, "'king' is no role"),
        ("create_token", {"permissions": {"contents": "all"}}, 422, "'all' is no level"),
        ("add_fault", {"effect": "boom"}, 422, "'boom' is no effect"),
        ("add_repository", {"repository": "x", "path": "."}, 422, "is not owner/name"),
        ("push", {"repository": NAME, "branch": "x", "sha": "0" * 40}, 422, "is no commit"),
        ("upload_artifact", {"repository": NAME, "run_id": 1, "name": "x", "content": "*"}, 422, "base64"),
    ],
)
def test_wrong_operations(
    hub: GitHubSimulator, operation: str, arguments: dict[str, Any], status: int, told: str
) -> None:
    answer = requests.post(f"{hub.url}/_simulator/{operation}", json=arguments, timeout=10)
    assert answer.status_code == status
    assert told in answer.json()["message"]


def test_in_process_githubs_refusal_is_an_error_of_ours(hub: GitHubSimulator, number: int) -> None:
    with pytest.raises(DogitopsError, match="refused open_pull_request: 422 Validation Failed; A pull request already"):
        hub.open_pull_request(NAME, "change")
