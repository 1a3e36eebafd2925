"""A repository on the simulated GitHub, with Actions: what people do there, and the runs that it starts.

People push, open, comment and merge; :meth:`Hosted.deliver` then starts the runs that GitHub would start for what
happened since, by the ``on`` of the workflow files in the right commit, and each run gets the token and the secrets
that GitHub would give it: a fork's pull request a token that only reads, and no secrets.
"""

from __future__ import annotations

import fnmatch
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from automation.simulators.github import deeds, events
from automation.simulators.github.model import Comment, Event, Issue, Repository, Token, Workflow, WorkflowRun
from automation.simulators.github.world import World
from tests.e2e.act import Act, Outcome, Running, granted

WORKFLOWS = ".github/workflows"
BOT = "github-actions[bot]"


@dataclass
class Ran:
    """A run that has ended, or with ``running`` one at work."""

    path: str
    event: Event
    record: WorkflowRun
    running: Running

    @property
    def outcome(self) -> Outcome:
        """What it left so far."""
        return self.running.outcome


@dataclass
class Hosted:
    """The repository ``name`` of ``world``, whose commits are in the bare Git repository ``origin``.

    ``desk`` is a clone in which people work, ``secrets`` are those of its environments, ``only`` are the workflows that
    run (by file name).
    """

    world: World
    name: str
    origin: Path
    desk: Path
    act: Act
    secrets: Mapping[str, str]
    only: Sequence[str]
    history: list[Ran] = field(default_factory=list)
    _delivered: int = 0

    @property
    def repository(self) -> Repository:
        """What the simulator knows of it."""
        return self.world.repository(self.name)

    # what people do

    def commit(self, branch: str, files: Mapping[str, str | None], message: str) -> str:
        """Push a commit to a branch, which starts at main where it is new; None as a text removes a file."""
        git(self.desk, "fetch", "-q", "--prune", "origin")
        known = subprocess.run(
            ["git", "-C", str(self.desk), "rev-parse", "-q", "--verify", f"origin/{branch}"],
            check=False,
            capture_output=True,
        )
        git(self.desk, "checkout", "-q", "-B", branch, f"origin/{branch}" if known.returncode == 0 else "origin/main")
        for name, text in files.items():
            file = self.desk / name
            if text is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        git(self.desk, "add", "-A")
        git(self.desk, "commit", "-q", "-m", message)
        return git(self.desk, "rev-parse", "HEAD")

    def push(self, branch: str, files: Mapping[str, str | None], message: str, *, login: str = "ada") -> str:
        """Commit to a branch and push it."""
        before = self.head(branch)
        sha = self.commit(branch, files, message)
        git(self.desk, "push", "-q", "origin", branch)
        with self.world.store.lock:
            deeds.moved(self.world, self.repository, f"refs/heads/{branch}", before, sha, login)
        return sha

    def head(self, branch: str = "main") -> str | None:
        """Return the commit that a branch is at."""
        return self.world.git(self.repository).branch(branch)

    def open_pull(self, branch: str, title: str, *, login: str = "ada") -> int:
        """Open a pull request of ``branch`` (or ``owner:branch`` of a fork) into main; return its number."""
        with self.world.store.lock:
            self.world.store.ensure_user(login)
            opened = deeds.open_pull(self.world, self.repository, head=branch, base="main", title=title, login=login)
            return opened.number

    def comment(self, number: int, body: str, *, login: str = "ada") -> None:
        """Comment on a pull request."""
        with self.world.store.lock:
            self.world.store.ensure_user(login)
            deeds.comment(self.world, self.repository, self.pull(number), body, login)

    def merge(self, number: int, *, login: str = "ada", method: deeds.Method = "merge") -> str:
        """Merge a pull request; return the commit that main is then at."""
        with self.world.store.lock:
            return deeds.merge(self.world, self.repository, self.pull(number), login=login, method=method)

    def close(self, number: int, *, login: str = "ada") -> None:
        """Close a pull request without merging it."""
        with self.world.store.lock:
            deeds.set_state(self.world, self.repository, self.pull(number), "closed", login)

    def tick(self, workflow: str) -> None:
        """Let the schedule of a workflow come round."""
        with self.world.store.lock:
            events.of_schedule(self.world, self.repository, "17 5 * * *", f"{WORKFLOWS}/{workflow}")

    # what people see

    def pull(self, number: int) -> Issue:
        """Return a pull request."""
        return self.world.issue(self.repository, number, pull=True)

    def comments(self, number: int, *, by: str = BOT, hidden: bool = False) -> list[Comment]:
        """Return the comments of somebody on a pull request or an issue, without those that are collapsed."""
        found = [one for one in self.repository.comments if one.issue == number and one.login == by]
        return [one for one in found if hidden or one.minimized is None]

    def statuses(self, number: int) -> dict[str, tuple[str, str]]:
        """Return the newest status of each context on a pull request's head: state and description."""
        pull = self.pull(number).pull
        assert pull is not None
        found = [one for one in self.repository.statuses if one.sha == pull.head_sha]
        return {one.context: (one.state, one.description or "") for one in sorted(found, key=lambda one: one.id)}

    def issues(self, state: str = "open") -> list[Issue]:
        """Return the issues that are no pull requests."""
        return [one for one in self.repository.issues if one.pull is None and one.state == state]

    # what Actions does

    def deliver(self, *, seen: Callable[[str], None] | None = None) -> list[Ran]:
        """Start the runs for all that happened since, one after another; return them when they have ended."""
        return [self.finish(ran) for ran in self.begin(seen=seen, wait=True)]

    def begin(self, *, seen: Callable[[str], None] | None = None, wait: bool = False) -> list[Ran]:
        """Start the runs for all that happened since; with ``wait`` each when the one before has ended."""
        with self.world.store.lock:
            fresh = [one for one in self.world.store.state.events[self._delivered :] if one.triggers]
            self._delivered = len(self.world.store.state.events)
        started = []
        for event in fresh:
            if event.repository != self.name:
                continue
            for path, text, sha, ref in self._called_for(event):
                ran = self._start(path, text, sha, ref, event, seen)
                started.append(ran)
                if wait:
                    ran.running.wait()
        return started

    def again(self, ran: Ran) -> Ran:
        """Run a run's jobs again, as the button does: the same event and commit, the next attempt."""
        with self.world.store.lock:
            ran.record.run_attempt += 1
        where = next(one for one in self._called_for(ran.event) if one[0] == ran.path)
        return self.finish(self._start(*where, ran.event, None, record=ran.record))

    def finish(self, ran: Ran) -> Ran:
        """Wait for the end of a run and note what became of it."""
        outcome = ran.running.wait()
        return self.ended(ran, outcome)

    def ended(self, ran: Ran, outcome: Outcome) -> Ran:
        """Note what became of a run."""
        with self.world.store.lock:
            ran.record.status, ran.record.conclusion = "completed", outcome.conclusion
            ran.record.updated_at = self.world.store.now()
        return ran

    def _start(
        self,
        path: str,
        text: str,
        sha: str,
        ref: str,
        event: Event,
        seen: Callable[[str], None] | None,
        *,
        record: WorkflowRun | None = None,
    ) -> Ran:
        pull = event.payload.get("pull_request") or {}
        head = pull.get("head") or {
            "sha": sha,
            "ref": ref.removeprefix("refs/heads/"),
            "repo": {"full_name": self.name},
        }
        trusted = head["repo"]["full_name"] == self.name
        permissions = granted(text) if trusted else dict.fromkeys(granted(text), "read")
        with self.world.store.lock:
            store, repository = self.world.store, self.repository
            now = store.now()
            if record is None:
                workflow = self._workflow(path, text)
                record = WorkflowRun(
                    store.new_id(), len(repository.runs) + 1, workflow.id, event.name, head["ref"], head["sha"],
                    head["repo"]["full_name"], event.login, now, now,
                    pull_requests=[pull["number"]] if pull else [],
                )  # fmt: skip
                repository.runs.append(record)
            record.status, record.conclusion = "in_progress", None
            store.ensure_user(BOT)
            token = Token(f"ghs_{store.new_id():036d}", BOT, permissions, [self.name])
            store.state.tokens.append(token)
        running = self.act.start(
            path, event.name, event.payload, sha=sha, ref=ref, run_id=record.id, attempt=record.run_attempt,
            actor=event.login, secrets={"GITHUB_TOKEN": token.value, **(self.secrets if trusted else {})}, seen=seen,
        )  # fmt: skip
        ran = Ran(path, event, record, running)
        self.history.append(ran)
        return ran

    def _workflow(self, path: str, text: str) -> Workflow:
        found = next((one for one in self.repository.workflows if one.path == path), None)
        if found is None:
            found = Workflow(self.world.store.new_id(), yaml.safe_load(text)["name"], path, self.world.store.now())
            self.repository.workflows.append(found)
        return found

    def _called_for(self, event: Event) -> list[tuple[str, str, str, str]]:
        """Return (path, text, sha, ref) of the workflows that an event starts."""
        payload = event.payload
        if event.name == "pull_request":
            number = payload["number"]
            sha, ref = payload["pull_request"]["merge_commit_sha"], f"refs/pull/{number}/merge"
        elif event.name == "push":
            sha, ref = payload["after"], payload["ref"]
        else:
            sha, ref = self.head() or "", "refs/heads/main"
        if not sha:  # a pull request with conflicts starts nothing
            return []
        found = []
        for name in self.only:
            path = f"{WORKFLOWS}/{name}"
            text = self.act.workflow(path, sha)
            if payload.get("workflow", path) == path and starts(yaml.safe_load(text), event):
                found.append((path, text, sha, ref))
        return found


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
