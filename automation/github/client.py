"""GitHub as the jobs use it: one repository, asked through PyGithub, answering with our own values and errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

from github.IssueComment import IssueComment
from github.Repository import Repository

from automation import report, wait
from automation.errors import ConfigurationError, DeadlineExceeded
from automation.github import problems
from automation.github.event import GHOST, Comment, Event, PullRequest, repository_name
from automation.github.transport import PUBLIC_API, OneHost, Patience, checked_url
from automation.secret import Secret

T = TypeVar("T")

ACTIONS_BOT = "github-actions[bot]"  # who a workflow's own token is
PERMISSIONS = ("none", "read", "triage", "write", "maintain", "admin")  # each includes those before it
STATES = frozenset({"error", "failure", "pending", "success"})  # of a commit status
_LONGEST_DESCRIPTION = 140  # characters; GitHub refuses a longer description of a status


@dataclass(frozen=True)
class WorkflowRun:
    """A run of a workflow as GitHub tells it; ``path`` is that of the workflow's file."""

    id: int
    attempt: int
    path: str
    event: str
    head_sha: str
    head_branch: str
    head_repository: str
    repository: str
    status: str
    conclusion: str
    actor: str
    url: str


@dataclass(frozen=True)
class GitHub:
    """One repository (``owner/name``) at one API. ``own_login`` is who we are, where it is configured.

    Every method raises :class:`automation.github.problems.GitHubError`, which says what to do.
    """

    api_url: str
    token: Secret
    repository: str
    own_login: str = ""
    patience: Patience = field(default_factory=Patience)
    _requester: OneHost = field(init=False, repr=False, compare=False)
    _known: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        url = checked_url(self.api_url)
        repository_name(self.repository)
        if not self.token.reveal().strip():
            raise ConfigurationError("The token for GitHub is empty.", hint=_TOKEN_HINT)
        object.__setattr__(self, "api_url", url)
        requester = OneHost.open(url, self.token, self.patience, user_agent="dogitops")
        object.__setattr__(self, "_requester", requester)

    @classmethod
    def from_environment(
        cls, event: Event | None = None, repository: str = "", environ: Mapping[str, str] = os.environ
    ) -> GitHub:
        """Return the API that GITHUB_API_URL, GITHUB_TOKEN (or GH_TOKEN) and the event's repository describe.

        DOGITOPS_GITHUB_LOGIN names who we are, where it cannot be asked. Raises ConfigurationError.
        """
        token = environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN") or ""
        if not token.strip():
            raise ConfigurationError("There is no token for GitHub: GITHUB_TOKEN is not set.", hint=_TOKEN_HINT)
        name = repository or (event.run.repository if event is not None else environ.get("GITHUB_REPOSITORY", ""))
        if not name:
            raise ConfigurationError(
                "Which repository on GitHub is meant is not said.", hint="Set GITHUB_REPOSITORY=owner/name."
            )
        return cls(
            api_url=environ.get("GITHUB_API_URL") or PUBLIC_API,
            token=Secret(token.strip()),
            repository=name,
            own_login=environ.get("DOGITOPS_GITHUB_LOGIN", ""),
        )

    @property
    def requester(self) -> OneHost:
        """The one way to GitHub, for the other modules of this room."""
        return self._requester

    @property
    def repo(self) -> Repository:
        """PyGithub's repository, for the other modules of this room; making it sends nothing."""
        return Repository(self._requester, url=f"/repos/{self.repository}")

    def login(self) -> str:
        """Return who we are, asked once.

        A workflow's token may not ask ``GET /user`` (403), but GraphQL tells even it who its viewer is; where
        that is refused as well, it is the token of a workflow.
        """
        if self.own_login:
            return self.own_login
        if "login" not in self._known:
            self._known["login"] = self._asked_login()
        return self._known["login"]

    def pull_request(self, number: int) -> PullRequest:
        """Return the pull request ``number``."""
        return PullRequest.from_payload(self.repo.get_pull(number).raw_data)

    def pull_requests_of(self, sha: str) -> list[PullRequest]:
        """Return the pull requests that a commit belongs to: for a merge commit the one that was merged."""
        return [PullRequest.from_payload(pull.raw_data) for pull in self.repo.get_commit(sha).get_pulls()]

    def permission(self, user: str) -> str:
        """Return what ``user`` may do: one of PERMISSIONS; ``none`` for strangers.

        A custom role counts as the basic role that GitHub gives for it, which never exceeds ``write``.
        """
        if user in {"", GHOST}:
            return "none"
        try:
            _, data = self.requester.requestJsonAndCheck(
                "GET", f"/repos/{self.repository}/collaborators/{quote(user, safe='')}/permission"
            )
        except problems.NotFound:
            return "none"
        role, basic = str(data.get("role_name") or ""), str(data.get("permission") or "none")
        return role if role in PERMISSIONS else basic if basic in PERMISSIONS else "none"

    def comments(self, number: int) -> list[Comment]:
        """Return all comments on a pull request or issue, oldest first."""
        found = [comment_of(comment) for comment in self.repo.get_issue(number).get_comments()]
        return sorted(found, key=lambda comment: comment.id)

    def set_status(self, sha: str, context: str, state: str, description: str, url: str = "") -> None:
        """Set the status ``context`` of a commit; ``state`` is one of STATES, a long description is cut."""
        if state not in STATES:
            raise ValueError(f"{state!r} is no state of a commit status")
        text = " ".join(description.split())
        text = text if len(text) <= _LONGEST_DESCRIPTION else f"{text[: _LONGEST_DESCRIPTION - 1]}…"
        body = {"state": state, "context": context, "description": text, **({"target_url": url} if url else {})}
        # The newest of a context counts, so that setting it twice does no harm.
        self.insistently(
            lambda: self.requester.requestJsonAndCheck("POST", f"/repos/{self.repository}/statuses/{sha}", input=body),
            f"the status {context} to be set",
        )

    def statuses(self, sha: str) -> dict[str, str]:
        """Return the newest state of each status context of a commit."""
        combined = self.repo.get_commit(sha).get_combined_status()
        return {status.context: status.state for status in combined.statuses}

    def reply(self, number: int, text: str) -> None:
        """Write an ordinary comment on a pull request or issue."""
        self.repo.get_issue(number).create_comment(text)

    def workflow_run(self, run_id: int) -> WorkflowRun:
        """Return a run of a workflow of this repository."""
        raw = self.repo.get_workflow_run(run_id).raw_data
        return WorkflowRun(
            id=int(raw["id"]),
            attempt=int(raw.get("run_attempt") or 1),
            path=str(raw.get("path") or "").partition("@")[0],
            event=str(raw.get("event") or ""),
            head_sha=str(raw.get("head_sha") or ""),
            head_branch=str(raw.get("head_branch") or ""),
            head_repository=str((raw.get("head_repository") or {}).get("full_name") or ""),
            repository=str((raw.get("repository") or {}).get("full_name") or ""),
            status=str(raw.get("status") or ""),
            conclusion=str(raw.get("conclusion") or ""),
            actor=str((raw.get("actor") or {}).get("login") or ""),
            url=str(raw.get("html_url") or ""),
        )

    def insistently(self, send: Callable[[], T], what: str) -> T:
        """Return what ``send`` returns, sending again after a 5xx: for what does no harm when it is done twice."""
        last: list[problems.Unavailable] = []

        def tried() -> tuple[T] | None:
            try:
                return (send(),)
            except problems.Unavailable as error:
                last.append(error)
                if len(last) >= self.patience.tries:
                    raise
                report.note(f"{error.message} It is tried again.")
                return None

        pause = self.patience.backoff
        try:
            return wait.until(
                tried, what, timeout=self.patience.tries * (pause + self.patience.timeout), interval=pause
            )[0]
        except DeadlineExceeded:
            raise last[-1] from None

    def _asked_login(self) -> str:
        try:
            _, user = self.requester.requestJsonAndCheck("GET", "/user")
            return str(user["login"])
        except (problems.PermissionMissing, problems.NotFound):
            pass
        try:
            _, answer = self.requester.graphql_query("query { viewer { login } }", {})
            return str(answer["data"]["viewer"]["login"])
        except (problems.GitHubError, KeyError, TypeError):
            return ACTIONS_BOT


def comment_of(comment: IssueComment) -> Comment:
    """Return PyGithub's comment as ours, sending nothing."""
    user: Any = comment.user  # null for a deleted account
    return Comment(
        id=comment.id,
        author=user.login if user is not None else GHOST,
        body=comment.body or "",
        created=comment.created_at,
        updated=comment.updated_at,
        edited=comment.created_at != comment.updated_at,
        url=comment.html_url or "",
        node_id=comment.node_id or "",
    )


def may(permission: str, needed: str) -> bool:
    """Whether ``permission`` includes ``needed``."""
    return PERMISSIONS.index(permission) >= PERMISSIONS.index(needed)


_TOKEN_HINT = (
    "In a workflow give the step `env: GITHUB_TOKEN: ${{ github.token }}`; at a terminal: "  # noqa: S105 - words
    "export GITHUB_TOKEN=$(gh auth token)."
)
