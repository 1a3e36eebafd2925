"""Plans of several environments: chosen by what a change touches, and made side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from automation import environment, report
from automation.errors import DogitopsError
from automation.jobs.infrastructure import plan as one
from automation.jobs.infrastructure.review import Review, judged
from automation.jobs.sites import open_site
from automation.opentofu import changed
from automation.opentofu import text as readable
from automation.workspace import Workspace

T = TypeVar("T")
_AT_ONCE = 4


def chosen(names: Sequence[str], since: str | None) -> list[str]:
    """Return the environments to plan: ``names``, or those of them (of all, without names) touched since ``since``."""
    if since is None:
        return list(dict.fromkeys(names))
    touched = changed.environments(Workspace.find(), since)
    left = [name for name in touched if not names or name in names]
    if not left:
        report.say(f"No environment is touched by the change since {since}.")
    return left


def shared(names: Sequence[str]) -> list[str]:
    """Return those environments whose plans are a matter of pull requests: not those that live on one machine."""
    workspace = Workspace.find()
    return [name for name in names if environment.load(workspace, name).shared]


def plan(names: Sequence[str], provider: str | None) -> dict[str, Review]:
    """Plan each environment, save each plan, and return what they say, judged by the guards."""

    def work(name: str) -> Review:
        site = open_site(name, provider=provider)
        _, document = one.plan(site)
        return judged(site, document)

    return side_by_side(names, work)


def text(name: str, reviewed: Review, *, alone: bool) -> str:
    """Return the plan as a terminal shows it, with the environment's name where it is not the only one."""
    told = readable.render(reviewed.plan, reviewed.findings)
    return told if alone else f"{name}\n{told}\n"


def side_by_side(names: Sequence[str], work: Callable[[str], T]) -> dict[str, T]:
    """Do ``work`` for each name, several at once; all are finished before the first error is raised."""
    if not names:
        return {}
    if len(names) == 1:
        return {names[0]: work(names[0])}

    def scoped(name: str) -> T:
        with report.scope(name):
            return work(name)

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        running = {name: pool.submit(copy_context().run, scoped, name) for name in names}
    errors = {name: running[name].exception() for name in names}
    failed = {name: error for name, error in errors.items() if error is not None}
    for name, error in list(failed.items())[1:]:
        told = error.message if isinstance(error, DogitopsError) else repr(error)
        report.warn(f"{name}: {told}")
    for error in failed.values():
        raise error
    return {name: running[name].result() for name in names}
