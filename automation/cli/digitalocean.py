"""DigitalOcean: what is ours in an account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from automation.errors import ConfigurationError


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(rich_help_panel="Environments")(reap)


def reap(
    *,
    expired: Annotated[
        bool, typer.Option("--expired", help="What has reached the end of its life (the default).")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Everything of ours, whatever its end.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete what is shown.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show it (the default).")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Delete nothing; exit with 5 where there is something to delete.")
    ] = False,
    environment: Annotated[
        str, typer.Option("--environment", metavar="NAME", help="Also all that carries this environment's tag.")
    ] = "",
    buckets: Annotated[
        bool, typer.Option("--buckets", help="Look at buckets, too, and delete them with all objects.")
    ] = False,
) -> None:
    """Show what is left of ours at DigitalOcean with its monthly cost, and delete it with --yes.

    Ours is what carries the tag dogitops, or a name that begins with dogitops- where there can be no tag.
    """
    if expired and everything:
        raise ConfigurationError("--expired and --all can't be given together.", hint="Choose one of them.")
    if yes + dry_run + check > 1:
        raise ConfigurationError("--yes, --dry-run and --check can't be given together.", hint="Choose one of them.")
    from automation.digitalocean.buckets import Buckets  # noqa: PLC0415
    from automation.digitalocean.client import DigitalOcean  # noqa: PLC0415
    from automation.jobs.infrastructure import reap as job  # noqa: PLC0415

    reaper = job.Reaper(
        cloud=DigitalOcean.from_environment(),
        everything=everything,
        now=datetime.now(UTC),
        buckets=Buckets.from_environment() if buckets else None,
        environment=environment,
    )
    if check:
        job.check(reaper)
        return
    job.reap(reaper, confirm=lambda _: yes)
