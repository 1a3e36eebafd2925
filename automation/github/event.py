"""What started this run on GitHub Actions: the run, and the event with its pull request or comment.

The variables are those of the runner (``GITHUB_*``); the payload is the file at ``GITHUB_EVENT_PATH`` and has the
shape of the webhook of the same name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from automation.errors import ConfigurationError

GHOST = "ghost"  # how GitHub names an account that was deleted
NO_COMMIT = "0" * 40  # what a push has as ``before`` when it creates a branch
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Run:
    """A run of a workflow. ``workflow`` is the path of its file; ``sha`` of a pull request is its merge commit."""

    repository: str
    run_id: int
    run_attempt: int
    workflow: str
    event_name: str
    sha: str
    ref: str
    actor: str
    server_url: str

    @property
    def url(self) -> str:
        """The page of this very attempt."""
        base = f"{self.server_url}/{self.repository}/actions/runs/{self.run_id}"
        return f"{base}/attempts/{self.run_attempt}" if self.run_attempt > 1 else base


@dataclass(frozen=True)
class PullRequest:
    """A pull request; ``head_sha`` is the commit that was pushed, ``state`` is ``open`` or ``closed``.

    ``from_fork`` is true as well where the fork was deleted: nothing is known of where its commits come from.
    """

    number: int
    head_sha: str
    base_sha: str
    base_ref: str
    head_repository: str
    from_fork: bool
    author: str
    state: str
    merged: bool
    merge_commit_sha: str | None
    labels: tuple[str, ...]
    head_ref: str = ""
    title: str = ""
    url: str = ""

    @classmethod
    def from_payload(cls, raw: Mapping[str, Any]) -> PullRequest:
        """Read the shape that events and the REST API share. Raises ConfigurationError where it is another."""
        with _reading("the pull request"):
            base, head = raw["base"], raw["head"]
            here = base["repo"]["full_name"]
            there = (head.get("repo") or {}).get("full_name") or ""
            return cls(
                number=_integer(raw["number"]),
                head_sha=_text(head["sha"]),
                base_sha=_text(base["sha"]),
                base_ref=_text(base["ref"]),
                head_repository=there,
                from_fork=there.lower() != here.lower(),
                author=login(raw.get("user")),
                state=_text(raw["state"]),
                # Lists leave "merged" out; "merged_at" is in all shapes.
                merged=bool(raw.get("merged") or raw.get("merged_at")),
                merge_commit_sha=raw.get("merge_commit_sha"),
                labels=tuple(_text(label["name"]) for label in raw.get("labels") or ()),
                head_ref=_text(head.get("ref") or ""),
                title=_text(raw.get("title") or ""),
                url=_text(raw.get("html_url") or ""),
            )


@dataclass(frozen=True)
class Comment:
    """A comment on a pull request or an issue; ``edited`` when it was changed after it was written."""

    id: int
    author: str
    body: str
    created: datetime
    updated: datetime
    edited: bool
    url: str = ""
    node_id: str = field(default="", repr=False)

    @classmethod
    def from_payload(cls, raw: Mapping[str, Any]) -> Comment:
        """Read the shape that events and the REST API share. Raises ConfigurationError where it is another."""
        with _reading("the comment"):
            created, updated = _moment(raw["created_at"]), _moment(raw["updated_at"])
            return cls(
                id=_integer(raw["id"]),
                author=login(raw.get("user")),
                body=_text(raw.get("body") or ""),
                created=created,
                updated=updated,
                edited=created != updated,
                url=_text(raw.get("html_url") or ""),
                node_id=_text(raw.get("node_id") or ""),
            )


@dataclass(frozen=True)
class Event:
    """What happened. ``before`` is the commit that a pushed branch was at, None where it is new."""

    run: Run
    pull_request: PullRequest | None
    comment: Comment | None
    action: str
    before: str | None
    payload: Mapping[str, Any] = field(repr=False)

    @property
    def number(self) -> int | None:
        """The number of the pull request or issue that this is about."""
        if self.pull_request is not None:
            return self.pull_request.number
        issue = self.payload.get("issue")
        return int(issue["number"]) if isinstance(issue, Mapping) else None

    @property
    def on_pull_request(self) -> bool:
        """Whether this is about a pull request: comments on issues arrive as the same event."""
        issue = self.payload.get("issue")
        return self.pull_request is not None or (isinstance(issue, Mapping) and bool(issue.get("pull_request")))

    @property
    def head_sha(self) -> str:
        """The commit to report on: the head of the pull request, else the commit of the run."""
        return self.pull_request.head_sha if self.pull_request is not None else self.run.sha

    @property
    def inputs(self) -> Mapping[str, str]:
        """What was given to a ``workflow_dispatch``."""
        given = self.payload.get("inputs")
        return {str(key): str(value) for key, value in given.items()} if isinstance(given, Mapping) else {}


def current(environ: Mapping[str, str] = os.environ) -> Event | None:
    """Return the event that started this job; None outside of GitHub Actions.

    Raises ConfigurationError when a variable or the event file is missing or not as GitHub writes it.
    """
    if environ.get("GITHUB_ACTIONS") != "true":
        return None
    run = _run(environ)
    payload = _payload(environ)
    name = run.event_name
    pull = payload.get("pull_request")
    if name.startswith("pull_request") and pull is None:
        raise _unreadable(f"the event is {name!r}, but its payload has no pull request")
    comment = payload.get("comment")
    if name == "issue_comment" and not (isinstance(comment, Mapping) and isinstance(payload.get("issue"), Mapping)):
        raise _unreadable("the event is 'issue_comment', but its payload lacks the comment or its issue")
    if isinstance(payload.get("issue"), Mapping):
        with _reading("the issue"):
            _integer(payload["issue"]["number"])
    return Event(
        run=run,
        pull_request=PullRequest.from_payload(pull) if pull is not None else None,
        comment=Comment.from_payload(comment) if name == "issue_comment" and comment is not None else None,
        action=str(payload.get("action") or ""),
        before=_before(payload) if name == "push" else None,
        payload=payload,
    )


def login(user: object) -> str:
    """Return the login of a ``user`` in a payload; deleted accounts are null there."""
    return str(user["login"]) if isinstance(user, Mapping) and user.get("login") else GHOST


def repository_name(text: str) -> str:
    """Return ``text`` if it is an ``owner/name``. Raises ConfigurationError if not."""
    if not _REPOSITORY.fullmatch(text) or text.endswith(("/.", "/..")):
        raise ConfigurationError(
            f"{text!r} is not a repository on GitHub.", hint="Give owner/name, such as octo-org/infrastructure."
        )
    return text


def _run(environ: Mapping[str, str]) -> Run:
    def given(name: str) -> str:
        value = environ.get(name, "")
        if not value:
            raise ConfigurationError(
                f"The variable {name} is not set, though GITHUB_ACTIONS says that this is a job of GitHub Actions.",
                hint="Outside of GitHub Actions unset GITHUB_ACTIONS; in a container pass the GITHUB_* variables on.",
            )
        return value

    def number(name: str, text: str) -> int:
        if not text.isascii() or not text.isdigit():
            raise ConfigurationError(f"The variable {name} is {text!r}, which is not a number.")
        return int(text)

    repository = repository_name(given("GITHUB_REPOSITORY"))
    return Run(
        repository=repository,
        run_id=number("GITHUB_RUN_ID", given("GITHUB_RUN_ID")),
        run_attempt=number("GITHUB_RUN_ATTEMPT", environ.get("GITHUB_RUN_ATTEMPT") or "1"),
        workflow=workflow_path(environ.get("GITHUB_WORKFLOW_REF", ""), repository),
        event_name=given("GITHUB_EVENT_NAME"),
        sha=environ.get("GITHUB_SHA", ""),
        ref=environ.get("GITHUB_REF", ""),
        actor=environ.get("GITHUB_ACTOR", ""),
        server_url=environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/"),
    )


def workflow_path(reference: str, repository: str) -> str:
    """Return ``.github/workflows/plan.yml`` of ``owner/name/.github/workflows/plan.yml@refs/heads/main``.

    Empty where the reference is of another repository (a reusable workflow) or is not set.
    """
    path, _, _ = reference.partition("@")
    prefix = f"{repository}/"
    return path[len(prefix) :] if path.lower().startswith(prefix.lower()) else ""


def _payload(environ: Mapping[str, str]) -> Mapping[str, Any]:
    where = environ.get("GITHUB_EVENT_PATH", "")
    if not where:
        raise _unreadable("the variable GITHUB_EVENT_PATH is not set")
    try:
        payload = json.loads(Path(where).read_bytes())
    except OSError as error:
        raise _unreadable(f"the file {where} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"the file {where} is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise _unreadable(f"the file {where} holds no JSON object")
    return payload


def _before(payload: Mapping[str, Any]) -> str | None:
    before = payload.get("before")
    return before if isinstance(before, str) and before and before != NO_COMMIT else None


class _reading:  # noqa: N801 - read as a statement: with _reading("the comment")
    """Turns what a payload of another shape raises into one error that names the part."""

    def __init__(self, part: str) -> None:
        self._part = part

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KeyError):
            raise _unreadable(f"{self._part} lacks {error}") from error
        if isinstance(error, TypeError | ValueError | AttributeError):
            raise _unreadable(f"{self._part} has another shape: {error}") from error


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is not a number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return moment


def _unreadable(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"The event of this run cannot be read: {what}.",
        hint="GITHUB_EVENT_PATH names the JSON file of the event, which the runner writes; with act it is given by -e.",
    )
