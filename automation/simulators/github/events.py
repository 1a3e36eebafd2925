"""What Actions and webhooks are told when something happens."""

from __future__ import annotations

from automation.simulators.github import pull_requests
from automation.simulators.github.git import NOTHING, Commit
from automation.simulators.github.model import Comment, Event, Issue, Repository, Token
from automation.simulators.github.shapes import talk
from automation.simulators.github.shapes.show import Json
from automation.simulators.github.store import iso
from automation.simulators.github.world import World

_MOST_COMMITS = 20  # that a push's payload lists


def of_pull(
    world: World, action: str, repository: Repository, issue: Issue, *, login: str, token: Token | None, **more: str
) -> Event:
    """Note that something happened to a pull request."""
    counts = pull_requests.counts(world, repository, issue)
    payload = {"number": issue.number, "pull_request": talk.pull(world.show(), repository, issue, counts), **more}
    return world.happened("pull_request", action, repository, login, payload, token=token)


def of_issue(
    world: World, action: str, repository: Repository, issue: Issue, *, login: str, token: Token | None
) -> Event:
    """Note that something happened to an issue."""
    payload = {"issue": talk.issue(world.show(), repository, issue)}
    return world.happened("issues", action, repository, login, payload, token=token)


def of_comment(
    world: World, action: str, repository: Repository, comment: Comment, *, login: str, token: Token | None
) -> Event:
    """Note that something happened to a comment."""
    show, issue = world.show(), world.issue(repository, comment.issue)
    payload = {
        "issue": talk.issue(show, repository, issue),
        "comment": talk.comment(show, repository, comment, of_pull=issue.pull is not None),
    }
    return world.happened("issue_comment", action, repository, login, payload, token=token)


def of_push(
    world: World, repository: Repository, ref: str, before: str, after: str, *, login: str, token: Token | None
) -> Event:
    """Note a push."""
    git, show = world.git(repository), world.show()
    new = []
    if after != NOTHING:
        new = git.commits(after, *([f"^{before}"] if before != NOTHING else []), limit=_MOST_COMMITS)
    head = git.commit(after) if after != NOTHING else None
    payload: Json = {
        "ref": ref,
        "before": before,
        "after": after,
        "base_ref": None,
        "created": before == NOTHING,
        "deleted": after == NOTHING,
        "forced": NOTHING not in (before, after) and not git.is_ancestor(before, after),
        "compare": f"{show.page(repository)}/compare/{before[:12]}...{after[:12]}",
        "commits": [_pushed(show.page(repository), commit) for commit in reversed(new)],
        "head_commit": _pushed(show.page(repository), head) if head else None,
        "pusher": {"name": login, "email": f"{login}@users.noreply.github.com"},
    }
    return world.happened("push", None, repository, login, payload, token=token)


def of_dispatch(
    world: World, repository: Repository, *, login: str, token: Token | None, ref: str, workflow: str, inputs: Json
) -> Event:
    """Note that somebody asked a workflow to run."""
    payload = {"inputs": inputs, "ref": ref, "workflow": workflow}
    return world.happened("workflow_dispatch", None, repository, login, payload, token=token)


def of_schedule(world: World, repository: Repository, cron: str, workflow: str) -> Event:
    """Note that a schedule came round."""
    payload = {"schedule": cron, "workflow": workflow}
    return world.happened("schedule", None, repository, repository.owner, payload)


def _pushed(page: str, commit: Commit) -> Json:
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "distinct": True,
        "message": commit.message,
        "timestamp": iso(commit.committer.seconds),
        "url": f"{page}/commit/{commit.sha}",
        "author": {"name": commit.author.name, "email": commit.author.email},
        "committer": {"name": commit.committer.name, "email": commit.committer.email},
    }
