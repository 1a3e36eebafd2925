"""simulate: digitalocean, github."""

from __future__ import annotations

import contextlib
import threading
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from automation import report
from automation.errors import ConfigurationError

app = typer.Typer(help="Stand-ins that speak the real APIs to real clients.", no_args_is_help=True)


class Clusters(StrEnum):
    """What stands behind the Kubernetes clusters of the simulated DigitalOcean."""

    NONE = "none"
    KIND = "kind"


@app.command()
def github(
    *,
    repository: Annotated[
        list[str] | None,
        typer.Option(metavar="OWNER/NAME=PATH", help="Serve the Git repository at PATH under this name; repeatable."),
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="The repositories are public, not private.")] = False,
    address: Annotated[str, typer.Option(help="Listen on this address, such as the docker bridge's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Listen on this port; 0 takes a free one.")] = 0,
    state: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Keep the state in this file, and go on from it.")
    ] = None,
) -> None:
    """Serve a GitHub API until Ctrl-C; print its URL and a token of the first owner.

    Each is a line of its own. Tests drive it by POST /_simulator/OPERATION.
    Whoever reaches the port may do everything.
    """
    from automation.simulators.github import GitHubSimulator  # noqa: PLC0415

    named = [_named(text) for text in repository or []]
    simulator = GitHubSimulator(address=address, port=port, state=state)
    with contextlib.suppress(KeyboardInterrupt):  # how a server ends
        for name, path in named:
            simulator.add_repository(name, str(path), private=not public)
        names = simulator.repositories()
        if not names:
            raise ConfigurationError("There is no repository to serve.", hint="Give one: --repository owner/name=PATH")
        token = simulator.token_of(names[0].partition("/")[0])
        with simulator:
            report.result(simulator.url)
            report.result(token)
            threading.Event().wait()
    report.say("The GitHub simulator has ended.")


@app.command()
def digitalocean(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Listen on this port; 0 takes a free one.")] = 0,
    state: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Go on from the state in this file, and save it there.")
    ] = None,
    pace: Annotated[
        float, typer.Option(min=0, help="How long things take: 1 as in life, 0.1 a tenth of that, 0 no time.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(help="Where ids come from, and faults.")] = 0,
    faults: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="The share of requests, and of what resources try, that meets a fault, drawn from the seed.",
        ),
    ] = 0,
    droplets: Annotated[int, typer.Option(min=0, help="How many droplets the account may have.")] = 25,
    volumes: Annotated[int, typer.Option(min=0, help="How many volumes the account may have.")] = 100,
    clusters: Annotated[
        Clusters, typer.Option(help="What stands behind a Kubernetes cluster: nothing, or a real one made by kind.")
    ] = Clusters.NONE,
    nodes: Annotated[int, typer.Option(min=1, max=20, help="How many nodes of a real cluster are real.")] = 3,
    mirror: Annotated[str, typer.Option(metavar="URL", help="Where nodes of real clusters pull images from.")] = "",
    spaces: Annotated[
        Path | None, typer.Option(file_okay=False, help="Serve Spaces, too, and keep the buckets in this folder.")
    ] = None,
) -> None:
    """Serve a DigitalOcean API that keeps state until Ctrl-C; print its URL and a token, a line each.

    It listens on this machine alone. OpenTofu's provider takes them as DIGITALOCEAN_API_URL and DIGITALOCEAN_TOKEN.
    With --spaces the third line is the endpoint of Spaces. Real clusters end with the simulator.
    """
    if clusters is Clusters.KIND and state is not None:
        raise ConfigurationError(
            "--clusters kind and --state can't be given together: real clusters end with the simulator.",
            hint="Leave one of them out.",
        )
    from automation.simulators.digitalocean import Delays, DigitalOceanSimulator, Limits  # noqa: PLC0415

    limits = Limits(droplets=droplets, volumes=volumes)
    cloud = DigitalOceanSimulator(delays=Delays.scaled(pace), limits=limits, seed=seed, port=port, state=state)
    if faults:
        cloud.faults.schedule(seed, faults, troubles=True)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as running:  # how a server ends
        if clusters is Clusters.KIND:
            from automation.jobs.machines.simulated_clusters import kind_maker  # noqa: PLC0415
            from automation.simulators.digitalocean import makers  # noqa: PLC0415

            maker = kind_maker(nodes, mirror)
            running.enter_context(cloud)
            running.enter_context(makers.using(cloud, maker))
        else:
            running.enter_context(cloud)
        report.result(cloud.url)
        report.result(cloud.full_token())
        if spaces is not None:
            from automation.simulators.digitalocean.spaces import serving  # noqa: PLC0415
            from automation.toolchain import install  # noqa: PLC0415

            report.result(running.enter_context(serving(cloud, install.path("versitygw"), spaces)).url)
        threading.Event().wait()
    report.say("The DigitalOcean simulator has ended.")


def _named(text: str) -> tuple[str, Path]:
    name, sign, path = text.partition("=")
    if not sign or name.count("/") != 1 or not all(name.split("/")) or not path:
        raise ConfigurationError(
            f"--repository {text}: this is not OWNER/NAME=PATH.", hint="Such as acme/infra=./infra"
        )
    return name, Path(path)
