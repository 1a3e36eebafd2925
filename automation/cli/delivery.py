"""bootstrap, up, down, and the parts of GitOps; status has a file of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from automation import report
from automation.cli import status
from automation.cli.infrastructure import Environment

gitops = typer.Typer(help="Argo CD and what it reads.", no_args_is_help=True)
_PANEL = "Delivery"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(rich_help_panel=_PANEL)(bootstrap)
    status.register(app)
    app.command(rich_help_panel=_PANEL)(deploy)
    app.command(rich_help_panel=_PANEL)(verify)
    app.command(rich_help_panel=_PANEL)(promote)
    app.command(rich_help_panel=_PANEL)(up)
    app.command(rich_help_panel=_PANEL)(down)


def bootstrap(
    environment: Environment,
    *,
    restore: Annotated[
        str, typer.Option(metavar="NAME", help="Restore this backup before the applications start.")
    ] = "",
) -> None:
    """Install Argo CD and let it build the cluster from Git; machines of droplets are made first, from two tokens."""
    from automation.gitops import argocd  # noqa: PLC0415
    from automation.jobs.recovery import from_nothing as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment)
    job.run(site, restore=restore)
    _show(argocd.applications(site.kube))


def deploy(
    environment: Environment,
    *,
    version: Annotated[str | None, typer.Option(help="Pin this version of the images in Git first.")] = None,
    application: Annotated[str | None, typer.Option(help="Which application, where there are several.")] = None,
    commit: Annotated[bool, typer.Option("--commit", help="Commit what --version changed.")] = False,
) -> None:
    """Wait until an application runs the versions that stand in Git, and show where; with --version, write one."""
    from automation.jobs.delivery import deploy as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment)
    app = job.application(site, application)
    if version is not None and job.pin(site, app, version):
        if not commit:
            report.say(f"Commit it, and open a pull request; once it is merged: dogitops deploy {environment}")
            return
        job.commit(site, app, version)
    if not job.is_committed(site, app):
        report.warn("What stands in the kustomization.yaml is in no commit: Argo CD reads commits.")
    found = job.wait_until_deployed(site, app)
    versions = ", ".join(sorted(set(job.application(site, application).versions.values())))
    rows = [["version", versions], *map(list, found)]
    report.table(f"{app.entry.application} on {environment}", ["what", "where"], rows)


def verify(
    environment: Environment,
    *,
    patience: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="Look again until all is well, for so long.")
    ] = 0,
) -> None:
    """Check a cluster and its application from outside, from its nodes to a task that is made and shown."""
    from automation.errors import VerificationFailed  # noqa: PLC0415
    from automation.jobs.delivery import verify as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    seen = job.verify(open_site(environment), patience=patience)
    rows = [["ok" if one.good else "!!", one.group, one.check, one.told] for one in seen]
    report.table(f"Checks of {environment}", ["", "of", "check", "seen"], rows)
    wrong = [one.check for one in seen if not one.good]
    if wrong:
        raise VerificationFailed(
            f"{len(wrong)} of {len(seen)} checks of {environment} failed: {', '.join(wrong)}.",
            hint="The table says what was seen. What has just been changed may need a minute or two: --wait 180.",
        )
    report.say(f"All {len(seen)} checks are well.")


def promote(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The stage that runs it.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The next stage (gitops/clusters/stages.yaml).")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change in the cluster.")] = False,
) -> None:
    """Open a pull request that brings to a stage what the one before it runs."""
    from automation.github import pulls  # noqa: PLC0415
    from automation.github.client import GitHub  # noqa: PLC0415
    from automation.gitops import history, promotion, repository  # noqa: PLC0415
    from automation.jobs.delivery import promote as job  # noqa: PLC0415
    from automation.jobs.delivery.validate import tools  # noqa: PLC0415
    from automation.workspace import Workspace  # noqa: PLC0415

    workspace = Workspace.find()
    promotion.check_order(promotion.stages(workspace.root), source, target)
    github = None if dry_run else GitHub.from_environment()
    branch = pulls.default_branch(github) if github else ""
    base = history.fetched(workspace.root, branch) if github else repository.head(workspace.root)
    with report.phase(f"Asking {source} how it is"):
        told = job.health_of(workspace, source)
    for problem in told.problems:
        report.warn(problem)
    with report.phase(f"Rendering {target} before and after"):
        prepared = job.prepare(workspace, source, target, base=base, told=told, tools=tools())
    if prepared.nothing:
        report.say(f"{target} runs what {source} runs: there is nothing to promote.")
        return
    report.result(prepared.text)
    if github:
        opened = job.propose(workspace, prepared, github, branch)
        report.say(f"{'Opened' if opened.new else 'Brought up to date'}: {opened.url}")


def up(environment: Environment) -> None:
    """Start the servers around a local environment (after a reboot, for example)."""
    from automation.jobs.sites import open_site  # noqa: PLC0415

    with report.phase(f"Starting the servers of {environment}"):
        open_site(environment).up()


def down(environment: Environment) -> None:
    """End the servers around a local environment; their data stays."""
    from automation.jobs.sites import open_site  # noqa: PLC0415

    ended = open_site(environment).down()
    report.say(f"Ended: {', '.join(ended) or 'nothing ran'}.")


@gitops.command()
def pause(environment: Environment) -> None:
    """Hold back Argo CD's automation of the applications."""
    from automation.gitops import argocd  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    argocd.pause_apps(open_site(environment).kube)
    report.say("The applications are paused; the platform still follows Git.")


@gitops.command()
def resume(environment: Environment) -> None:
    """Give the applications back to Argo CD and wait for them."""
    from automation.jobs.recovery.restore import resume as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    job(open_site(environment))


@gitops.command()
def validate(
    environments: Annotated[
        list[str] | None, typer.Argument(help="Names of environments; default: all that gitops/clusters describes.")
    ] = None,
) -> None:
    """Look for all that is wrong in gitops/, before anything is applied (2: wrong, 3: a guard refuses it)."""
    from automation.github import actions  # noqa: PLC0415
    from automation.jobs.delivery import validate as job  # noqa: PLC0415
    from automation.workspace import Workspace  # noqa: PLC0415

    with report.phase("Rendering and looking"):
        found = job.validate(Workspace.find(), environments or ())
    for line in found.unchecked:
        report.note(f"not checked: {line}")
    actions.annotate(
        actions.Annotation("error", one.message, title=one.rule, file=one.file, line=one.line) for one in found.findings
    )
    rows = [[one.rule, f"{one.place} ({', '.join(one.environments)})\n{one.message}"] for one in found.findings]
    if rows:
        report.table("Not as it must be", ["rule", "where and what"], rows)
    found.fail()
    report.say(f"{found.manifests:,} objects in {len(found.environments)} environments are as they must be.")


@gitops.command()
def compare(
    clusters: Annotated[
        list[str] | None, typer.Argument(help="Names of clusters; default: all that gitops/clusters describes.")
    ] = None,
    *,
    changed_since: Annotated[str, typer.Option(help="The commit that the change starts from, such as origin/main.")],
) -> None:
    """Show what a change makes of each cluster once Argo CD applies it; on a pull request, show it there."""
    from automation.github import event  # noqa: PLC0415
    from automation.github.client import GitHub  # noqa: PLC0415
    from automation.gitops import repository  # noqa: PLC0415
    from automation.gitops.comparison import words  # noqa: PLC0415
    from automation.jobs.delivery.validate import tools  # noqa: PLC0415
    from automation.jobs.pull_requests import manifests as job  # noqa: PLC0415
    from automation.workspace import Workspace  # noqa: PLC0415

    workspace, met = Workspace.find(), event.current()
    for path in repository.uncommitted(workspace.root)[:5]:
        report.warn(f"{path} is in no commit: what is compared are commits.")
    with report.phase("Rendering both sides and comparing"):
        compared = job.compare(workspace, changed_since, clusters or (), tools)
    for name, one in compared.items():
        if one.found.nothing:
            report.note(f"{name}: nothing changes")
        else:
            report.result(f"{words.plain(one.found, name)}\n")
    if met is not None:
        job.show(compared, met, lambda: GitHub.from_environment(met))
    job.fail(compared)


@gitops.command()
def schemas(
    environment: Environment,
    *,
    check: Annotated[bool, typer.Option(help="Only say whether the file is what it must be.")] = False,
) -> None:
    """Keep the schemas that the cluster's API server publishes, to hold manifests against them."""
    from automation.jobs.delivery import validate as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    report.say(job.keep_schemas(open_site(environment).kube, check=check))


@gitops.command()
def memory(
    environment: Environment,
    *,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table for the docs.")] = False,
) -> None:
    """Show how much memory each component of the cluster uses."""
    from automation.jobs.delivery import memory as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    found = job.components(open_site(environment).kube)
    if markdown:
        report.result(job.markdown(found))
    else:
        report.table(f"Memory of {environment}", job.COLUMNS, [one.row() for one in found])


@gitops.command()
def vendor(
    *, check: Annotated[bool, typer.Option(help="Only say whether the files are what they must be.")] = False
) -> None:
    """Write the upstream manifests at their pinned versions into gitops/."""
    from automation.jobs.delivery import vendor as job  # noqa: PLC0415

    for line in job.vendor(check=check):
        report.say(line)


def _show(applications: list) -> None:  # type: ignore[type-arg]
    rows = [[a.name, a.sync, a.health] for a in applications]
    report.table("Applications", ["application", "sync", "health"], rows)
