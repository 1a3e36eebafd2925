from __future__ import annotations

import github
import pytest
from github.Repository import Repository

from automation.simulators.github import GitHubSimulator
from tests.integration.simulators.hub import BOT, NAME, client


def test_statuses(repo: Repository, number: int) -> None:
    commit = repo.get_commit(repo.get_pull(number).head.sha)
    assert commit.get_combined_status().state == "pending"
    made = commit.create_status("pending", "https://example.com/run", "Planning", "dogitops/local")
    assert (made.state, made.context, made.creator.login) == ("pending", "dogitops/local", BOT)
    commit.create_status("success", description="2 to add", context="dogitops/local")
    commit.create_status("success", context="dogitops/prod")
    assert [it.state for it in commit.get_statuses()] == ["success", "success", "pending"]
    combined = commit.get_combined_status()
    assert (combined.state, combined.total_count) == ("success", 2)
    assert {it.context: it.description for it in combined.statuses} == {
        "dogitops/local": "2 to add",
        "dogitops/prod": None,
    }
    commit.create_status("error", context="dogitops/prod")
    assert commit.get_combined_status().state == "failure"


@pytest.mark.parametrize(
    ("state", "more", "told"),
    [
        ("done", {}, "state is not included in the list"),
        ("success", {"description": "x" * 141}, "description is too long"),
        ("success", {"target_url": "ftp://example.com"}, "http"),
    ],
)
def test_a_status_that_is_refused(repo: Repository, state: str, more: dict[str, str], told: str) -> None:
    with pytest.raises(github.GithubException) as caught:
        repo.get_commit("main").create_status(state, **more)
    assert caught.value.status == 422
    assert told in caught.value.data["errors"][0]["message"]
    assert repo.get_commit("main").get_combined_status().total_count == 0


def test_a_status_for_no_commit(repo: Repository) -> None:
    commit = repo.get_commit("main")
    url = commit.url.replace("/commits/", "/statuses/").replace(commit.sha, "1" * 40)
    with pytest.raises(github.GithubException, match="No commit found for SHA"):
        repo._requester.requestJsonAndCheck("POST", url, input={"state": "success"})


def annotation(n: int) -> dict[str, object]:
    return {"path": "main.tf", "start_line": n, "end_line": n, "annotation_level": "warning", "message": f"note {n}"}


def test_check_runs(repo: Repository, number: int) -> None:
    sha = repo.get_pull(number).head.sha
    output = {"title": "Policy", "summary": "50 notes", "annotations": [annotation(n) for n in range(1, 51)]}
    made = repo.create_check_run("policy", sha, status="in_progress", output=output)
    assert (made.status, made.conclusion, made.output.annotations_count) == ("in_progress", None, 50)
    more = {"title": "Policy", "summary": "60 notes", "annotations": [annotation(n) for n in range(51, 61)]}
    made.edit(status="completed", conclusion="neutral", output=more)
    read = repo.get_check_run(made.id)
    assert (read.status, read.conclusion, read.output.summary) == ("completed", "neutral", "60 notes")
    assert [it.message for it in read.get_annotations()] == [f"note {n}" for n in range(1, 61)]
    again = repo.create_check_run("policy", sha, conclusion="success")
    assert [it.id for it in repo.get_commit(sha).get_check_runs()] == [again.id]
    assert [it.id for it in repo.get_commit(sha).get_check_runs(filter="all")] == [made.id, again.id]
    assert list(repo.get_commit("main").get_check_runs()) == []


def test_check_runs_that_are_refused(hub: GitHubSimulator, repo: Repository) -> None:
    sha = repo.get_branch("main").commit.sha
    too_many = {"title": "x", "summary": "x", "annotations": [annotation(n) for n in range(51)]}
    for more in (
        {"output": too_many},
        {"output": {"summary": "no title"}},
        {"output": {"title": "x", "summary": "x", "annotations": [{**annotation(1), "annotation_level": "loud"}]}},
        {"output": {"title": "x", "summary": "✓" * 65_535}},
        {"conclusion": "great"},
        {"status": "completed"},
    ):
        with pytest.raises(github.GithubException) as caught:
            repo.create_check_run("policy", sha, **more)  # type: ignore[arg-type]
        assert caught.value.status == 422
    with pytest.raises(github.GithubException, match="GitHub App"):
        client(hub, hub.token_of("acme")).get_repo(NAME).create_check_run("policy", sha)
    assert list(repo.get_commit(sha).get_check_runs()) == []
