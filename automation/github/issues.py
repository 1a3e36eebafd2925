"""One issue for each environment that has drifted: opened, kept up to date, and closed when the drift is gone."""

from __future__ import annotations

from dataclasses import dataclass

from github.Issue import Issue as GitHubIssue

from automation import report
from automation.errors import DogitopsError
from automation.github import comments, problems
from automation.github.client import GitHub
from automation.github.event import GHOST

LABEL = "drift"
_KIND = "drift"
_LABEL_COLOUR = "d4a72c"
_TITLE = 256  # characters; GitHub refuses a longer title
_ROUNDS = 10


@dataclass(frozen=True)
class Issue:
    """An issue; ``url`` is its page."""

    number: int
    title: str
    body: str
    state: str
    url: str


def find(github: GitHub, environment: str) -> Issue | None:
    """Return the open drift issue of an environment, if there is one."""
    return next((_issue_of(issue) for issue in _ours(github, environment)), None)


def upsert(github: GitHub, environment: str, title: str, body: str, *, run_id: int = 0) -> Issue:
    """Open the drift issue of an environment, or write the open one anew; return it.

    It carries the label ``drift`` and our hidden header; an issue by others with such a header is left alone.
    Raises GitHubError, or DogitopsError for a text that is too long.
    """
    text = comments.compose(comments.Header(_KIND, environment, run_id=run_id), body)
    line = " ".join(title.split())
    line = line if len(line) <= _TITLE else f"{line[: _TITLE - 1]}…"
    _label(github)
    for _ in range(_ROUNDS):
        # After a 5xx the whole round is done again: it begins by looking for what may have taken effect.
        settled = github.insistently(
            lambda: _round(github, environment, line, text), f"the drift issue of {environment}"
        )
        if settled is not None:
            return settled
    raise DogitopsError(
        f"The drift issue of {environment} is being rewritten by others all the time.",
        hint="Let one drift workflow run at a time, by a concurrency group.",
    )


def close(github: GitHub, environment: str, comment: str) -> Issue | None:
    """Close the drift issue of an environment with a last comment; return it, None where none was open."""
    found = _ours(github, environment)
    for issue in found:
        # Closing first: a run that dies between the two leaves no issue that looks as if drift were there.
        issue.edit(state="closed", state_reason="completed")
        issue.create_comment(comment)
    return _issue_of(found[0]) if found else None


def _round(github: GitHub, environment: str, title: str, text: str) -> Issue | None:
    found = _ours(github, environment)
    if not found:
        github.repo.create_issue(title=title, body=text, labels=[LABEL])
        return None
    keeper, *others = found
    if keeper.title != title or comments.read(keeper.body or "") != comments.read(text):
        keeper.edit(title=title, body=text)
    for other in others:  # two runs opened one at the same time: the oldest stays
        report.note(f"Closing #{other.number}: #{keeper.number} is about the same drift.")
        other.edit(state="closed", state_reason="not_planned")
    return _issue_of(keeper)


def _ours(github: GitHub, environment: str) -> list[GitHubIssue]:
    """Return our open drift issues of an environment, oldest first. Pull requests are issues too: not ours."""
    found = []
    for issue in github.repo.get_issues(state="open", labels=[LABEL]):
        written = comments.read(issue.body or "")
        author = issue.user.login if issue.user is not None else GHOST
        if (
            written is not None
            and written.header.about == (_KIND, environment)
            and issue.pull_request is None
            and author.lower() == github.login().lower()
        ):
            found.append(issue)
    return sorted(found, key=lambda issue: issue.number)


def _label(github: GitHub) -> None:
    try:
        github.insistently(
            lambda: github.repo.create_label(LABEL, _LABEL_COLOUR, "Reality differs from what Git describes"),
            f"the label {LABEL}",
        )
    except problems.Invalid:
        return  # it is there already


def _issue_of(issue: GitHubIssue) -> Issue:
    return Issue(issue.number, issue.title, issue.body or "", issue.state, issue.html_url)
