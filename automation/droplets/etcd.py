"""Snapshots of etcd in a bucket: taken, listed, and the control plane rebuilt from one.

What they hold and how they are sealed is in ``opentofu/modules/cloud-init/files/etcd-snapshot.sh`` and ``bucket.sh``.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from datetime import datetime

from automation import report
from automation.droplets import kubeadm
from automation.droplets.kubeadm import Cluster, Gives
from automation.droplets.machine import Machine, Unreachable
from automation.errors import ConfigurationError, DogitopsError, did_you_mean
from automation.objectstore import ObjectStore

PREFIX = "etcd/"
_SEALED = ".sealed"
_PATIENCE = 1800.0  # seconds for one snapshot to travel
_SERVICE = "dogitops-etcd-snapshot.service"
# What this run wrote, not an earlier one: the journal may still be behind when a service has ended.
_LOG = (
    f"run=$(systemctl show --property InvocationID --value {_SERVICE}) && journalctl --sync &&"
    ' journalctl --output cat --lines 30 "_SYSTEMD_INVOCATION_ID=$run" + "INVOCATION_ID=$run"'
)
_RESTORE = "/usr/local/lib/dogitops/etcd-restore"


@dataclass(frozen=True)
class Snapshot:
    """A whole snapshot in the bucket; ``size`` is in bytes."""

    name: str
    size: int
    modified: datetime


def listed(store: ObjectStore, bucket: str) -> list[Snapshot]:
    """Return the whole snapshots in the bucket, the oldest first."""
    found = {one.key.removeprefix(PREFIX): one for one in store.objects(bucket, PREFIX)}
    return [
        Snapshot(key.removesuffix(_SEALED), one.size, one.modified)
        for key, one in sorted(found.items())
        if key.endswith(_SEALED) and f"{key.removesuffix(_SEALED)}.hmac" in found
    ]


def known(snapshots: list[Snapshot], name: str) -> Snapshot:
    """Return the snapshot of this name; ``latest`` is the newest. Raises ConfigurationError where there is none."""
    if not snapshots:
        raise ConfigurationError(
            "There is no snapshot of etcd in the bucket.",
            hint="The timer dogitops-etcd-snapshot on each control plane writes them; its log says why it has not.",
        )
    if name == "latest":
        return snapshots[-1]
    for each in snapshots:
        if each.name == name:
            return each
    names = [each.name for each in snapshots]
    raise ConfigurationError(
        f"There is no snapshot {name!r}.{did_you_mean(name, names)}", hint=f"The newest is {names[-1]}."
    )


def take(machine: Machine) -> str:
    """Have a control plane write a snapshot now; return its name. Raises DogitopsError, with the log, if it failed."""
    done = machine.run(f"systemctl start {_SERVICE}", timeout=_PATIENCE)
    log = machine.run(_LOG).text
    named = re.findall(r"(\S+) is in the bucket$", log, re.MULTILINE)
    if done.code != 0 or not named:
        tail = "\n".join(log.strip().splitlines()[-12:]) or done.text
        raise DogitopsError(
            f"{machine.name} could not write a snapshot of etcd:\n{tail}",
            hint="/etc/dogitops/snapshots.env on it names the bucket, /etc/dogitops/objectstore.env holds the key.",
        )
    return str(named[-1])


def check(machine: Machine, name: str) -> None:
    """Have a machine fetch a snapshot and prove that it is whole and its cluster's; nothing else is changed.

    Raises DogitopsError with what is wrong with it.
    """
    machine.ok(f"{_RESTORE} check {shlex.quote(name)}", timeout=_PATIENCE)


def restore(cluster: Cluster, name: str, gives: Gives, *, interval: float = 2.0) -> list[str]:
    """Rebuild the control plane from a snapshot: all that was written since is lost. Return the nodes that are gone.

    The snapshot is fetched and checked by the first control plane before anything is touched. Then the others leave
    the cluster, the first begins it anew from the snapshot, and the others join again. Workers go on meanwhile, and
    find their API again. Raises DogitopsError; it may be run again, whatever came of an earlier one.
    """
    first, others = cluster.first, cluster.control_planes[1:]
    with report.phase(f"Checking {name} on {first.name}"):
        check(first, name)
    for machine in others:
        with report.phase(f"Taking {machine.name} out"):
            try:
                machine.ok(f"{_RESTORE} again", timeout=300)
            except Unreachable as error:
                raise DogitopsError(
                    f"{error.message} It may still serve the old datastore, so nothing was restored.",
                    hint=f"Start {machine.name}, or take it out of the environment (control_planes), then try again.",
                ) from error
    with report.phase(f"Restoring {name} on {first.name}"):
        first.ok(f"{_RESTORE} apply {shlex.quote(name)}", timeout=_PATIENCE)
        alone = Cluster((first,))
        gone = kubeadm.forget_control_planes(alone, but=first)
    kubeadm.bring_up(Cluster(cluster.control_planes), gives, interval=interval)
    with report.phase("Waiting for all nodes"):
        kubeadm.wait_ready(cluster)
    joined = {machine.name for machine in others}
    return [each for each in gone if each not in joined]
