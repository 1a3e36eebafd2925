"""What a GitHub knows, as plain data: the whole of it can be written to a file and read back.

Times are ISO 8601 in UTC with whole seconds (``2026-03-01T12:00:00Z``), as GitHub writes them. People and
labels are referred to by their name, repositories by ``owner/name``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ConfigDict

BASE64: ConfigDict = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}  # bytes in a state's file


@dataclass
class User:
    """An account: a person, a bot or an organization."""

    id: int
    login: str
    type: str = "User"


@dataclass
class Token:
    """What a request says to be someone.

    ``permissions`` None is a person's classic token, which may do what its owner may. A mapping
    (``{"contents": "read", "pull_requests": "write"}``) is an installation's token, such as a job's GITHUB_TOKEN;
    it may do that and nothing else, in ``repositories`` alone (None: in all).
    """

    value: str
    login: str
    permissions: dict[str, str] | None = None
    repositories: list[str] | None = None
    rate_limit: int = 5000
    rate_used: int = 0
    rate_reset: int = 0  # seconds since 1970, by the simulator's clock
    contents_made: list[int] = field(default_factory=list)  # when it last made something, for the secondary limit


@dataclass
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass
class Reaction:
    """A reaction to an issue or a comment."""

    id: int
    login: str
    content: str
    created_at: str


@dataclass
class Comment:
    """A comment on an issue or a pull request. ``minimized`` is why it was collapsed."""

    id: int
    issue: int
    login: str
    body: str
    created_at: str
    updated_at: str
    minimized: str | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass
class Review:
    """A review of a pull request."""

    id: int
    login: str
    body: str
    state: str
    commit_id: str
    submitted_at: str


@dataclass
class Pull:
    """The part of a pull request that an issue does not have."""

    head_ref: str
    head_repository: str | None
    head_sha: str
    base_ref: str
    base_sha: str
    draft: bool = False
    merged: bool = False
    merged_at: str | None = None
    merged_by: str | None = None
    merge_commit_sha: str | None = None
    mergeable: bool | None = None
    tested_base: str | None = None  # the base that the test merge was made on
    maintainer_can_modify: bool = False
    requested_reviewers: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)


@dataclass
class Issue:
    """An issue or, with ``pull``, a pull request."""

    id: int
    number: int
    title: str
    login: str
    created_at: str
    updated_at: str
    body: str | None = None
    state: str = "open"
    state_reason: str | None = None
    locked: bool = False
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    closed_at: str | None = None
    closed_by: str | None = None
    pull: Pull | None = None


@dataclass
class Status:
    """A commit status."""

    id: int
    sha: str
    context: str
    state: str
    description: str | None
    target_url: str | None
    login: str
    created_at: str


@dataclass
class CheckRun:
    """A check run, with its annotations as they were sent."""

    id: int
    sha: str
    name: str
    login: str
    status: str = "queued"
    conclusion: str | None = None
    details_url: str | None = None
    external_id: str = ""
    started_at: str | None = None
    completed_at: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Job:
    """A job of a workflow run."""

    id: int
    run_id: int
    run_attempt: int
    name: str
    status: str
    conclusion: str | None
    started_at: str
    completed_at: str | None


@dataclass
class WorkflowRun:
    """A run of a workflow. ``head_repository`` is another one than ours for a fork's pull request."""

    id: int
    number: int
    workflow_id: int
    event: str
    head_branch: str | None
    head_sha: str
    head_repository: str
    actor: str
    created_at: str
    updated_at: str
    run_attempt: int = 1
    status: str = "completed"
    conclusion: str | None = "success"
    display_title: str = ""
    pull_requests: list[int] = field(default_factory=list)


@dataclass
class Artifact:
    """A stored artifact; ``content`` is the zip archive."""

    __pydantic_config__ = BASE64
    id: int
    name: str
    run_id: int
    content: bytes
    created_at: str
    expires_at: str
    expired: bool = False


@dataclass
class Workflow:
    """A workflow file."""

    id: int
    name: str
    path: str
    created_at: str
    state: str = "active"


@dataclass
class Event:
    """Something that happened, as Actions and webhooks are told. ``triggers`` is whether workflows would start.

    What a job's own GITHUB_TOKEN does starts none, except for dispatches.
    """

    id: int
    name: str
    action: str | None
    repository: str
    login: str
    created_at: str
    triggers: bool
    payload: dict[str, Any]


@dataclass
class Repository:
    """A repository: its facts, and the Git repository at ``path`` that holds its contents."""

    id: int
    owner: str
    name: str
    path: str
    created_at: str
    private: bool = True
    default_branch: str = "main"
    fork_of: str | None = None
    next_number: int = 1
    collaborators: dict[str, str] = field(default_factory=dict)  # login to admin, maintain, write, triage or read
    labels: list[Label] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    check_runs: list[CheckRun] = field(default_factory=list)
    workflows: list[Workflow] = field(default_factory=list)
    runs: list[WorkflowRun] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        """``owner/name``."""
        return f"{self.owner}/{self.name}"


class Effect(StrEnum):
    """What a fault does to a request."""

    ANSWER = "answer"  # answer ``status`` at once
    ABUSE = "abuse"  # the secondary rate limit, with Retry-After
    RATE_LIMIT = "rate-limit"  # the primary rate limit
    CUT = "cut"  # close the connection without an answer
    SLOW = "slow"  # wait ``seconds``, then answer as usual
    APPLY_THEN_ANSWER = "apply-then-answer"  # carry it out, then answer ``status``
    APPLY_THEN_CUT = "apply-then-cut"  # carry it out, then close the connection
    TRUNCATE = "truncate"  # carry it out, then break off in the middle of the answer


@dataclass
class Fault:
    """What the next ``times`` requests that match are to meet, after ``skip`` of them went well.

    ``method`` and ``path`` are patterns as in a shell (``*`` matches slashes too); ``path`` has no /api/v3.
    """

    id: int
    effect: Effect
    method: str = "*"
    path: str = "*"
    times: int = 1
    skip: int = 0
    status: int = 502
    seconds: float = 0
    retry_after: int = 1
    message: str | None = None


@dataclass
class State:
    """All of it."""

    __pydantic_config__ = BASE64
    next_id: int = 1000
    clock_offset: int = 0  # seconds that this GitHub's clock is ahead of ours
    contents_a_minute: int | None = None  # the secondary limit on what a token may make; None: no limit
    users: list[User] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    repositories: list[Repository] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # requests that no route answers: "METHOD PATH"
