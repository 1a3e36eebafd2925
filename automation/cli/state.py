"""state: where OpenTofu keeps what it knows of an environment."""

from __future__ import annotations

import typer

from automation import report
from automation.cli.infrastructure import Environment

app = typer.Typer(help="The state of an environment.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command()
def init(environment: Environment) -> None:
    """Make the bucket of the state and a key that opens it alone, from DIGITALOCEAN_TOKEN; try whether it locks."""
    from automation.jobs.infrastructure import state as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    done = job.init(open_site(environment))
    report.say(f"The state of {environment} has its bucket: {done.bucket}.")
