from __future__ import annotations

import github
import pytest
from github.Repository import Repository

from automation.simulators.github import GitHubSimulator
from tests.integration.simulators.hub import BOT, EVERYTHING, NAME, client


def test_the_life_of_a_comment(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    made = repo.get_pull(number).create_issue_comment("<!-- x -->\nhello ✓")
    assert (made.user.login, made.body) == (BOT, "<!-- x -->\nhello ✓")
    assert made.html_url == f"{hub.url}/{NAME}/pull/{number}#issuecomment-{made.id}"
    assert made.created_at == made.updated_at
    hub.advance_clock(60)
    made.edit("changed")
    again = repo.get_issue(number).get_comment(made.id)
    assert again.body == "changed"
    assert (again.updated_at - again.created_at).total_seconds() >= 60
    assert [found.id for found in repo.get_pull(number).get_issue_comments()] == [made.id]
    assert repo.get_issue(number).comments == 1
    made.delete()
    assert list(repo.get_issue(number).get_comments()) == []
    with pytest.raises(github.UnknownObjectException):
        made.edit("gone")


@pytest.mark.parametrize("length", [65_536, 65_537])
def test_a_body_has_a_limit_in_characters(repo: Repository, number: int, length: int) -> None:
    pull = repo.get_pull(number)
    if length <= 65_536:
        assert len(pull.create_issue_comment("✓" * length).body) == length
        return
    with pytest.raises(github.GithubException) as caught:
        pull.create_issue_comment("✓" * length)
    assert caught.value.status == 422
    assert caught.value.data["message"] == "Validation Failed"
    assert caught.value.data["errors"] == [
        {
            "resource": "IssueComment",
            "code": "custom",
            "field": "body",
            "message": "body is too long (maximum is 65536 characters)",
        }
    ]
    assert list(pull.get_issue_comments()) == []


@pytest.mark.parametrize("body", ["", "  \n"])
def test_an_empty_comment_is_refused(repo: Repository, number: int, body: str) -> None:
    with pytest.raises(github.GithubException, match="422"):
        repo.get_pull(number).create_issue_comment(body)


def test_collapsing_a_comment(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    made = repo.get_pull(number).create_issue_comment("old")
    assert made.minimize("OUTDATED")
    assert [it["minimized"] for it in hub.comments(NAME, number)] == ["OUTDATED"]
    query = "query($id: ID!) { node(id: $id) { ... on IssueComment { isMinimized minimizedReason } } }"
    _, found = repo._requester.graphql_query(query, {"id": made.node_id})
    assert found["data"]["node"]["isMinimized"] is True
    assert found["data"]["node"]["minimizedReason"] == "outdated"
    assert made.unminimize()
    assert [it["minimized"] for it in hub.comments(NAME, number)] == [None]
    fields = "minimizedComment { isMinimized }"
    text = (
        f'mutation {{ minimizeComment(input: {{subjectId: "{made.node_id}", classifier: RESOLVED}}) {{ {fields} }} }}'
    )
    repo._requester.graphql_query(text, {})
    assert [it["minimized"] for it in hub.comments(NAME, number)] == ["RESOLVED"]


def test_what_can_not_be_collapsed(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    made = repo.get_pull(number).create_issue_comment("old")
    with pytest.raises(github.GithubException, match="invalid value"):
        made.minimize("NONSENSE")
    reader = client(hub, hub.create_token(permissions={"pull-requests": "read"})).get_repo(NAME)
    with pytest.raises(github.GithubException, match="Resource not accessible by integration"):
        reader.get_issue(number).get_comment(made.id).minimize()
    made.delete()
    with pytest.raises(github.UnknownObjectException, match="Could not resolve to a node"):
        made.minimize()


def test_others_edit_and_delete(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    made = repo.get_pull(number).create_issue_comment("ours")
    hub.edit_comment(NAME, made.id, "theirs", login="alice")
    read = repo.get_issue(number).get_comment(made.id)
    assert read.body == "theirs"
    assert read.updated_at > read.created_at
    assert hub.event(NAME, "issue_comment", "edited")["sender"]["login"] == "alice"
    bob = client(hub, hub.token_of("bob")).get_repo(NAME).get_issue(number).get_comment(made.id)
    with pytest.raises(github.GithubException) as caught:
        bob.edit("bob was here")
    assert caught.value.status == 403
    assert bob.issue_url.endswith(f"/issues/{number}")
    hub.delete_comment(NAME, made.id)
    assert list(repo.get_pull(number).get_issue_comments()) == []


def test_comments_are_listed_in_pages(hub: GitHubSimulator, number: int) -> None:
    for n in range(65):
        hub.comment(NAME, number, f"comment {n}", login="bob")
    token = hub.create_token(permissions=EVERYTHING)
    for size in (30, 7, 100):
        issue = client(hub, token, per_page=size).get_repo(NAME).get_issue(number)
        assert [it.body for it in issue.get_comments()] == [f"comment {n}" for n in range(65)]
        assert [it.body for it in issue.get_comments().reversed] == [f"comment {n}" for n in reversed(range(65))]
        assert issue.get_comments().totalCount == 65
    since = issue.get_comments()[0].created_at
    hub.advance_clock(3600)
    hub.comment(NAME, number, "late")
    late = since.replace(hour=(since.hour + 1) % 24) if since.hour < 23 else since
    assert "late" in [it.body for it in issue.get_comments(since=late)]


def test_issues(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    made = repo.create_issue("Drift in local", body="<!-- x -->", labels=["drift"])
    assert (made.number, made.state, [label.name for label in made.labels]) == (number + 1, "open", ["drift"])
    repo.create_issue("Other")
    assert [it.number for it in repo.get_issues(labels=["drift"])] == [made.number]
    assert [it.number for it in repo.get_issues(labels=["DRIFT"], creator=BOT)] == [made.number]
    assert [it.number for it in repo.get_issues(creator="alice")] == [number]
    assert repo.get_issue(number).pull_request is not None
    assert repo.get_issue(number).as_pull_request().head.ref == "change"
    made.edit(body="again", labels=["drift", "local"])
    made.edit(state="closed", state_reason="completed")
    read = repo.get_issue(made.number)
    assert (read.state, read.state_reason, read.closed_by.login) == ("closed", "completed", BOT)
    assert list(repo.get_issues(labels=["drift"])) == []
    assert [it.number for it in repo.get_issues(labels=["drift"], state="all")] == [made.number]
    read.edit(state="open")
    assert repo.get_issue(made.number).closed_at is None
    assert [event["action"] for event in hub.events() if event["name"] == "issues"] == [
        "opened",
        "opened",
        "edited",
        "closed",
        "reopened",
    ]
    with pytest.raises(github.GithubException, match="422"):
        repo.create_issue("")
    with pytest.raises(github.UnknownObjectException):
        repo.get_issue(99)


def test_labels(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    made = repo.create_label("needs a look", "ff0000", "text")
    with pytest.raises(github.GithubException) as caught:
        repo.create_label("Needs a look", "ff0000")
    assert caught.value.data["errors"] == [{"resource": "Label", "code": "already_exists", "field": "name"}]
    with pytest.raises(github.GithubException, match="422"):
        repo.create_label("other", "red")
    issue = repo.get_issue(number)
    issue.add_to_labels(made, "new")
    assert {label.name for label in issue.get_labels()} == {"needs a look", "new"}
    assert repo.get_label("needs a look").color == "ff0000"
    issue.remove_from_labels("needs a look")
    with pytest.raises(github.GithubException, match="Label does not exist: 404"):
        issue.remove_from_labels("needs a look")
    assert [label.name for label in repo.get_pull(number).labels] == ["new"]
    made.edit("renamed", "00ff00")
    issue.set_labels("renamed")
    assert {label.name for label in repo.get_labels()} == {"renamed", "new"}
    assert hub.event(NAME, "pull_request", "labeled", number)["label"]["name"] == "renamed"
    repo.get_label("renamed").delete()
    assert list(issue.get_labels()) == []
    issue.add_to_labels("new")
    issue.delete_labels()
    assert list(repo.get_issue(number).labels) == []


def test_reactions(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    comment = repo.get_issue(number).get_comment(hub.comment(NAME, number, "/dogitops apply", login="alice"))
    given = comment.create_reaction("rocket")
    assert comment.create_reaction("rocket").id == given.id
    assert [it.content for it in comment.get_reactions()] == ["rocket"]
    assert repo.get_issue(number).get_comment(comment.id).reactions["rocket"] == 1
    comment.delete_reaction(given.id)
    assert list(comment.get_reactions()) == []
    repo.get_issue(number).create_reaction("+1")
    assert [it.user.login for it in repo.get_issue(number).get_reactions()] == [BOT]
    with pytest.raises(github.GithubException, match="422"):
        comment.create_reaction("banana")


def test_a_locked_issue(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    repo.get_issue(number).lock("resolved")
    bob = client(hub, hub.token_of("bob")).get_repo(NAME).get_issue(number)
    with pytest.raises(github.GithubException, match="locked"):
        bob.create_comment("but")
    repo.get_issue(number).unlock()
    assert bob.create_comment("but").user.login == "bob"


def test_who_wrote_and_with_what_standing(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    for login, expected in (("acme", "OWNER"), ("alice", "COLLABORATOR"), ("mallory", "NONE")):
        hub.comment(NAME, number, "x", login=login)
        assert hub.comments(NAME, number)[-1]["author_association"] == expected
    made = repo.get_issue(number).create_comment("x")
    assert made.raw_data["performed_via_github_app"]["slug"] == "github-actions"
