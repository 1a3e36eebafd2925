"""Payloads in the shapes of GitHub's webhooks, cut down to what is around the parts that are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from automation.errors import ConfigurationError
from automation.github import event

HEAD, BASE, MERGE = "a" * 40, "b" * 40, "c" * 40


def repo(name: str = "octo-org/infra") -> dict[str, Any]:
    return {"id": 1, "name": name.split("/")[1], "full_name": name, "private": False, "fork": name != "octo-org/infra"}


def pull(**changes: Any) -> dict[str, Any]:
    return {
        "number": 7,
        "state": "open",
        "title": "Resize the cluster",
        "user": {"login": "alice", "id": 5, "type": "User"},
        "head": {"ref": "resize", "sha": HEAD, "repo": repo()},
        "base": {"ref": "main", "sha": BASE, "repo": repo()},
        "merged": False,
        "merged_at": None,
        "merge_commit_sha": MERGE,
        "labels": [{"id": 3, "name": "infra"}],
        "html_url": "https://github.com/octo-org/infra/pull/7",
        **changes,
    }


def comment(**changes: Any) -> dict[str, Any]:
    return {
        "id": 99,
        "node_id": "IC_x",
        "user": {"login": "bob", "type": "User"},
        "body": "/dogitops unlock local",
        "created_at": "2026-03-01T12:00:00Z",
        "updated_at": "2026-03-01T12:00:00Z",
        "html_url": "https://github.com/octo-org/infra/pull/7#issuecomment-99",
        **changes,
    }


def environ(folder: Path, name: str, payload: object, **changes: str) -> dict[str, str]:
    path = folder / "event.json"
    path.write_text(payload if isinstance(payload, str) else json.dumps(payload))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REPOSITORY": "octo-org/infra",
        "GITHUB_RUN_ID": "1658821493",
        "GITHUB_RUN_ATTEMPT": "2",
        "GITHUB_SHA": MERGE,
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_ACTOR": "alice",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_WORKFLOW_REF": "octo-org/infra/.github/workflows/plan.yml@refs/pull/7/merge",
        **changes,
    }


def read(folder: Path, name: str, payload: object, **changes: str) -> event.Event:
    found = event.current(environ(folder, name, payload, **changes))
    assert found is not None
    return found


def test_outside_of_actions_there_is_no_event() -> None:
    assert event.current({"GITHUB_EVENT_NAME": "push"}) is None


@pytest.mark.parametrize("action", ["opened", "synchronize", "reopened"])
def test_a_pull_request_is_reported_on_at_its_head_and_not_at_the_merge_commit(tmp_path: Path, action: str) -> None:
    found = read(
        tmp_path, "pull_request", {"action": action, "number": 7, "pull_request": pull(), "repository": repo()}
    )
    assert found.pull_request is not None
    assert (found.action, found.number, found.head_sha, found.run.sha) == (action, 7, HEAD, MERGE)
    assert (found.pull_request.base_sha, found.pull_request.base_ref, found.pull_request.author) == (
        BASE,
        "main",
        "alice",
    )
    assert not found.pull_request.from_fork
    assert found.pull_request.labels == ("infra",)
    assert found.run.workflow == ".github/workflows/plan.yml"
    assert found.run.url == "https://github.com/octo-org/infra/actions/runs/1658821493/attempts/2"


def test_a_closed_pull_request_says_whether_it_was_merged(tmp_path: Path) -> None:
    merged = pull(state="closed", merged=True, merged_at="2026-03-01T12:00:00Z")
    for changed, expected in ((merged, True), (pull(state="closed"), False)):
        found = read(tmp_path, "pull_request", {"action": "closed", "pull_request": changed})
        assert found.pull_request is not None
        assert (found.pull_request.merged, found.pull_request.state) == (expected, "closed")


@pytest.mark.parametrize("head_repo", [repo("mallory/infra"), None])
def test_forks_are_known_even_after_they_were_deleted(tmp_path: Path, head_repo: dict[str, Any] | None) -> None:
    head = {"ref": "resize", "sha": HEAD, "repo": head_repo}
    found = read(tmp_path, "pull_request", {"action": "opened", "pull_request": pull(head=head)})
    assert found.pull_request is not None
    assert found.pull_request.from_fork


def test_the_same_repository_in_other_letters_is_no_fork(tmp_path: Path) -> None:
    head = {"ref": "resize", "sha": HEAD, "repo": repo("Octo-Org/infra")}
    found = read(tmp_path, "pull_request", {"action": "opened", "pull_request": pull(head=head)})
    assert found.pull_request is not None
    assert not found.pull_request.from_fork


def test_a_push_says_where_the_branch_was(tmp_path: Path) -> None:
    payload = {"ref": "refs/heads/main", "before": BASE, "after": HEAD, "commits": [], "repository": repo()}
    found = read(tmp_path, "push", payload, GITHUB_SHA=HEAD, GITHUB_REF="refs/heads/main")
    assert (found.before, found.head_sha, found.pull_request, found.number) == (BASE, HEAD, None, None)


def test_a_push_of_a_new_branch_has_no_before(tmp_path: Path) -> None:
    assert read(tmp_path, "push", {"before": "0" * 40, "after": HEAD}).before is None


def test_a_comment_on_a_pull_request_names_it_by_its_number(tmp_path: Path) -> None:
    issue = {"number": 7, "pull_request": {"url": "https://api.github.com/repos/octo-org/infra/pulls/7"}}
    found = read(tmp_path, "issue_comment", {"action": "created", "issue": issue, "comment": comment()})
    assert found.comment is not None
    assert (found.number, found.on_pull_request, found.pull_request) == (7, True, None)
    assert (found.comment.id, found.comment.author, found.comment.edited) == (99, "bob", False)


def test_a_comment_on_an_issue_is_told_from_one_on_a_pull_request(tmp_path: Path) -> None:
    found = read(tmp_path, "issue_comment", {"action": "created", "issue": {"number": 8}, "comment": comment()})
    assert (found.number, found.on_pull_request) == (8, False)


def test_an_edited_comment_and_one_of_a_deleted_account(tmp_path: Path) -> None:
    changed = comment(user=None, updated_at="2026-03-01T12:00:01Z")
    found = read(tmp_path, "issue_comment", {"action": "edited", "issue": {"number": 8}, "comment": changed})
    assert found.comment is not None
    assert (found.comment.author, found.comment.edited) == ("ghost", True)


def test_inputs_of_a_dispatch_and_a_schedule_without_any(tmp_path: Path) -> None:
    assert read(tmp_path, "workflow_dispatch", {"inputs": {"environment": "local"}}).inputs == {"environment": "local"}
    assert read(tmp_path, "workflow_dispatch", {"inputs": None}).inputs == {}
    scheduled = read(tmp_path, "schedule", {"schedule": "17 5 * * *"})
    assert (scheduled.inputs, scheduled.number, scheduled.action) == ({}, None, "")


@pytest.mark.parametrize(
    "reference",
    ["", "other/repo/.github/workflows/plan.yml@refs/heads/main"],
)
def test_a_workflow_of_another_repository_is_not_taken_for_ours(tmp_path: Path, reference: str) -> None:
    assert read(tmp_path, "schedule", {}, GITHUB_WORKFLOW_REF=reference).run.workflow == ""


@pytest.mark.parametrize(
    ("name", "payload", "said"),
    [
        ("push", "", "not JSON"),
        ("push", '{"before": ', "not JSON"),
        ("push", "[1]", "no JSON object"),
        ("pull_request", {"action": "opened"}, "has no pull request"),
        ("pull_request", {"pull_request": {"number": 7}}, "the pull request lacks 'base'"),
        ("pull_request", {"pull_request": pull(number="7")}, "the pull request has another shape"),
        ("pull_request", {"pull_request": []}, "the pull request has another shape"),
        (
            "pull_request",
            {"pull_request": pull(head={"sha": None, "repo": None})},
            "the pull request has another shape",
        ),
        ("issue_comment", {"issue": {"number": 1}}, "lacks the comment"),
        ("issue_comment", {"issue": {}, "comment": comment()}, "the issue lacks 'number'"),
        (
            "issue_comment",
            {"issue": {"number": 1}, "comment": comment(created_at="today")},
            "the comment has another shape",
        ),
        ("issue_comment", {"issue": {"number": 1}, "comment": {"id": 1}}, "the comment lacks 'created_at'"),
    ],
)
def test_a_malformed_event_is_a_configuration_error(tmp_path: Path, name: str, payload: object, said: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        event.current(environ(tmp_path, name, payload))
    assert said in caught.value.message
    assert caught.value.exit_code == 2


def test_a_missing_event_file_is_a_configuration_error(tmp_path: Path) -> None:
    for where in (str(tmp_path / "none.json"), ""):
        with pytest.raises(ConfigurationError, match=r"GITHUB_EVENT_PATH|none\.json"):
            event.current(environ(tmp_path, "push", {}, GITHUB_EVENT_PATH=where))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GITHUB_REPOSITORY", ""),
        ("GITHUB_REPOSITORY", "infra"),
        ("GITHUB_REPOSITORY", "octo-org/../x"),
        ("GITHUB_REPOSITORY", "octo-org/.."),
        ("GITHUB_RUN_ID", "one"),
        ("GITHUB_RUN_ID", ""),
        ("GITHUB_EVENT_NAME", ""),
    ],
)
def test_missing_and_wrong_variables_are_named(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        event.current(environ(tmp_path, "push", {}, **{variable: value}))
    assert variable in caught.value.message or value in caught.value.message
