"""cluster: the cluster of an environment by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automation import report
from automation.cli.infrastructure import Environment, Provider, Yes, ask_for_name
from automation.errors import Refused

app = typer.Typer(help="The cluster of an environment, by itself.", no_args_is_help=True)


@app.command()
def create(environment: Environment, *, provider: Provider = None) -> None:
    """Make the cluster; nothing to do where it is there already."""
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment, provider=provider)
    with report.phase(f"Making the cluster {site.cluster}"):
        site.create_cluster()
    report.say(f"kubeconfig: {site.kubeconfig}")


@app.command()
def delete(
    environment: Environment,
    *,
    yes: Yes = False,
    keep_foreign: Annotated[bool, typer.Option(help="Only forget a cluster that was not made by dogitops.")] = False,
) -> None:
    """Remove the cluster with its containers, volumes and network."""
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment)
    if not yes and not ask_for_name(f"Delete the cluster {site.cluster} with all its data?", environment):
        raise Refused("Nothing was deleted.", hint="Answer with the environment's name, or give --yes.")
    there = site.delete_cluster(keep_foreign=keep_foreign)
    report.say(f"cluster {site.cluster} {'deleted' if there else 'was not there'}")


@app.command()
def kubeconfig(environment: Environment) -> None:
    """Print the path of the cluster's kubeconfig."""
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment)
    site.provider.write_kubeconfig(site.cluster, site.kubeconfig)
    report.result(str(site.kubeconfig))


@app.command()
def dump(
    environment: Environment,
    folder: Annotated[Path, typer.Argument(help="Where to write the logs.")] = Path("cluster-dump"),
) -> None:
    """Write the logs of the cluster's nodes into a folder."""
    from automation.jobs.sites import open_site  # noqa: PLC0415

    site = open_site(environment)
    site.provider.dump(site.cluster, folder)
    report.say(f"Written to {folder}.")
