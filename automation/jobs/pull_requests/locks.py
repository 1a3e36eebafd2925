"""Locks: who may change an environment, kept in the state's bucket, or on GitHub where the store can't."""

from __future__ import annotations

from automation import report
from automation.errors import ConfigurationError
from automation.github.client import GitHub
from automation.github.locks import RefLocks
from automation.locks import EnvironmentLocks, Holder, Lock
from automation.site import Site


def keeper(site: Site, github: GitHub | None = None) -> EnvironmentLocks:
    """Return what keeps the locks of ``site``; the store is probed first, never assumed to honour conditions.

    Without ``github`` the repository and the token come from the variables GITHUB_REPOSITORY and GITHUB_TOKEN, where
    they are needed. Raises ConfigurationError.
    """
    site.store.ensure_bucket(site.environment.state.bucket)
    if site.bucket_locks.probe():
        return site.bucket_locks
    report.warn("The store ignores conditional writes, so environments are locked by references on GitHub.")
    return RefLocks(github or GitHub.from_environment())


def held(site: Site) -> Lock | None:
    """Return the lock on the environment, if it is held."""
    return next((lock for lock in keeper(site).held() if lock.environment == site.name), None)


def release(site: Site, pull_request: int) -> bool:
    """Give back the lock that a pull request holds; return whether it held it."""
    lock = held(site)
    if lock is None or lock.holder.pull_request != pull_request:
        return False
    return keeper(site).release(site.name, lock.holder)


def steal(site: Site, pull_request: int, repository: str, actor: str, reason: str) -> Lock:
    """Take the lock for a pull request from whoever has it; a trace is kept. Raises ConfigurationError."""
    lock = held(site)
    name = repository or (lock.holder.repository if lock else "")
    if not name:
        raise ConfigurationError(
            f"The environment {site.name} is not locked, so there is nothing to steal.",
            hint="'dogitops locks list' shows what is locked.",
        )
    return keeper(site).steal(site.name, Holder(name, pull_request, actor), reason)
