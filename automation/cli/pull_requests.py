"""render, changed, answer, release, drift, locks: all around a pull request."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from automation import report

if TYPE_CHECKING:
    from automation.github.client import GitHub
    from automation.github.event import Event

Names = Annotated[list[str] | None, typer.Argument(help="Names of environments; default: all that are shared.")]
Name = Annotated[str, typer.Argument(help="Name of the environment (a folder of opentofu/environments).")]

locks = typer.Typer(help="Which pull request may change an environment.")
_PANEL = "Pull requests"


class Form(StrEnum):
    """In which form a plan is printed."""

    MARKDOWN = "markdown"
    TEXT = "text"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(rich_help_panel=_PANEL)(render)
    app.command(rich_help_panel=_PANEL)(changed)
    app.command(rich_help_panel=_PANEL)(answer)
    app.command(rich_help_panel=_PANEL)(release)
    app.command(rich_help_panel=_PANEL)(drift)
    app.add_typer(locks, name="locks", rich_help_panel=_PANEL)


def render(
    plan: Annotated[str, typer.Argument(metavar="PLAN.json", help="What 'tofu show -json' printed; '-' is stdin.")],
    *,
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", help="Whose guards count; default: the built-in ones.")
    ] = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="The comment, or all of the plan as text.")] = (
        Form.MARKDOWN
    ),
) -> None:
    """Print the comment that a plan would get, and exit as the guard would (3: refused)."""
    from automation.errors import Refused  # noqa: PLC0415
    from automation.jobs.pull_requests import render as job  # noqa: PLC0415

    rendered = job.render(plan, environment)
    report.result(rendered.printed(output.value))
    if rendered.findings:
        many = len(rendered.findings)
        raise Refused(
            f"The plan would lose {many:,} protected {'resource or block' if many == 1 else 'resources or blocks'}.",
            hint="On its pull request a maintainer can acknowledge exactly this plan; the comment says how.",
        )


def changed(
    *,
    since: Annotated[str | None, typer.Option(help="The commit that the change starts from.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All environments, touched or not.")] = False,
    untouched: Annotated[bool, typer.Option("--untouched", help="Those that the change does not touch.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Print the shared environments that a change touches, modules followed."""
    from automation import environment  # noqa: PLC0415
    from automation.errors import ConfigurationError  # noqa: PLC0415
    from automation.github import actions  # noqa: PLC0415
    from automation.jobs.pull_requests import pull_request  # noqa: PLC0415
    from automation.opentofu import changed as job  # noqa: PLC0415
    from automation.workspace import Workspace  # noqa: PLC0415

    if every == (since is not None):
        raise ConfigurationError("Which change?", hint="dogitops changed --since COMMIT, or --all.")
    names = environment.shared_names(Workspace.find())  # what lives on one machine is no business of a workflow
    if since is not None:
        found = job.since(Workspace.find(), since)
        names = [name for name in names if (name in found.environments) != untouched]
        for gone in found.deleted:
            report.warn(f"{gone} is no longer described, but what it made stays: destroy it before its folder goes.")
        met = None if untouched else on_pull_request()
        if met is not None:
            pull_request.announce(*met, names)
    actions.output("environments", json.dumps(names))
    report.result(json.dumps(names) if as_json else "\n".join(names))


def answer() -> None:
    """Do what a maintainer asks for in a comment: acknowledge, apply or unlock."""
    from automation.errors import ConfigurationError, DogitopsError  # noqa: PLC0415
    from automation.github import event  # noqa: PLC0415
    from automation.github.client import GitHub  # noqa: PLC0415
    from automation.jobs.pull_requests import answer as job  # noqa: PLC0415
    from automation.jobs.pull_requests.pull_request import Place  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415
    from automation.markdown import text as escaped  # noqa: PLC0415

    met = event.current()
    if met is None or met.comment is None:
        raise ConfigurationError("There is no comment to answer.", hint="A workflow runs this on issue_comment.")
    if met.number is None or not met.on_pull_request:
        report.say("The comment is on no pull request.")
        return
    github, number = GitHub.from_environment(met), met.number
    try:
        command = job.asked(met)
        if command is None:
            report.say("The comment asks for nothing.")
            return
        place = Place(open_site(command.environment), met, github, github.pull_request(number))
        done = job.answer(place, command)
    except DogitopsError as error:
        github.reply(number, escaped(f"That was not done. {error.message} {error.hint or ''}".strip()))
        raise
    github.reply(number, done)
    report.result(done)


def release(environments: Names = None) -> None:
    """Give back the locks and remove the plans of a pull request that was closed without a merge."""
    from automation import environment  # noqa: PLC0415
    from automation.errors import ConfigurationError  # noqa: PLC0415
    from automation.jobs.pull_requests import pull_request as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415
    from automation.workspace import Workspace  # noqa: PLC0415

    met = on_pull_request()
    if met is None or met[0].pull_request is None:
        raise ConfigurationError("There is no pull request here.", hint="A workflow runs this on pull_request closed.")
    event, github = met
    pull = met[0].pull_request
    for name in environments or environment.shared_names(Workspace.find()):
        if job.close(job.Place(open_site(name), event, github, pull)):
            report.say(f"The environment {name} is unlocked.")


def drift(environments: Names = None) -> None:
    """Look for changes behind OpenTofu's back and for what was never applied; exit with 4 where there are any."""
    from automation import environment  # noqa: PLC0415
    from automation.errors import ChangesPending  # noqa: PLC0415
    from automation.github import event  # noqa: PLC0415
    from automation.github.client import GitHub  # noqa: PLC0415
    from automation.jobs.pull_requests import drift as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415
    from automation.workspace import Workspace  # noqa: PLC0415

    met, found = event.current(), []
    for name in environments or environment.shared_names(Workspace.find()):
        result = job.drift(open_site(name))
        if met is not None:
            job.tell(result, met, GitHub.from_environment(met))
        report.result(job.text(result))
        if result.found:
            found.append(name)
    if found:
        raise ChangesPending(
            f"Description, state and reality differ in: {', '.join(found)}.",
            hint="Open a pull request whose plan puts it right, or take the change into the description.",
        )


@locks.command("list")
def list_locks(environments: Names = None) -> None:
    """Show which pull requests hold environments."""
    from automation import environment  # noqa: PLC0415
    from automation.jobs.pull_requests import locks as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415
    from automation.workspace import Workspace  # noqa: PLC0415

    rows = []
    for name in environments or environment.shared_names(Workspace.find()):
        lock = job.held(open_site(name))
        if lock is not None:
            who = f"{lock.holder.repository}#{lock.holder.pull_request}"
            stolen = f"stolen from #{lock.stolen_from.pull_request}: {lock.reason}" if lock.stolen_from else ""
            rows.append([name, who, lock.holder.actor, f"{lock.since:%Y-%m-%d %H:%M}", stolen])
    if rows:
        report.table("Locks", ["environment", "pull request", "by", "since (UTC)", "note"], rows)
    else:
        report.say("No environment is locked.")


@locks.command("release")
def release_lock(name: Name, *, pull_request: Annotated[int, typer.Option(help="Its number.")]) -> None:
    """Give back the lock that a pull request holds on an environment."""
    from automation.jobs.pull_requests import locks as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    done = job.release(open_site(name), pull_request)
    report.say(f"The environment {name} is {'unlocked' if done else f'not locked by #{pull_request}'}.")


@locks.command("steal")
def steal_lock(
    name: Name,
    *,
    pull_request: Annotated[int, typer.Option(help="The pull request that gets the lock.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the lock.")],
) -> None:
    """Take the lock of an environment from whoever has it; a trace is kept."""
    import getpass  # noqa: PLC0415

    from automation.jobs.pull_requests import locks as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    repository, actor = os.environ.get("GITHUB_REPOSITORY", ""), os.environ.get("GITHUB_ACTOR") or getpass.getuser()
    lock = job.steal(open_site(name), pull_request, repository, actor, reason)
    of = f" from #{lock.stolen_from.pull_request}" if lock.stolen_from else ""
    report.say(f"#{pull_request} has the lock of {name} now, taken{of}.")


def on_pull_request() -> tuple[Event, GitHub] | None:
    """Return the event and GitHub where a workflow runs us on the event pull_request; none anywhere else."""
    if os.environ.get("GITHUB_EVENT_NAME") != "pull_request":
        return None
    from automation.github import event  # noqa: PLC0415
    from automation.github.client import GitHub  # noqa: PLC0415

    met = event.current()
    if met is None or met.pull_request is None:
        return None
    return met, GitHub.from_environment(met)
