"""Who may change an environment: one pull request at a time, from its plan to its merge or close.

The words are shared by the two places that can keep such a lock without a server of our own: the state
bucket (:mod:`automation.opentofu.locks`) and, where the store ignores conditional writes, a Git reference
on GitHub (:mod:`automation.github.locks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from automation.errors import Refused


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: a pull request of a repository (``owner/name``); ``actor`` and ``run_url`` are for people."""

    repository: str
    pull_request: int
    actor: str = ""
    run_url: str = ""

    def same_as(self, other: Holder) -> bool:
        """Whether both are the same pull request, whoever acts for it."""
        return (self.repository, self.pull_request) == (other.repository, other.pull_request)


@dataclass(frozen=True)
class Lock:
    """A lock that is held; ``stolen_from`` and ``reason`` are its trace where it was taken on purpose."""

    environment: str
    holder: Holder
    since: datetime
    stolen_from: Holder | None = None
    reason: str = ""


class LockHeld(Refused):
    """Another pull request holds the environment; ``lock`` says which, who and since when."""

    def __init__(self, lock: Lock) -> None:
        who = f" ({lock.holder.actor})" if lock.holder.actor else ""
        super().__init__(
            f"The environment {lock.environment} is locked by {lock.holder.repository}#{lock.holder.pull_request}{who}"
            f" since {lock.since:%Y-%m-%d %H:%M} UTC.",
            hint="Merge or close that pull request, or take the lock on purpose: "
            f"'dogitops locks steal {lock.environment} --reason …' (a trace is kept).",
        )
        self.lock = lock


class EnvironmentLocks(Protocol):
    """Locks on environments; each change of a lock is atomic at the place that keeps it."""

    def acquire(self, environment: str, holder: Holder) -> Lock:
        """Take the lock, or find it ours already. Raises LockHeld when another pull request holds it."""
        ...

    def release(self, environment: str, holder: Holder) -> bool:
        """Give the lock back; return whether it was ours. Another's lock is left as it is."""
        ...

    def steal(self, environment: str, holder: Holder, reason: str) -> Lock:
        """Take the lock from whoever has it, and keep a trace of from whom and why."""
        ...

    def held(self) -> list[Lock]:
        """Return all locks that are held, by environment."""
        ...
