"""nodes, etcd: clusters that kubeadm makes of machines."""

from __future__ import annotations

from typing import Annotated

import typer

from automation import report
from automation.cli.infrastructure import Environment, Yes, ask_for_name

nodes = typer.Typer(help="Machines that kubeadm makes a cluster of.", no_args_is_help=True)
etcd = typer.Typer(help="Snapshots of such a cluster's etcd.", no_args_is_help=True)


@nodes.command()
def up(environment: Environment) -> None:
    """Make the machines and join them to one cluster; run again, it goes on where it ended."""
    from automation.jobs.machines import nodes as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    made = job.up(open_site(environment))
    rows = [[machine.name, machine.address] for machine in made.machines]
    report.table(f"Nodes of {environment}: all Ready", ["node", "address"], rows)


@nodes.command()
def upgrade(
    environment: Environment,
    *,
    to: Annotated[str, typer.Option(metavar="VERSION", help="Version of Kubernetes, with its patch.")],
    again: Annotated[bool, typer.Option(help="Also machines that have this version already.")] = False,
) -> None:
    """Take the cluster to another version of Kubernetes, one machine after another."""
    from automation.jobs.machines import nodes as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    changed = job.upgrade_to(open_site(environment), to, again=again)
    report.say(f"Upgraded: {', '.join(changed)}." if changed else f"All nodes have {to} already.")


@nodes.command()
def certificates(environment: Environment) -> None:
    """Renew the certificates of the control planes now; by themselves they do it 60 days before their end."""
    from automation.jobs.machines import nodes as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    report.say(f"Renewed on {', '.join(job.renew(open_site(environment)))}.")


@etcd.command()
def snapshot(environment: Environment) -> None:
    """Write a snapshot of etcd now; by themselves control planes do it on a schedule."""
    from automation.jobs.machines import nodes as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    report.say(f"{job.take_snapshot(open_site(environment))} is in the bucket.")


@etcd.command("list")
def list_snapshots(environment: Environment) -> None:
    """List the snapshots of etcd, the oldest first."""
    from automation.jobs.machines import nodes as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    found = job.snapshots(open_site(environment))
    rows = [[one.name, f"{one.modified:%Y-%m-%d %H:%M} UTC", f"{one.size:,}"] for one in found]
    report.table(f"Snapshots of {environment}", ["name", "written", "bytes"], rows)


@etcd.command()
def restore(
    environment: Environment,
    *,
    snapshot: Annotated[str, typer.Option(metavar="NAME", help="Name of the snapshot, or latest.")],
    yes: Yes = False,
) -> None:
    """Rebuild the control plane from a snapshot; what was written since is lost."""
    from automation.jobs.machines import nodes as job  # noqa: PLC0415
    from automation.jobs.sites import open_site  # noqa: PLC0415

    question = f"The control plane of {environment} is rebuilt from {snapshot}; what was written since is lost."
    name, gone = job.restore(open_site(environment), snapshot, agreed=yes or ask_for_name(question, environment))
    report.say(f"The control plane is as {name} tells it.")
    if gone:
        report.warn(f"No machines of the environment any more, and removed: {', '.join(gone)}.")
