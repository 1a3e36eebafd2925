"""What is known of an environment's last apply and of its drift: from GitHub, where workflows tell of both."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from automation.errors import DogitopsError
from automation.github import history, issues, problems
from automation.github.client import GitHub
from automation.jobs.pull_requests.pull_request import STATUS
from automation.jobs.status.cluster import unknown
from automation.jobs.status.recovery import store
from automation.overview import words
from automation.overview.document import Apply, Drift
from automation.site import Site

T = TypeVar("T")

DRIFT_WORKFLOW: Final = "drift.yml"
DRIFT_JOB: Final = "Drift of "  # and the environment's name: so drift.yml names its jobs
DRIFT_LIMIT: Final = timedelta(days=2)  # it is looked for every day
_COMMENTS: Final = 300  # of the repository, the newest
_RUNS: Final = 5
_LATER: Final = timedelta(minutes=10)  # a state that is written so long after an apply was written by another one


class Changes:
    """What GitHub tells of all environments, asked once, when the first of them asks."""

    def __init__(self, github: GitHub | str) -> None:
        self.github = github
        self._lock = threading.Lock()
        self._kept: dict[str, Any] = {}

    def apply(self, site: Site, now: datetime) -> Apply:
        """Return the last apply by a pull request; where none is known, when the state was written last."""
        written, why_not = _state(site)
        if not site.environment.shared:
            return _alone(written, why_not, now)
        if isinstance(self.github, str):
            return _by_state(written, f"{self.github}; {why_not}" if why_not else self.github, now)
        try:
            found = self._last_apply(site.name, now)
        except DogitopsError as error:
            return _by_state(written, error.message, now)
        if found is None:
            reason = "no pull request has told of an apply"
            return _by_state(written, f"{reason}; {why_not}" if why_not else reason, now)
        if written is not None and found.at is not None and written - found.at > _LATER:
            later = f"{found.told}; the state was written again {words.ago(written, now)}"
            return found.stands(found.standing, later)
        return found

    def _last_apply(self, name: str, now: datetime) -> Apply | None:
        assert isinstance(self.github, GitHub)  # noqa: S101 - apply() has looked
        said = next((one for one in self._said() if one.header.environment == name), None)
        if said is None:
            return None
        pull = self.github.pull_request(said.number)
        commit = pull.merge_commit_sha or said.header.head_sha
        last = history.status(self.github, said.header.head_sha, f"{STATUS}/{name}")
        told: dict[str, Any] = {"commit": commit, "pull_request": said.number, "url": said.url}
        by = f"commit {commit[:7]}, by pull request {said.number}"
        if last is None:
            return Apply(**told, at=said.updated, **unknown(f"what became of pull request {said.number} is not told"))
        when = words.ago(last.since, now)
        if last.state == "success" and last.description.startswith("applied"):
            return Apply(**told, at=last.since, standing="good", told=f"{when}, {by}")
        if last.state == "pending":
            return Apply(**told, at=last.since, **unknown(f"{last.description} since {when}, {by}"))
        return Apply(**told, at=last.since, standing="bad", told=f"{last.description} {when}, {by}")

    def drift(self, site: Site, now: datetime) -> Drift:
        """Return what the workflow of drift last saw."""
        if not site.environment.shared:
            return Drift(standing="neutral", told=f"no schedule looks ('dogitops drift {site.name}' does)")
        if isinstance(self.github, str):
            return Drift(**unknown(self.github))
        try:
            issue, last = self._issues().get(site.name), self._looked().get(site.name)
        except DogitopsError as error:
            return Drift(**unknown(error.message))
        return _drift(issue, last, now)

    def _said(self) -> list[history.Said]:
        return self._once("comments", lambda github: list(history.said(github, "apply", most=_COMMENTS)))

    def _issues(self) -> dict[str, issues.Issue]:
        return self._once("issues", history.drift_issues)

    def _looked(self) -> dict[str, history.Looked]:
        """Return the newest look at each environment."""

        def ask(github: GitHub) -> dict[str, history.Looked]:
            found: dict[str, history.Looked] = {}
            with contextlib.suppress(problems.NotFound):  # the workflow has never run
                for one in history.looked(github, DRIFT_WORKFLOW, most=_RUNS):
                    if one.name.startswith(DRIFT_JOB):
                        found.setdefault(one.name.removeprefix(DRIFT_JOB), one)
            return found

        return self._once("looks", ask)

    def _once(self, what: str, ask: Callable[[GitHub], T]) -> T:
        """Return what is asked for the first time, and the same, or the same error, each time after that."""
        with self._lock:
            if what not in self._kept and isinstance(self.github, GitHub):
                try:
                    self._kept[what] = ask(self.github)
                except DogitopsError as error:
                    self._kept[what] = error
        found = self._kept[what]
        if isinstance(found, DogitopsError):
            raise found
        kept: T = found
        return kept


def _drift(issue: issues.Issue | None, last: history.Looked | None, now: datetime) -> Drift:
    if last is None:
        if issue is not None:
            return Drift(standing="bad", told=f"found: issue {issue.number} is open", url=issue.url)
        return Drift(**unknown(f"the newest runs of {DRIFT_WORKFLOW} have not looked at it"))
    when = words.ago(last.ended, now)
    if last.conclusion == "success":
        told: dict[str, Any] = {"standing": "good", "told": f"none, {when}"}
    elif issue is not None:
        told = {"standing": "bad", "told": f"found: issue {issue.number}, {when}"}
    else:
        told = unknown(f"the last look, {when}, failed")
    if told["standing"] == "good" and now - last.ended > DRIFT_LIMIT:
        told = unknown(f"it was last looked for {when}; there was none then")
    return Drift(**told, looked=last.ended, url=issue.url if issue and told["standing"] == "bad" else last.url)


def _state(site: Site) -> tuple[datetime | None, str]:
    """Return when OpenTofu's state was last written, else why that is not known."""
    told = site.environment.state
    try:
        found = [one for one in store(site).objects(told.bucket, told.key) if one.key == told.key]
    except DogitopsError as error:
        return None, error.message
    return (found[0].modified, "") if found else (None, "there is no state, so nothing was ever applied")


def _alone(written: datetime | None, why_not: str, now: datetime) -> Apply:
    """Return the last apply of what no pull request applies: nobody keeps by which commit."""
    if written is None:
        return Apply(**unknown(why_not))
    return Apply(standing="neutral", told=f"{words.ago(written, now)}, when its state was written", at=written)


def _by_state(written: datetime | None, reason: str, now: datetime) -> Apply:
    if written is None:
        return Apply(**unknown(reason))
    told = f"its state was written {words.ago(written, now)}; by which commit is not known here"
    return Apply(standing="unknown", told=f"unknown: {told} ({reason})", at=written)
