"""cost: what an environment costs a month."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automation import report


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(rich_help_panel="Infrastructure")(cost)


def cost(
    environment: Annotated[str, typer.Argument(help="Name of the environment (a folder of opentofu/environments).")],
    *,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Price this plan ('tofu show -json PLANFILE') instead of the configuration."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 3 where it may exceed the budget.")] = False,
) -> None:
    """Show what an environment costs a month, by dated list prices; needs no account."""
    from automation.jobs.infrastructure import cost as job  # noqa: PLC0415

    found, told = job.bill(environment, plan)
    if as_json:
        report.result(job.as_json(environment, found, told))
    else:
        job.show(environment, found, told)
    if check:
        job.check(environment, found, told)
