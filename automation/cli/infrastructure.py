"""plan, apply, destroy, unlock: an environment's infrastructure."""

from __future__ import annotations

from typing import Annotated

import typer

from automation import report

Environment = Annotated[str, typer.Argument(help="Name of the environment (a folder of opentofu/environments).")]
Provider = Annotated[
    str | None, typer.Option("--provider", help="auto, kind, k3d or existing; default: as in environment.yaml.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

objectstore = typer.Typer(help="Buckets of an environment; called by its OpenTofu root.")
_PANEL = "Infrastructure"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(rich_help_panel=_PANEL)(plan)
    app.command(rich_help_panel=_PANEL)(apply)
    app.command(rich_help_panel=_PANEL)(destroy)
    app.command(rich_help_panel=_PANEL)(unlock)


def plan(environment: Environment, *, provider: Provider = None) -> None:
    """Show what would change, and save that plan."""
    from automation.jobs import plan as job  # noqa: PLC0415
    from automation.jobs.site import Site  # noqa: PLC0415
    from automation.opentofu.plan import render  # noqa: PLC0415

    _, parsed = job.plan(Site(environment, provider=provider))
    report.result(render(parsed))
    if not parsed.empty:
        report.say(f"Saved. Apply exactly this plan with: dogitops apply {environment}")


def apply(environment: Environment, *, provider: Provider = None) -> None:
    """Apply exactly the saved plan."""
    from automation.jobs import apply as job  # noqa: PLC0415
    from automation.jobs.site import Site  # noqa: PLC0415

    outputs = job.apply(Site(environment, provider=provider))
    report.table(f"Outputs of {environment}", ["output", "value"], [[k, str(v)] for k, v in outputs.items()])


def destroy(
    environment: Environment,
    *,
    yes: Yes = False,
    delete_backups: Annotated[bool, typer.Option(help="Remove the backups too.")] = False,
) -> None:
    """Destroy an environment, after asking."""
    from automation.jobs import destroy as job  # noqa: PLC0415
    from automation.jobs.site import Site  # noqa: PLC0415

    site = Site(environment)
    job.destroy(
        site,
        delete_backups=delete_backups,
        confirm=lambda question: yes or ask_for_name(question, environment),
    )


def unlock(environment: Environment, lock: Annotated[str, typer.Argument(help="The lock's id.")]) -> None:
    """Remove a state lock that a dead run left behind."""
    from automation.jobs.site import Site  # noqa: PLC0415

    site = Site(environment)
    site.tofu.init()
    site.tofu.unlock(lock)
    report.say(f"The lock {lock} is removed.")


@objectstore.command()
def create(environment: Environment, bucket: str) -> None:
    """Make a bucket."""
    from automation.jobs.site import Site  # noqa: PLC0415

    made = Site(environment).store.ensure_bucket(bucket)
    report.say(f"bucket {bucket} {'made' if made else 'is there already'}")


@objectstore.command()
def delete(environment: Environment, bucket: str) -> None:
    """Remove a bucket with all that it holds."""
    from automation.jobs.site import Site  # noqa: PLC0415

    gone = Site(environment).store.delete_bucket(bucket, with_objects=True)
    report.say(f"bucket {bucket} {'removed' if gone else 'was not there'}")


def ask_for_name(question: str, name: str) -> bool:
    """Ask, and take the environment's name for a yes; without a terminal the answer is no."""
    try:
        return bool(typer.prompt(f"{question} Type {name} to go on", default="", show_default=False) == name)
    except typer.Abort:
        return False
