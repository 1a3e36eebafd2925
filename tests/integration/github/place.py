"""A pull request on a simulated GitHub, with what tests do to it behind our back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from automation.github.client import ACTIONS_BOT, GitHub
from automation.github.transport import Patience
from automation.secret import Secret
from automation.simulators.github import GitHubSimulator
from automation.simulators.github.model import Comment, Issue

REPOSITORY = "octo-org/infra"
BOT = ACTIONS_BOT
QUICK = Patience(timeout=5, tries=4, backoff=0.01, longest_wait=5, secondary_wait=0.05)
EVERYTHING = {"actions": "read", "contents": "write", "issues": "write", "pull-requests": "write", "statuses": "write"}


def origin(bare: Path) -> Path:
    """Make a bare repository with the branches ``main`` and ``change``."""

    def git(*words: str, text: str = "") -> str:
        done = subprocess.run(["git", "-C", str(bare), *words], input=text, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare)], check=True)
    who = ["-c", "user.name=alice", "-c", "user.email=alice@example.org"]
    parents: list[str] = []
    for branch in ("main", "change"):
        blob = git("hash-object", "-w", "--stdin", text=f"{branch}\n")
        tree = git("mktree", text=f"100644 blob {blob}\tREADME.md\n")
        commit = git(*who, "commit-tree", "-m", branch, *parents, tree)
        git("update-ref", f"refs/heads/{branch}", commit)
        parents = ["-p", commit]
    return bare


class Place:
    """The repository REPOSITORY with the pull request ``number``, which alice opened from the branch ``change``."""

    def __init__(self, hub: GitHubSimulator, bare: Path) -> None:
        self.hub, self.bare = hub, bare
        hub.add_repository(REPOSITORY, str(bare))
        self.number = hub.open_pull_request(REPOSITORY, "change", title="Change", login="alice")

    def github(self, permissions: dict[str, str] | None = None, login: str = BOT) -> GitHub:
        """Return a client of a fresh token: a job's, or with another ``login`` a person's."""
        granted = (permissions or EVERYTHING) if login == BOT else None
        token = self.hub.create_token(login, granted)
        return GitHub(self.hub.url, Secret(token), REPOSITORY, patience=QUICK)

    def person(self, login: str, role: str) -> None:
        self.hub.set_role(REPOSITORY, login, role)

    def comment(self, login: str, body: str) -> int:
        return self.hub.comment(REPOSITORY, self.number, body, login)

    def edit(self, comment: int, body: str) -> None:
        self.hub.edit_comment(REPOSITORY, comment, body, "alice")

    def delete_comments(self) -> None:
        for comment in self.comments():
            self.hub.delete_comment(REPOSITORY, comment.id, "alice")

    def comments(self, number: int | None = None) -> list[Comment]:
        wanted = number or self.number
        with self.hub.world.store.lock:
            return [comment for comment in self._model.comments if comment.issue == wanted]

    def issues(self) -> list[Issue]:
        with self.hub.world.store.lock:
            return [issue for issue in self._model.issues if issue.pull is None]

    def issue(self, login: str, title: str, body: str, labels: list[str]) -> int:
        self.person(login, "read")
        made = self.github(login=login).repo.create_issue(title, body)
        self.hub.set_labels(REPOSITORY, made.number, labels)
        return made.number

    def fault(self, effect: str, method: str, path: str, **more: Any) -> None:
        self.hub.add_fault(effect, method, path, **more)

    def forward(self, seconds: int) -> None:
        self.hub.advance_clock(seconds)

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", "-C", str(self.bare), *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def after(self, github: GitHub, verb: str, part: str, do: Callable[[], object], times: int = 1) -> None:
        """Let something happen right after a request of ``github`` was answered: what others do between two of ours."""
        requester, left = github.requester, [times]
        send = requester.requestJsonAndCheck

        def sent(asked: str, url: str, *args: Any, **kwargs: Any) -> tuple[dict[str, Any], Any]:
            answer = send(asked, url, *args, **kwargs)
            if asked == verb and part in url and left[0]:
                left[0] -= 1
                do()
            return answer

        requester.requestJsonAndCheck = sent  # type: ignore[method-assign, assignment]

    @property
    def _model(self) -> Any:
        return self.hub.world.repository(REPOSITORY)
