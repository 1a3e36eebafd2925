"""status: how environments are, as a table, as JSON, and as a page."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from automation import report

_PANEL = "Delivery"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(rich_help_panel=_PANEL)(status)


def status(
    environments: Annotated[
        list[str] | None, typer.Argument(metavar="[ENV]...", help="Names of environments; default: all, as one table.")
    ] = None,
    *,
    drill: Annotated[
        bool, typer.Option(help="Of one environment: whether there must be evidence of a drill that passed.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page of one file, to look at or to publish.")
    ] = None,
    seen: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="Take what these documents of --json tell as it is."),
    ] = None,
) -> None:
    """Show how environments are, from the cluster to the last drill: as a table, as JSON, or as a page."""
    names = environments or []
    overall = len(names) != 1 or as_json or html is not None or seen is not None
    if overall and not drill:
        raise typer.BadParameter("is for one environment, shown as a table.", param_hint="--no-drill")
    if not overall:
        _one(names[0], drill=drill)
        return
    from automation.jobs.status import overview as job  # noqa: PLC0415
    from automation.workspace import Workspace  # noqa: PLC0415

    with contextlib.redirect_stdout(sys.stderr):  # warnings that Actions reads, too: a document stands alone
        found = job.overview(Workspace.find(), names, seen=seen)
        if html is not None:
            job.write_page(found, html)
    if html is not None:
        report.say(f"The page is written: {html}")
    if as_json:
        report.result(found.to_json())
    if as_json or html is not None:
        return
    report.table(f"Status of {found.repository}", ["", "environment", "what", "state"], job.rows(found))
    if names and not all(one.standing == "good" for one in found.environments):
        raise typer.Exit(1)


def _one(name: str, *, drill: bool) -> None:
    from automation.jobs.sites import open_site  # noqa: PLC0415
    from automation.jobs.status import brief as job  # noqa: PLC0415

    lines = job.status(open_site(name), drill=drill)
    rows = [["ok" if line.good else "!!", line.subject, line.state] for line in lines]
    report.table(f"Environment {name}", ["", "what", "state"], rows)
    if not all(line.good for line in lines):
        raise typer.Exit(1)
