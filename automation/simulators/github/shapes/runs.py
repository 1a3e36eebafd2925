"""Statuses, check runs, workflows, their runs and artifacts."""

from __future__ import annotations

import hashlib

from automation.simulators.github.git import Commit
from automation.simulators.github.model import Artifact, CheckRun, Job, Repository, Status, Workflow, WorkflowRun
from automation.simulators.github.shapes import people, repos, talk
from automation.simulators.github.shapes.show import Json, Show, node_id
from automation.simulators.github.store import iso


def status(show: Show, of: Repository, it: Status, *, creator: bool = True) -> Json:
    """Return a commit status; the combined status lists them without their creator."""
    shape: Json = {
        "url": f"{show.repository(of)}/statuses/{it.sha}",
        "avatar_url": f"{show.host}/avatars/{show.account(it.login).id}",
        "id": it.id,
        "node_id": node_id("SC", it.id),
        "state": it.state,
        "description": it.description,
        "target_url": it.target_url,
        "context": it.context,
        "created_at": it.created_at,
        "updated_at": it.created_at,
    }
    return shape | ({"creator": people.user(show, it.login)} if creator else {})


def combined(show: Show, of: Repository, sha: str, latest: list[Status]) -> Json:
    """Return the statuses of a commit as one: the newest of each context counts."""
    states = {status.state for status in latest}
    state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    url = show.repository(of)
    return {
        "state": state,
        "statuses": [status(show, of, it, creator=False) for it in latest],
        "sha": sha,
        "total_count": len(latest),
        "repository": repos.repository(show, of),
        "commit_url": f"{url}/commits/{sha}",
        "url": f"{url}/commits/{sha}/status",
    }


def check_run(show: Show, of: Repository, it: CheckRun) -> Json:
    """Return a check run."""
    url = f"{show.repository(of)}/check-runs/{it.id}"
    return {
        "id": it.id,
        "name": it.name,
        "node_id": node_id("CR", it.id),
        "head_sha": it.sha,
        "external_id": it.external_id,
        "url": url,
        "html_url": f"{show.page(of)}/runs/{it.id}",
        "details_url": it.details_url,
        "status": it.status,
        "conclusion": it.conclusion,
        "started_at": it.started_at,
        "completed_at": it.completed_at,
        "output": {
            "title": it.title,
            "summary": it.summary,
            "text": it.text,
            "annotations_count": len(it.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": it.id},
        "app": talk.app("github-actions[bot]"),
        "pull_requests": [],
    }


def workflow(show: Show, of: Repository, it: Workflow) -> Json:
    """Return a workflow."""
    page = show.page(of)
    return {
        "id": it.id,
        "node_id": node_id("W", it.id),
        "name": it.name,
        "path": it.path,
        "state": it.state,
        "created_at": it.created_at,
        "updated_at": it.created_at,
        "url": f"{show.repository(of)}/actions/workflows/{it.id}",
        "html_url": f"{page}/blob/{of.default_branch}/{it.path}",
        "badge_url": f"{page}/workflows/{it.name}/badge.svg",
    }


def run(show: Show, of: Repository, it: WorkflowRun, commit: Commit | None) -> Json:
    """Return a workflow run; ``commit`` is the one at its head where we have it."""
    repository = show.repository(of)
    url = f"{repository}/actions/runs/{it.id}"
    used = next((workflow for workflow in of.workflows if workflow.id == it.workflow_id), None)
    head = show.store.repository(it.head_repository)
    pulls = [issue for issue in of.issues if issue.number in it.pull_requests and issue.pull]
    return {
        "id": it.id,
        "name": used.name if used else None,
        "node_id": node_id("WFR", it.id),
        "head_branch": it.head_branch,
        "head_sha": it.head_sha,
        "path": used.path if used else "",
        "display_title": it.display_title,
        "run_number": it.number,
        "event": it.event,
        "status": it.status,
        "conclusion": it.conclusion,
        "workflow_id": it.workflow_id,
        "check_suite_id": it.id,
        "check_suite_node_id": node_id("CS", it.id),
        "url": url,
        "html_url": f"{show.page(of)}/actions/runs/{it.id}",
        "pull_requests": [
            {
                "url": f"{repository}/pulls/{issue.number}",
                "id": issue.id,
                "number": issue.number,
                "head": _end(show, head or of, issue.pull.head_ref, issue.pull.head_sha),
                "base": _end(show, of, issue.pull.base_ref, issue.pull.base_sha),
            }
            for issue in pulls
            if issue.pull is not None
        ],
        "created_at": it.created_at,
        "updated_at": it.updated_at,
        "actor": people.user(show, it.actor),
        "run_attempt": it.run_attempt,
        "referenced_workflows": [],
        "run_started_at": it.created_at,
        "triggering_actor": people.user(show, it.actor),
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{repository}/check-suites/{it.id}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": None,
        "workflow_url": f"{repository}/actions/workflows/{it.workflow_id}",
        "head_commit": _head_commit(commit) if commit else None,
        "repository": repos.repository(show, of),
        "head_repository": repos.repository(show, head) if head else None,
    }


def job(show: Show, of: Repository, it: Job, sha: str) -> Json:
    """Return a job of a run."""
    url = show.repository(of)
    return {
        "id": it.id,
        "run_id": it.run_id,
        "workflow_name": None,
        "head_branch": None,
        "run_url": f"{url}/actions/runs/{it.run_id}",
        "run_attempt": it.run_attempt,
        "node_id": node_id("CR", it.id),
        "head_sha": sha,
        "url": f"{url}/actions/jobs/{it.id}",
        "html_url": f"{show.page(of)}/actions/runs/{it.run_id}/job/{it.id}",
        "status": it.status,
        "conclusion": it.conclusion,
        "created_at": it.started_at,
        "started_at": it.started_at,
        "completed_at": it.completed_at,
        "name": it.name,
        "steps": [],
        "check_run_url": f"{url}/check-runs/{it.id}",
        "labels": ["ubuntu-24.04"],
        "runner_id": 1,
        "runner_name": "GitHub Actions 1",
        "runner_group_id": 1,
        "runner_group_name": "GitHub Actions",
    }


def artifact(show: Show, of: Repository, it: Artifact) -> Json:
    """Return an artifact."""
    url = f"{show.repository(of)}/actions/artifacts/{it.id}"
    made_by = next((run for run in of.runs if run.id == it.run_id), None)
    head = show.store.repository(made_by.head_repository) if made_by else None
    return {
        "id": it.id,
        "node_id": node_id("A", it.id),
        "name": it.name,
        "size_in_bytes": len(it.content),
        "url": url,
        "archive_download_url": f"{url}/zip",
        "expired": it.expired,
        "digest": f"sha256:{hashlib.sha256(it.content).hexdigest()}",
        "created_at": it.created_at,
        "updated_at": it.created_at,
        "expires_at": it.expires_at,
        "workflow_run": {
            "id": made_by.id,
            "repository_id": of.id,
            "head_repository_id": head.id if head else None,
            "head_branch": made_by.head_branch,
            "head_sha": made_by.head_sha,
        }
        if made_by
        else None,
    }


def _end(show: Show, of: Repository, ref: str, sha: str) -> Json:
    return {"ref": ref, "sha": sha, "repo": {"id": of.id, "url": show.repository(of), "name": of.name}}


def _head_commit(commit: Commit) -> Json:
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "message": commit.message,
        "timestamp": iso(commit.committer.seconds),
        "author": {"name": commit.author.name, "email": commit.author.email},
        "committer": {"name": commit.committer.name, "email": commit.committer.email},
    }
