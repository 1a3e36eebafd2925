"""A repository on the simulated GitHub, with Actions: what people do there, and the runs that it starts.

People push, open, comment and merge; :meth:`Hosted.deliver` then starts the runs that GitHub would start for what
happened since, by the ``on`` of the workflow files in the right commit, and each run gets the token and the secrets
that GitHub would give it: a fork's pull request a token that only reads, and no secrets.
"""

from __future__ import annotations

import fnmatch
import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automation.simulators.github import GitHubSimulator
from automation.simulators.github.model import Event
from tests.e2e.act import Act, Outcome, Running, granted, parsed

WORKFLOWS = ".github/workflows"
BOT = "github-actions[bot]"


@dataclass(frozen=True)
class Call:
    """What an event starts: the workflow file ``path`` with its ``text``, for the commit ``sha`` at ``ref``."""

    event: Event
    path: str
    text: str
    sha: str
    ref: str

    @property
    def head(self) -> tuple[str, str, str]:
        """Where the run's commits come from: repository, branch, and the commit that was pushed."""
        pull = self.event.payload.get("pull_request")
        if pull is None:
            return self.event.repository, self.ref.removeprefix("refs/heads/"), self.sha
        return pull["head"]["repo"]["full_name"], pull["head"]["ref"], pull["head"]["sha"]


@dataclass
class Ran:
    """A run, at work or ended, with its id and attempt on GitHub and the token that it was given."""

    call: Call
    number: int
    attempt: int
    token: str
    running: Running

    @property
    def outcome(self) -> Outcome:
        """What it left so far."""
        return self.running.outcome


@dataclass
class Hosted:
    """The repository ``name`` of ``hub``, whose commits are in the bare Git repository ``origin``.

    ``secrets`` are those of its environments, ``workflows`` the files that run here.
    """

    hub: GitHubSimulator
    name: str
    origin: Path
    act: Act
    secrets: Mapping[str, str]
    workflows: Sequence[str]
    history: list[Ran] = field(default_factory=list)
    _delivered: int = 0

    # what people see

    def comments(self, number: int, *, by: str = BOT, hidden: bool = False) -> list[dict[str, Any]]:
        """Return the comments of somebody on a pull request or an issue, without those that are collapsed."""
        found = [one for one in self.hub.comments(self.name, number) if one["user"]["login"] == by]
        return [one for one in found if hidden or one["minimized"] is None]

    def statuses(self, sha: str) -> dict[str, tuple[str, str]]:
        """Return the newest status of each context on a commit: state and description."""
        with self.hub.world.store.lock:
            found = [one for one in self.hub.world.repository(self.name).statuses if one.sha == sha]
        return {one.context: (one.state, one.description or "") for one in sorted(found, key=lambda one: one.id)}

    def head_of(self, number: int) -> str:
        """Return the commit at the head of a pull request."""
        return git(self.origin, "rev-parse", f"refs/pull/{number}/head")

    def issues(self, state: str = "open") -> list[tuple[int, str, str]]:
        """Return number, title and text of the issues that are no pull requests."""
        with self.hub.world.store.lock:
            every = self.hub.world.repository(self.name).issues
            return [(one.number, one.title, one.body or "") for one in every if not one.pull and one.state == state]

    # what Actions does

    def deliver(self) -> list[Ran]:
        """Start the runs for all that happened since, one after another; return them when they have ended."""
        return [self.finish(self.start(call)) for call in self.called()]

    def called(self) -> list[Call]:
        """Return the runs to start for all that happened since the last call."""
        self.hub.events()  # what was pushed with git is noticed
        with self.hub.world.store.lock:
            events = self.hub.world.store.state.events
            fresh, self._delivered = events[self._delivered :], len(events)
        mine = [event for event in fresh if event.triggers and event.repository == self.name]
        return [call for event in mine for call in self._called_for(event)]

    def start(
        self, call: Call, *, number: int | None = None, attempt: int = 1, seen: Callable[[str], None] | None = None
    ) -> Ran:
        """Start a run; with ``number`` as another attempt of that run. ``seen`` gets the lines of its log."""
        repository, branch, pushed = call.head
        trusted = repository == self.name
        permissions = granted(call.text) if trusted else dict.fromkeys(granted(call.text), "read")
        number = self.hub.add_run(
            self.name, call.path, pushed, event=call.event.name, head_branch=branch, head_repository=repository,
            actor=call.event.login, status="in_progress", attempt=attempt, run_id=number,
        )  # fmt: skip
        token = self.hub.create_token(permissions=permissions, repositories=[self.name])
        running = self.act.start(
            call.path, call.event.name, call.event.payload, sha=call.sha, ref=call.ref, run_id=number, attempt=attempt,
            actor=call.event.login, secrets={"GITHUB_TOKEN": token, **(self.secrets if trusted else {})},
            seen=seen,
        )  # fmt: skip
        ran = Ran(call, number, attempt, token, running)
        self.history.append(ran)
        return ran

    def finish(self, ran: Ran, timeout: float = 600) -> Ran:
        """Wait for the end of a run."""
        self.hub.finish_run(self.name, ran.number, ran.running.wait(timeout).conclusion)
        for folder in sorted((self.act.artifacts / str(ran.number)).glob("*")):
            self.hub.upload_artifact(self.name, ran.number, folder.name, _zip(folder))
            shutil.rmtree(folder)
        return ran

    def kill(self, ran: Ran) -> Ran:
        """Let the runner die under a run."""
        ran.running.kill()
        self.hub.finish_run(self.name, ran.number, "failure")
        return ran

    def cancel(self, ran: Ran, work: str) -> Ran:
        """Cancel a run, as the button does."""
        ran.running.cancel(work)
        self.hub.finish_run(self.name, ran.number, "cancelled")
        return ran

    def again(self, ran: Ran) -> Ran:
        """Run all jobs of a run again, as the button does: the same event and commit, the next attempt."""
        return self.finish(self.start(ran.call, number=ran.number, attempt=ran.attempt + 1))

    def _called_for(self, event: Event) -> list[Call]:
        payload = event.payload
        if event.name == "pull_request":
            sha, ref = payload["pull_request"]["merge_commit_sha"], f"refs/pull/{payload['number']}/merge"
        elif event.name == "push":
            sha, ref = payload["after"], payload["ref"]
        else:
            sha, ref = git(self.origin, "rev-parse", "refs/heads/main"), "refs/heads/main"
        if not sha or not sha.strip("0"):  # a pull request with conflicts starts nothing, nor does a branch that went
            return []
        found = []
        for name in self.workflows:
            path = f"{WORKFLOWS}/{name}"
            text = self.act.workflow(path, sha)
            if payload.get("workflow", path) == path and starts(parsed(text), event):
                found.append(Call(event, path, text, sha, ref))
        return found


def _zip(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return packed.getvalue()


def starts(workflow: dict[Any, Any], event: Event) -> bool:
    """Whether an event starts a workflow, by its ``on`` (which YAML 1.1 reads as true)."""
    told = workflow.get("on", workflow.get(True))
    filters = told if isinstance(told, dict) else dict.fromkeys([told] if isinstance(told, str) else told)
    if event.name not in filters:
        return False
    wanted = filters[event.name] or {}
    if not isinstance(wanted, dict):  # a schedule's list
        return True
    usual = ["opened", "synchronize", "reopened"] if event.name == "pull_request" else [event.action]
    if event.action not in wanted.get("types", usual):
        return False
    if event.name == "pull_request":
        branch = event.payload["pull_request"]["base"]["ref"]
    else:
        branch = str(event.payload.get("ref", "")).removeprefix("refs/heads/")
    return any(fnmatch.fnmatchcase(branch, pattern) for pattern in wanted.get("branches", ["*"]))


def git(folder: Path, *arguments: str) -> str:
    """Run git as nobody in particular and return what it says."""
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()
