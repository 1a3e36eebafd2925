"""plan, apply, destroy, unlock: an environment's infrastructure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from automation import report

if TYPE_CHECKING:
    from automation.site import Site

Environment = Annotated[str, typer.Argument(help="Name of the environment (a folder of opentofu/environments).")]
Provider = Annotated[
    str | None,
    typer.Option("--provider", help="auto, kind, k3d, existing, doks or droplet; default: as in environment.yaml."),
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


def plan(
    environments: Annotated[
        list[str] | None, typer.Argument(help="Names of environments; with --changed-since, those of them it touches.")
    ] = None,
    *,
    changed_since: Annotated[
        str | None, typer.Option(help="Plan only what a change since this commit touches.")
    ] = None,
    provider: Provider = None,
) -> None:
    """Show what would change, and save that plan; on a pull request, show it there."""
    if not environments and changed_since is None:
        raise typer.BadParameter("name an environment, or give --changed-since.", param_hint="ENVIRONMENTS")
    from automation.cli.pull_requests import on_pull_request  # noqa: PLC0415
    from automation.jobs.pull_requests import plans as job  # noqa: PLC0415

    names = job.chosen(environments or [], changed_since)
    met = on_pull_request()
    if met is not None:
        from automation.jobs.pull_requests import pull_request  # noqa: PLC0415

        shown = job.shared(names)
        names = [name for name in names if name not in shown]
        pull_request.propose_all(shown, *met)
    for name, reviewed in job.plan(names, provider).items():
        report.result(job.text(name, reviewed, alone=len(names) == 1))
        if not reviewed.plan.empty:
            told = f" --acknowledge {reviewed.digest[:12]}" if reviewed.findings else ""
            report.say(f"Saved. Apply exactly this plan with: dogitops apply {name}{told}")


def apply(
    environment: Environment,
    *,
    provider: Provider = None,
    acknowledge: Annotated[
        str, typer.Option(metavar="DIGEST", help="Agree that this plan loses what is protected.")
    ] = "",
) -> None:
    """Apply exactly the saved plan; after a merge, exactly the plan that the pull request showed."""
    from automation.jobs.infrastructure import apply as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment, provider=provider)
    if os.environ.get("GITHUB_EVENT_NAME") == "push" and site.environment.shared:
        outputs = _apply_merged(site)
    else:
        outputs = job.apply(site, acknowledged=acknowledge)
    report.table(f"Outputs of {environment}", ["output", "value"], [[name, value] for name, value in outputs.items()])


def _apply_merged(site: Site) -> dict[str, str]:
    from automation.errors import ConfigurationError  # noqa: PLC0415
    from automation.github import event  # noqa: PLC0415
    from automation.github.client import GitHub  # noqa: PLC0415
    from automation.jobs.pull_requests import merge  # noqa: PLC0415
    from automation.jobs.pull_requests.pull_request import Place  # noqa: PLC0415

    met = event.current()
    if met is None:
        raise ConfigurationError("There is no event here.", hint="A workflow runs this; GITHUB_ACTIONS must be set.")
    github = GitHub.from_environment(met)
    return merge.apply_merged(Place(site, met, github, merge.merged(met, github))).outputs


def destroy(
    environment: Environment,
    *,
    yes: Yes = False,
    delete_backups: Annotated[bool, typer.Option(help="Remove the backups too.")] = False,
) -> None:
    """Destroy an environment, after asking."""
    from automation.jobs.infrastructure import destroy as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment)
    name = site.cluster if site.environment.remote else environment  # what costs money is named by its own name
    job.destroy(
        site,
        delete_backups=delete_backups,
        confirm=lambda question: yes or ask_for_name(question, name),
    )


def unlock(environment: Environment, lock: Annotated[str, typer.Argument(help="The lock's id.")]) -> None:
    """Remove a state lock that a dead run left behind."""
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment)
    site.tofu.init()
    site.tofu.unlock(lock)
    report.say(f"The lock {lock} is removed.")


@objectstore.command()
def create(environment: Environment, bucket: str) -> None:
    """Make a bucket."""
    from automation.jobs.sites import open_site  # noqa: PLC0415

    made = open_site(environment).store.ensure_bucket(bucket)
    report.say(f"bucket {bucket} {'made' if made else 'is there already'}")


@objectstore.command()
def delete(environment: Environment, bucket: str) -> None:
    """Remove a bucket with all that it holds."""
    from automation.jobs.sites import open_site  # noqa: PLC0415

    gone = open_site(environment).store.delete_bucket(bucket, with_objects=True)
    report.say(f"bucket {bucket} {'removed' if gone else 'was not there'}")


def ask_for_name(question: str, name: str) -> bool:
    """Ask, and take the environment's name for a yes; without a terminal the answer is no."""
    try:
        return bool(typer.prompt(f"{question} Type {name} to go on", default="", show_default=False) == name)
    except typer.Abort:
        return False
