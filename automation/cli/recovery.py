"""backup, restore, drill, evidence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automation import report
from automation.cli.infrastructure import Environment, Yes, ask_for_name
from automation.errors import ConfigurationError, Refused

if TYPE_CHECKING:
    from automation.site import Site

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
    from automation.jobs.recovery import backup as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    done = job.backup(open_site(environment), name=name)
    rows = [[f"{c.namespace}/{c.claim}", f"{c.bytes:,}"] for c in done.covered]
    report.table(f"Backup {done.name}", ["volume", "bytes"], rows)


def restore(
    environment: Environment,
    *,
    backup: Annotated[str, typer.Option(help="Name of the backup.")],
) -> None:
    """Restore a backup, with Argo CD held back until the data is there."""
    from automation.jobs.recovery import restore as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    done = job.restore(open_site(environment), backup=backup)
    report.say(f"Restored {done.items} objects and {len(done.volumes)} volumes from {backup}.")


def drill(
    environment: Environment,
    *,
    yes: Yes = False,
    fresh: Annotated[bool, typer.Option(help="Give up an unfinished drill and start anew.")] = False,
    backup: Annotated[
        str, typer.Option(metavar="NAME", help="Restore this backup instead of making one; all that is newer is lost.")
    ] = "",
    plant_loss: Annotated[
        str | None, typer.Option(help="Lose something on purpose (entry, file or object): the drill must fail.")
    ] = None,
) -> None:
    """Destroy the cluster, rebuild it from Git, restore, and prove that nothing was lost."""
    from automation.jobs.recovery import drill as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment)
    lost = f" What was written since the backup {backup} is lost." if backup else ""
    if not yes and not ask_for_name(f"The drill deletes the cluster {site.cluster}.{lost}", environment):
        raise Refused("No drill was run.", hint="Answer with the environment's name, or give --yes.")
    done = job.drill(site, fresh=fresh, plant_loss=plant_loss, backup=backup or None)
    told = done.evidence
    rows = [[phase.name, report.elapsed(phase.seconds)] for phase in told.phases]
    report.table(f"Drill of {environment}: {told.verdict}", ["phase", "time"], rows)
    assert told.rto_seconds is not None  # noqa: S101 - a passed drill has measured both
    assert told.rpo_seconds is not None  # noqa: S101
    report.say(f"RTO {report.elapsed(told.rto_seconds)}, RPO {report.elapsed(told.rpo_seconds)}.")
    for each in told.not_compared:
        report.warn(f"Not compared. {each}")
    report.say(f"Evidence: {done.markdown} (signed: {done.json.name})")


def evidence(
    environment: Environment,
    *,
    file: Annotated[Path | None, typer.Option(help="The evidence to check; default: the newest.")] = None,
    max_days: Annotated[
        float | None,
        typer.Option(
            min=0, help="Only say how old the newest is; exit with 5 unless it passed, and no longer ago than this."
        ),
    ] = None,
    copy_to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Copy the newest there, with the public key.")
    ] = None,
) -> None:
    """Check the signature of a drill's evidence and print it; or check that it is not too old.

    With --max-days in a workflow, the newest is that of the runs of drill.yml, else the one on this machine.
    """
    from automation.jobs.recovery import evidence as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment)
    if max_days is not None:
        if file is not None or copy_to is not None:
            raise ConfigurationError("--max-days goes with no other option.", hint="Give it alone.")
        _check_age(site, max_days)
        return
    if copy_to is not None:
        copied = job.copy(site, copy_to)
        report.say(f"Copied to {copy_to}: {', '.join(one.name for one in copied)}.")
        return
    from automation.recovery.evidence_report import to_markdown  # noqa: PLC0415

    path, told = job.newest(site, file)
    report.result(to_markdown(told, job.public_key(site)))
    report.say(f"The signature of {path} is right.")


def _check_age(site: Site, max_days: float) -> None:
    from datetime import timedelta  # noqa: PLC0415

    from automation.github import event  # noqa: PLC0415
    from automation.github.client import GitHub  # noqa: PLC0415
    from automation.jobs.recovery import evidence as job  # noqa: PLC0415

    met = event.current()
    github = GitHub.from_environment(met) if met is not None else None
    found = job.check_age(site, timedelta(days=max_days), github=github)
    report.say(
        f"The newest drill of {site.name} passed {job.told(found.age)} ago ({found.where}), with the backup "
        f"{found.evidence.backup}; its signature is right."
    )
