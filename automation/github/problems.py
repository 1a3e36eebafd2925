"""What GitHub refuses or fails at, in words that say what to do. No header of a request gets in here, so no token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from automation.errors import DogitopsError
from automation.secret import masked

_A_YEAR = 365 * 24 * 3600.0  # seconds; no limit lasts longer, whatever a header says
_LONGEST_ANSWER = 500  # characters of GitHub's own words that are shown


class GitHubError(DogitopsError):
    """GitHub did not do what was asked; ``status`` is its HTTP answer, None where there was none."""

    def __init__(self, message: str, *, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(masked(message), hint=hint)
        self.status = status


class NotFound(GitHubError):  # noqa: N818 - reads as what happened
    """404 or 410: it is not there, or the token may not see it."""


class Invalid(GitHubError):  # noqa: N818 - reads as what happened
    """422 or 409: GitHub understood, and will not do it (too long, exists already, not a fast forward)."""


class Unavailable(GitHubError):  # noqa: N818 - reads as what happened
    """5xx or no answer, after all tries. A write that ended so may have taken effect: look before doing it again."""


class RateLimited(GitHubError):  # noqa: N818 - reads as what happened
    """A rate limit that ends later than we wait; ``reset`` says when."""

    def __init__(self, message: str, *, reset: datetime | None, hint: str, status: int) -> None:
        super().__init__(message, hint=hint, status=status)
        self.reset = reset


class TokenRefused(GitHubError):  # noqa: N818 - reads as what happened
    """401: no such token, or it has expired."""

    exit_code = 2


class PermissionMissing(GitHubError):  # noqa: N818 - reads as what happened
    """403: the token lacks a permission; ``permission`` names it as a workflow's ``permissions:`` does."""

    exit_code = 2

    def __init__(self, message: str, *, permission: str, hint: str) -> None:
        super().__init__(message, hint=hint, status=403)
        self.permission = permission


# What a route needs, where GitHub does not say it itself: (part of the path, permission of a workflow).
_NEEDS = (
    (r"/issues/(comments/\d+|\d+/comments)|/graphql$", "pull-requests"),
    (r"/pulls", "pull-requests"),
    (r"/statuses/", "statuses"),
    (r"/git/|/commits/|/contents/", "contents"),
    (r"/actions/", "actions"),
    (r"/issues|/labels", "issues"),
)


def from_answer(verb: str, url: str, status: int, data: Any, headers: Mapping[str, Any] | None) -> GitHubError:
    """Return the error for an answer with an error ``status``; ``data`` is its JSON, ``headers`` are in lower case."""
    said = _said(data)
    asked = f"{verb} {_path(url)}"
    text = f"GitHub answered {status} to {asked}{': ' + said if said else '.'}"
    if status == 401:  # noqa: PLR2004 - HTTP
        return TokenRefused(
            text,
            hint="The token is wrong or has expired. In a workflow pass GITHUB_TOKEN: ${{ github.token }} to the step; "
            "it is valid until the job ends. At a terminal: GITHUB_TOKEN=$(gh auth token).",
            status=status,
        )
    if status == 403:  # noqa: PLR2004 - HTTP
        return _forbidden(verb, url, text, said, headers or {})
    if status in {404, 410}:
        return NotFound(
            text,
            hint="Check that it exists. GitHub also answers so to a token that may not see the repository, "
            "or lacks the permission to read this.",
            status=status,
        )
    if status in {409, 422}:
        return Invalid(
            text, hint="GitHub understood the request and refuses it for the reason it gives.", status=status
        )
    if status >= 500:  # noqa: PLR2004 - HTTP
        return Unavailable(text, hint=_LATER, status=status)
    return GitHubError(text, hint="See what GitHub says above.", status=status)


def no_answer(verb: str, url: str, why: str) -> Unavailable:
    """Return the error for a request that got no answer: no network, a broken connection, a time-out."""
    host = urlsplit(url).netloc
    return Unavailable(
        f"No answer from GitHub{' at ' + host if host else ''} to {verb} {_path(url)}: {why}",
        hint=f"Check the network, HTTPS_PROXY and GITHUB_API_URL. {_LATER}",
    )


def rate_limited(verb: str, url: str, status: int, seconds: float, *, primary: bool) -> RateLimited:
    """Return the error for a limit that would make us wait ``seconds``, which is longer than we do."""
    reset = datetime.fromtimestamp(datetime.now(UTC).timestamp() + min(max(0.0, seconds), _A_YEAR), UTC)
    kind = "The hourly number of requests to GitHub is used up" if primary else "GitHub asks us to slow down"
    return RateLimited(
        f"{kind} ({verb} {_path(url)} was answered with {status}); it answers again at {reset:%Y-%m-%d %H:%M:%S} UTC.",
        reset=reset,
        hint="Run the job again after that time. If it happens often, fewer environments at once or a GitHub App's own "
        "token help: a workflow's token has 1,000 requests an hour for a repository.",
        status=status,
    )


_LATER = "See https://www.githubstatus.com, and run it again: what was done before is found and not done twice."


def _forbidden(verb: str, url: str, text: str, said: str, headers: Mapping[str, Any]) -> GitHubError:
    if re.search(r"archived|SAML|IP address|suspended|locked", said, re.IGNORECASE):
        return GitHubError(text, hint="No permission of the workflow helps here: see what GitHub says.", status=403)
    guessed = _guessed(verb, url)
    # GitHub names all that would do; what the route is about comes first.
    wanted = sorted(_wanted(headers), key=lambda choice: choice not in guessed) or guessed
    choice = " or ".join(f"`{one}`" for one in wanted) or "a permission"
    return PermissionMissing(
        f"{text} The token lacks {choice}.",
        permission=wanted[0] if wanted else "",
        hint=f"Give it to the job in the workflow file: `permissions:` with `{wanted[0] if wanted else '…'}`. "
        "The token of a run for a fork's pull request is read-only whatever the workflow says.",
    )


def _wanted(headers: Mapping[str, Any]) -> list[str]:
    """Return the permissions of GitHub's own header: sets that would do are parted by ``;``, their members by ``,``."""
    header = str(headers.get("x-accepted-github-permissions") or "")
    choices = []
    for group in filter(None, (part.strip() for part in header.split(";"))):
        pairs = [pair.strip().partition("=") for pair in group.split(",") if pair.strip()]
        choices.append(", ".join(f"{name.replace('_', '-')}: {level or 'read'}" for name, _, level in pairs))
    return choices


def _guessed(verb: str, url: str) -> list[str]:
    level = "read" if verb in {"GET", "HEAD"} else "write"
    path = _path(url)
    return next(([f"{name}: {level}"] for pattern, name in _NEEDS if re.search(pattern, path)), [])


def _path(url: str) -> str:
    return urlsplit(url).path


def _said(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    words = [str(data.get("message") or "")]
    for error in data.get("errors") or ():
        if isinstance(error, dict):
            detail = error.get("message") or " ".join(
                str(error[key]) for key in ("resource", "field", "code") if error.get(key)
            )
            words.append(str(detail))
        else:
            words.append(str(error))
    text = "; ".join(dict.fromkeys(word.strip() for word in words if word.strip()))
    text = " ".join(text.split())[:_LONGEST_ANSWER]
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
