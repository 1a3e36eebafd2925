"""resize, join: machines of an environment, larger and more."""

from __future__ import annotations

from typing import Annotated

import typer

from automation import report
from automation.cli.infrastructure import Environment, Yes, ask_for_name

_PANEL = "Infrastructure"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(rich_help_panel=_PANEL)(resize)
    app.command(rich_help_panel=_PANEL)(join)


def resize(
    environment: Environment,
    *,
    size: Annotated[str | None, typer.Option(metavar="SLUG", help="Size of the machines, such as s-2vcpu-4gb.")] = None,
    volume: Annotated[int | None, typer.Option(metavar="GIB", help="Size of the volume; it never shrinks.")] = None,
    with_disk: Annotated[
        bool, typer.Option("--with-disk", help="Make the machines' own disks larger, too: there is no way back then.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Make the machines or the volume larger, after asking; say what it costs before and after."""
    from automation.jobs.machines import scaling as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment)
    wanted = job.Wanted(size, volume, with_disk)
    done = job.resize(site, wanted, confirm=lambda question: yes or ask_for_name(question, environment))
    if done.plan.empty:
        report.say(f"{environment} is of that size already.")
    else:
        report.say(f"{environment} is resized. Commit {job.written(site)}, or the next plan takes it back.")


def join(
    environment: Environment,
    *,
    agents: Annotated[int | None, typer.Option(help="How many agents there shall be; default: one more.")] = None,
    servers: Annotated[int | None, typer.Option(help="How many servers there shall be: 3.")] = None,
    yes: Yes = False,
) -> None:
    """Add machines that join the cluster, after asking; say what it costs before and after."""
    from automation.jobs.machines import scaling as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment)
    joined = job.join(
        site, agents=agents, servers=servers, confirm=lambda question: yes or ask_for_name(question, environment)
    )
    told = f"Joined: {', '.join(joined)}." if joined else "There are as many already."
    report.say(f"{told} Commit {job.written(site)}, or the next plan takes it back.")
