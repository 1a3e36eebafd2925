"""Locks on environments kept on GitHub, as commits on a reference of each: ``refs/dogitops/locks/ENV``.

For object stores that ignore conditional writes. GitHub makes a reference only where there is none, and moves one
without ``force`` only to a descendant; both are atomic. So every change of a lock is a commit on top of the one that
was read, of two at once one wins, and the history of the reference is the trace. A lock that is given back is a
commit too: deleting is not conditional. Branch lists and clones do not show these references.

The token needs the permission ``contents: write``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from github.GitCommit import GitCommit
from github.InputGitTreeElement import InputGitTreeElement

from automation import wait
from automation.errors import ConfigurationError, DogitopsError
from automation.github import problems
from automation.github.client import GitHub
from automation.locks import Holder, Lock, LockHeld

T = TypeVar("T")

_PREFIX = "dogitops/locks"
_FENCE = "---"  # between what people read and the JSON
_ENVIRONMENT = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_README = "Each commit on this reference is a change of a lock of dogitops; its message says which.\n"
_PATIENCE = 30.0  # seconds; each round in which another was faster takes one request or three


@dataclass(frozen=True)
class _Tip:
    """Where a lock's reference is: its commit, and the lock in it (None: it was given back)."""

    commit: GitCommit
    lock: Lock | None

    @property
    def sha(self) -> str:
        return self.commit.sha


@dataclass(frozen=True)
class RefLocks:
    """Locks of the repository that ``github`` speaks for; see :class:`automation.locks.EnvironmentLocks`."""

    github: GitHub
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def acquire(self, environment: str, holder: Holder) -> Lock:
        """Take the lock, or find it ours already. Raises LockHeld when another pull request holds it."""

        def step() -> Lock | None:
            tip = self._tip(environment)
            if tip is not None and tip.lock is not None:
                if not tip.lock.holder.same_as(holder):
                    raise LockHeld(tip.lock)
                return tip.lock
            lock = Lock(environment, holder, self.now())
            return lock if self._move(environment, tip, f"{_who(holder)} locks {environment}", lock) else None

        return self._until(step, environment)

    def release(self, environment: str, holder: Holder) -> bool:
        """Give the lock back; return whether it was ours. Another's lock is left as it is."""

        def step() -> tuple[bool] | None:
            tip = self._tip(environment)
            if tip is None or tip.lock is None or not tip.lock.holder.same_as(holder):
                return (False,)
            return (True,) if self._move(environment, tip, f"{_who(holder)} unlocks {environment}", None) else None

        return self._until(step, environment)[0]

    def steal(self, environment: str, holder: Holder, reason: str) -> Lock:
        """Take the lock from whoever has it; the trace is in the lock and in the reference's history."""
        if not reason.strip():
            raise ConfigurationError("A lock is stolen for a reason, and none is given.", hint="Say why: --reason …")

        def step() -> Lock | None:
            tip = self._tip(environment)
            robbed = tip.lock.holder if tip is not None and tip.lock is not None else None
            if robbed is not None and robbed.same_as(holder) and tip is not None:
                return tip.lock
            lock = Lock(environment, holder, self.now(), robbed, reason)
            title = f"{_who(holder)} takes {environment}" + (f" from {_who(robbed)}" if robbed else "")
            return lock if self._move(environment, tip, title, lock) else None

        return self._until(step, environment)

    def held(self) -> list[Lock]:
        """Return all locks that are held, by environment."""
        references = self.github.repo.get_git_matching_refs(f"{_PREFIX}/")
        repo = self.github.repo
        locks = (_lock_in(repo.get_git_commit(reference.object.sha), reference.ref) for reference in references)
        return sorted((lock for lock in locks if lock is not None), key=lambda lock: lock.environment)

    def _tip(self, environment: str) -> _Tip | None:
        name = _reference(environment)
        try:
            sha = self.github.repo.get_git_ref(name).object.sha
        except problems.NotFound:
            return None
        commit = self.github.repo.get_git_commit(sha)
        return _Tip(commit, _lock_in(commit, name))

    def _move(self, environment: str, tip: _Tip | None, title: str, lock: Lock | None) -> bool:
        """Put a new commit on top of ``tip``; return False where another was faster."""
        said = {"lock": _document(lock) if lock is not None else None, "at": self.now().isoformat()}
        message = f"{title}\n\n{_FENCE}\n{json.dumps(said, sort_keys=True)}"
        sha = self._commit(message, tip)
        name = _reference(environment)
        try:
            if tip is None:
                self.github.repo.create_git_ref(f"refs/{name}", sha)
            else:
                # GitRef.edit would send it to the address it was read at, which is another (git/ref, not git/refs).
                url = f"/repos/{self.github.repository}/git/refs/{name}"
                self.github.requester.requestJsonAndCheck("PATCH", url, input={"sha": sha, "force": False})
        except problems.Invalid:
            # It exists, or moved on. After a 5xx the request was sent again, so that the faster one may be ourselves.
            now = self._tip(environment)
            return now is not None and now.sha == sha
        except problems.Unavailable:
            now = self._tip(environment)
            if now is not None and now.sha == sha:
                return True
            raise
        return True

    def _commit(self, message: str, tip: _Tip | None) -> str:
        repo = self.github.repo
        # Objects that nothing points to do no harm, so that these may be sent twice.
        tree = (
            tip.commit.tree
            if tip is not None
            else self.github.insistently(
                lambda: repo.create_git_tree([InputGitTreeElement("README", "100644", "blob", content=_README)]),
                "a tree for a lock",
            )
        )
        parents = [tip.commit] if tip is not None else []
        return self.github.insistently(
            lambda: repo.create_git_commit(message, tree, parents), "a commit for a lock"
        ).sha

    def _until(self, step: Callable[[], T | None], environment: str) -> T:
        what = f"the lock of {environment} on GitHub"
        pause = min(1.0, self.github.patience.backoff)
        # Each step looks before it does anything, so that it may be done again after a 5xx.
        return wait.until(lambda: self.github.insistently(step, what), what, timeout=_PATIENCE, interval=pause)


def _reference(environment: str) -> str:
    if not _ENVIRONMENT.fullmatch(environment):
        raise ConfigurationError(f"{environment!r} is not the name of an environment.")
    return f"{_PREFIX}/{environment}"


def _lock_in(commit: GitCommit, name: str) -> Lock | None:
    try:
        raw = json.loads(commit.message.rpartition(f"\n{_FENCE}\n")[2])
        return _lock_of(raw["lock"]) if raw["lock"] is not None else None
    except (ValueError, KeyError, TypeError) as error:
        raise DogitopsError(
            f"The lock at {name} cannot be read: commit {commit.sha[:12]} is none of dogitops.",
            hint=f"Find out who wrote it. 'git push origin :refs/{name.removeprefix('refs/')}' removes the lock.",
        ) from error


def _who(holder: Holder) -> str:
    return f"{holder.repository}#{holder.pull_request}"


def _document(lock: Lock) -> dict[str, Any]:
    return {**asdict(lock), "since": lock.since.isoformat()}


def _lock_of(raw: dict[str, Any]) -> Lock:
    robbed = raw.get("stolen_from")
    return Lock(
        environment=raw["environment"],
        holder=Holder(**raw["holder"]),
        since=datetime.fromisoformat(raw["since"]),
        stolen_from=Holder(**robbed) if robbed else None,
        reason=raw.get("reason", ""),
    )
