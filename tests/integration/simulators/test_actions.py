from __future__ import annotations

import io
import zipfile

import github
import pytest
import requests
from github.Repository import Repository

from automation.simulators.github import GitHubSimulator
from tests.integration.simulators.hub import BOT, EVERYTHING, NAME, client

PLAN = ".github/workflows/plan.yml"


def test_runs(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    head = repo.get_pull(number).head.sha
    first = hub.add_run(NAME, PLAN, head, head_branch="change", actor="alice", pull_requests=[number], jobs=["plan"])
    second = hub.add_run(NAME, ".github/workflows/apply.yml", head, event="push", status="in_progress")
    run = repo.get_workflow_run(first)
    assert (run.path, run.event, run.status, run.conclusion) == (PLAN, "pull_request", "completed", "success")
    assert (run.head_sha, run.head_branch, run.head_repository.full_name) == (head, "change", NAME)
    assert (run.actor.login, run.run_attempt, run.repository.full_name) == ("alice", 1, NAME)
    assert [pull.number for pull in run.pull_requests] == [number]
    assert run.head_commit.message == "Raise a"
    assert [(job.name, job.conclusion) for job in run.jobs()] == [("plan", "success")]
    assert repo.get_workflow_run(second).conclusion is None
    assert [it.id for it in repo.get_workflow_runs()] == [second, first]
    assert [it.id for it in repo.get_workflow_runs(event="push")] == [second]
    assert [it.id for it in repo.get_workflow_runs(status="completed", head_sha=head)] == [first]
    assert [it.path for it in repo.get_workflows()] == [PLAN, ".github/workflows/apply.yml"]
    assert [it.id for it in repo.get_workflow("plan.yml").get_runs()] == [first]
    hub.finish_run(NAME, second, "failure")
    assert repo.get_workflow_run(second).conclusion == "failure"
    with pytest.raises(github.UnknownObjectException):
        repo.get_workflow_run(1)
    with pytest.raises(github.UnknownObjectException):
        repo.get_workflow("none.yml")


def test_a_forks_run_says_so(hub: GitHubSimulator, repo: Repository, tmp_path_factory: pytest.TempPathFactory) -> None:
    fork = hub.fork(NAME, "mallory", str(tmp_path_factory.mktemp("fork") / "x.git"))
    run = hub.add_run(NAME, PLAN, repo.get_branch("main").commit.sha, head_repository=fork)
    assert repo.get_workflow_run(run).head_repository.full_name == fork


def test_artifacts(hub: GitHubSimulator, repo: Repository) -> None:
    run = hub.add_run(NAME, PLAN, repo.get_branch("main").commit.sha)
    content = bytes(range(256))
    made = hub.upload_artifact(NAME, run, "envelope", content, filename="plan.bin", kept_seconds=3600)
    hub.upload_artifact(NAME, hub.add_run(NAME, PLAN, "f" * 40), "envelope", content, filename="plan.bin")
    [artifact] = repo.get_workflow_run(run).get_artifacts()
    assert (artifact.id, artifact.name, artifact.expired) == (made, "envelope", False)
    assert artifact.workflow_run.id == run
    assert repo.get_artifacts(name="envelope").totalCount == 2
    token = hub.create_token(permissions={"actions": "read"})
    got = requests.get(artifact.archive_download_url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
    assert [answer.status_code for answer in got.history] == [302]
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        assert archive.read("plan.bin") == content
    link = got.url
    assert requests.get(link, timeout=10).content == got.content  # the link is enough
    assert requests.get(link.replace("sig=", "sig=0"), timeout=10).status_code == 403
    hub.advance_clock(120)
    assert requests.get(link, timeout=10).status_code == 403
    hub.advance_clock(3600)
    assert repo.get_artifact(made).expired
    gone = requests.get(artifact.archive_download_url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
    assert (gone.status_code, gone.json()["message"]) == (410, "Artifact has expired")
    assert repo.get_artifact(made).delete()
    assert [it.id for it in repo.get_workflow_run(run).get_artifacts()] == []


def test_an_artifact_that_expires_at_once(hub: GitHubSimulator, repo: Repository) -> None:
    made = hub.upload_artifact(NAME, hub.add_run(NAME, PLAN, "f" * 40), "envelope", b"", filename="x")
    hub.expire_artifact(NAME, made)
    assert repo.get_artifact(made).expired


def test_dispatches(hub: GitHubSimulator, repo: Repository) -> None:
    hub.add_run(NAME, PLAN, "f" * 40)
    assert repo.get_workflow("plan.yml").create_dispatch("main", {"environment": "local"})
    told = hub.event(NAME, "workflow_dispatch")
    assert (told["inputs"], told["ref"], told["workflow"]) == ({"environment": "local"}, "refs/heads/main", PLAN)
    assert told["sender"]["login"] == BOT
    assert hub.events()[-1]["triggers"] is True  # the one thing that a job's token starts
    with pytest.raises(github.GithubException, match="No ref found"):
        repo.get_workflow("plan.yml").create_dispatch("nothing", throw=True)
    assert repo.create_repository_dispatch("drift", {"environment": "local"})
    assert hub.event(NAME, "repository_dispatch", "drift")["client_payload"] == {"environment": "local"}
    assert hub.dispatch(NAME, PLAN, {"a": "b"}, login="alice")["sender"]["login"] == "alice"
    assert hub.schedule(NAME, PLAN, "5 4 * * *")["schedule"] == "5 4 * * *"


def test_cancelling(hub: GitHubSimulator, repo: Repository) -> None:
    run = hub.add_run(NAME, PLAN, "f" * 40, status="queued")
    assert repo.get_workflow_run(run).cancel()
    assert repo.get_workflow_run(run).conclusion == "cancelled"
    assert not repo.get_workflow_run(run).cancel()


def test_a_job_without_the_permission(hub: GitHubSimulator) -> None:
    run = hub.add_run(NAME, PLAN, "f" * 40)
    without = {name: level for name, level in EVERYTHING.items() if name != "actions"}
    with pytest.raises(github.GithubException) as caught:
        client(hub, hub.create_token(permissions=without)).get_repo(NAME).get_workflow_run(run)
    assert caught.value.status == 403
    assert caught.value.headers["x-accepted-github-permissions"] == "actions=read"
