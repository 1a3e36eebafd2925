"""secrets: seed, rotate, key, check."""

from __future__ import annotations

from typing import Annotated

import typer

from automation import report
from automation.cli.infrastructure import Environment, Yes, ask_for_name
from automation.errors import Refused, VerificationFailed

app = typer.Typer(help="Secrets of environments, which never stand in Git.", no_args_is_help=True)


@app.command()
def seed(
    environment: Environment,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done, without values.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Restart what runs with an older value.")] = False,
) -> None:
    """Put the secrets into the cluster; those that hold their values stay."""
    from automation.jobs.delivery import secrets as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment)
    rows = job.dry_run(site) if dry_run else job.seed(site, restart=restart)
    report.table(
        f"Secrets of {environment}{' (nothing was changed)' if dry_run else ''}",
        ["secret", "key", "source", "would be" if dry_run else "was", "read by"],
        [
            [row.place, row.key, row.source, _DRY[row.what] if dry_run else row.what, ", ".join(map(str, row.used_by))]
            for row in rows
        ],
    )


_DRY = {"make": "made", "keep": "kept", "change": "changed"}


@app.command()
def rotate(
    environment: Environment,
    name: Annotated[str | None, typer.Argument(help="One secret; default: all that are generated.")] = None,
    *,
    yes: Yes = False,
) -> None:
    """Make generated values anew, and restart what reads them."""
    from automation.jobs.delivery import secrets as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment)
    rotations = job.to_rotate(site, name)
    rows = {(row.place, row.key): row for row in job.dry_run(site)}
    chosen = [rows[one.declaration.place, one.key] for one in rotations]
    report.table(
        f"To be made anew in {environment}",
        ["secret", "key", "restarts"],
        [[row.place, row.key, ", ".join(map(str, row.used_by)) or "nothing"] for row in chosen],
    )
    if not yes and not ask_for_name("Make them anew, and restart what reads them?", environment):
        raise Refused("Nothing was changed.", hint="Answer with the environment's name, or give --yes.")
    job.rotate(site, rotations)
    report.say(f"Done. Commit the new generations in opentofu/environments/{environment}/environment.yaml.")


@app.command()
def key(environment: Environment) -> None:
    """Print the age recipient that SOPS encrypts this environment's files for."""
    from automation import age  # noqa: PLC0415
    from automation.errors import ConfigurationError  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415
    from automation.site import lasting  # noqa: PLC0415

    site = open_site(environment)
    identity = lasting.age_identity(site.environment, site.kept / "secrets")
    if identity is None:
        raise ConfigurationError(
            "SOPS takes the identity of age that a variable gives "
            f"({' or '.join(lasting.AGE_VARIABLES)}), not the environment's own.",
            hint="Its recipient is in the file that age-keygen wrote: 'age-keygen -y FILE' prints it.",
        )
    report.result(age.recipient(identity))


@app.command()
def check(
    environments: Annotated[
        list[str] | None, typer.Argument(help="Environments whose values are looked for; default: forms alone.")
    ] = None,
) -> None:
    """Prove that nothing secret stands in Git, history included."""
    from automation.jobs.delivery import leaks as job  # noqa: PLC0415
    from automation.workspace import Workspace  # noqa: PLC0415

    with report.phase("Looking at everything that Git holds"):
        looked = job.check(Workspace.find(), environments or [])
    for entry in looked.idle:
        report.warn(f"{job.ALLOWED} allows what is not there: {entry.rule}, {entry.fingerprint or entry.path}")
    for place in looked.unknown:
        report.warn(f"Not looked for: {place}")
    told = f"{looked.objects:,} objects, {looked.size / 1e6:,.0f} MB, {looked.values} values of environments"
    if not looked.leaks:
        report.say(f"Nothing secret stands in Git ({told}; {looked.allowed} allowed).")
        return
    report.table(
        "Secrets in Git",
        ["rule", "where", "commit", "fingerprint"],
        [[one.rule, f"{one.path}:{one.line}", one.commit[:12] or "(staged)", one.fingerprint] for one in looked.leaks],
    )
    raise VerificationFailed(
        f"{len(looked.leaks)} secrets stand in Git ({told}).",
        hint="Whatever was pushed is known: take it back where it was given out, and make a new one. What is no secret "
        f"goes into {job.ALLOWED}, by its fingerprint and with the reason. Taking it out of the history comes last.",
    )
