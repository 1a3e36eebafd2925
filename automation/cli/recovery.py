"""backup, restore, drill, evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automation import report
from automation.cli.infrastructure import Environment, Yes, ask_for_name
from automation.errors import Refused

_PANEL = "Recovery"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(rich_help_panel=_PANEL)(backup)
    app.command(rich_help_panel=_PANEL)(restore)
    app.command(rich_help_panel=_PANEL)(drill)
    app.command(rich_help_panel=_PANEL)(evidence)


def backup(
    environment: Environment,
    *,
    name: Annotated[str | None, typer.Option(help="Name of the backup; default: environment and time.")] = None,
) -> None:
    """Back up, and prove that every volume in scope was stored."""
    from automation.jobs import backup as job  # noqa: PLC0415
    from automation.jobs.site import Site  # noqa: PLC0415

    done = job.backup(Site(environment), name=name)
    rows = [[f"{c.namespace}/{c.claim}", f"{c.bytes:,}"] for c in done.covered]
    report.table(f"Backup {done.name}", ["volume", "bytes"], rows)


def restore(
    environment: Environment,
    *,
    backup: Annotated[str, typer.Option(help="Name of the backup.")],
) -> None:
    """Restore a backup, with Argo CD held back until the data is there."""
    from automation.jobs import restore as job  # noqa: PLC0415
    from automation.jobs.site import Site  # noqa: PLC0415

    done = job.restore(Site(environment), backup=backup)
    report.say(f"Restored {done.items} objects and {len(done.volumes)} volumes from {backup}.")


def drill(
    environment: Environment,
    *,
    yes: Yes = False,
    fresh: Annotated[bool, typer.Option(help="Give up an unfinished drill and start anew.")] = False,
    plant_loss: Annotated[
        str | None, typer.Option(help="Lose something on purpose (entry, file or object): the drill must fail.")
    ] = None,
) -> None:
    """Destroy the cluster, rebuild it from Git, restore, and prove that nothing was lost."""
    from automation.jobs import drill as job  # noqa: PLC0415
    from automation.jobs.site import Site  # noqa: PLC0415

    site = Site(environment)
    if not yes and not ask_for_name(f"The drill deletes the cluster {site.cluster}.", environment):
        raise Refused("No drill was run.", hint="Answer with the environment's name, or give --yes.")
    done = job.drill(site, fresh=fresh, plant_loss=plant_loss)
    told = done.evidence
    rows = [[phase.name, report.elapsed(phase.seconds)] for phase in told.phases]
    report.table(f"Drill of {environment}: {told.verdict}", ["phase", "time"], rows)
    assert told.rto_seconds is not None  # noqa: S101 - a passed drill has measured both
    assert told.rpo_seconds is not None  # noqa: S101
    report.say(f"RTO {report.elapsed(told.rto_seconds)}, RPO {report.elapsed(told.rpo_seconds)}.")
    report.say(f"Evidence: {done.markdown} (signed: {done.json.name})")


def evidence(
    environment: Environment,
    *,
    file: Annotated[Path | None, typer.Option(help="The evidence to check; default: the newest.")] = None,
) -> None:
    """Check the signature of a drill's evidence and print it."""
    from automation.jobs import drill as job  # noqa: PLC0415
    from automation.jobs.site import Site  # noqa: PLC0415
    from automation.recovery.evidence_report import to_markdown  # noqa: PLC0415

    site = Site(environment)
    path, told = job.newest_evidence(site, file)
    report.result(to_markdown(told, job.signing_key(site).public))
    report.say(f"The signature of {path} is right.")
