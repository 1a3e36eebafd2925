"""render: the comment of a plan, without a pull request."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from automation import report

_PANEL = "Pull requests"


class Form(StrEnum):
    """In which form a plan is printed."""

    MARKDOWN = "markdown"
    TEXT = "text"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(rich_help_panel=_PANEL)(render)


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
    from automation.jobs import render as job  # noqa: PLC0415

    rendered = job.render(plan, environment)
    report.result(rendered.printed(output.value))
    if rendered.findings:
        many = len(rendered.findings)
        raise Refused(
            f"The plan would lose {many:,} protected {'resource or block' if many == 1 else 'resources or blocks'}.",
            hint="On its pull request a maintainer can acknowledge exactly this plan; the comment says how.",
        )
