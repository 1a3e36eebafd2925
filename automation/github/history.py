"""What GitHub tells of the past: our comments, newest first; what a status said and when; which jobs last looked.

Who may write here may also write a status or start a workflow: this is for people to look at, and decides nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from automation.github import comments, issues, problems
from automation.github.client import ACTIONS_BOT, GitHub
from automation.github.comments import Header
from automation.github.event import GHOST

_EVENTS = frozenset({"schedule", "workflow_dispatch"})


@dataclass(frozen=True)
class Said:
    """A comment of ours: what it is about, on which pull request or issue, and when it was last written."""

    header: Header
    number: int
    updated: datetime
    url: str


@dataclass(frozen=True)
class Status:
    """A commit's status at last: its state, what it says, and since when."""

    state: str
    description: str
    since: datetime


@dataclass(frozen=True)
class Looked:
    """A job that has ended: ``conclusion`` is ``success``, ``failure`` and so on."""

    name: str
    conclusion: str
    ended: datetime
    url: str


def said(github: GitHub, kind: str, *, most: int) -> Iterator[Said]:
    """Yield our comments of a kind among the ``most`` of the repository that were written last, newest first.

    Ours are those with our header, unforged, by us or by a workflow's token: at a terminal we are somebody else.
    """
    listed = github.repo.get_issues_comments(sort="updated", direction="desc")
    for comment in itertools.islice(listed, most):
        written = comments.read(comment.body or "")
        if written is None or not written.trusted or written.header.kind != kind:
            continue
        number = (comment.issue_url or "").rpartition("/")[2]
        author = comment.user.login if comment.user is not None else GHOST
        if number.isdigit() and _ours(github, author):
            yield Said(written.header, int(number), comment.updated_at, comment.html_url or "")


def status(github: GitHub, sha: str, context: str) -> Status | None:
    """Return the newest status of this context of a commit; none where it has none, or the commit is gone."""
    try:
        for one in github.repo.get_commit(sha).get_statuses():  # newest first
            if one.context == context:
                return Status(one.state, one.description or "", one.updated_at or one.created_at)
    except (problems.NotFound, problems.Invalid):
        return None
    return None


def looked(github: GitHub, workflow: str, *, most: int) -> Iterator[Looked]:
    """Yield the jobs of the newest ``most`` completed runs of a workflow's file on the default branch, newest first.

    Runs that a schedule or a person started; raises NotFound where there is no such workflow.
    """
    branch = github.repo.default_branch
    runs = github.repo.get_workflow(workflow).get_runs(branch=branch, status="completed")
    for run in itertools.islice((one for one in runs if one.event in _EVENTS), most):
        for job in run.jobs():
            if job.completed_at is not None and job.conclusion in {"success", "failure", "timed_out"}:
                yield Looked(job.name, job.conclusion, job.completed_at, job.html_url or run.html_url or "")


def drift_issues(github: GitHub) -> dict[str, issues.Issue]:
    """Return our open issues of drift by environment; of several the oldest."""
    found: dict[str, issues.Issue] = {}
    for one in github.repo.get_issues(state="open", labels=[issues.LABEL], sort="created", direction="asc"):
        written = comments.read(one.body or "")
        author = one.user.login if one.user is not None else GHOST
        ours = written is not None and written.header.kind == issues.LABEL and _ours(github, author)
        if written is not None and ours and one.pull_request is None:
            told = issues.Issue(one.number, one.title, one.body or "", one.state, one.html_url)
            found.setdefault(written.header.environment, told)
    return found


def _ours(github: GitHub, author: str) -> bool:
    return author.lower() == ACTIONS_BOT or author.lower() == github.login().lower()
