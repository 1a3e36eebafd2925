"""Clusters of DigitalOcean's managed Kubernetes, behind the same interface as those on this machine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, Protocol

from automation import report, retry, wait
from automation.digitalocean import ownership, slugs
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.kubernetes import Associated, Cluster
from automation.digitalocean.problems import CloudError, Conflict, NotFound
from automation.errors import ConfigurationError, DeadlineExceeded, DogitopsError, Refused

_TRIES = 3  # creations, when the cluster ends in error
_GOING = frozenset({"deleting", "deleted"})


class Spec(Protocol):
    """What is asked for: :class:`automation.clusters.base.ClusterSpec` is one."""

    @property
    def name(self) -> str:
        """The cluster's name, with our prefix."""

    @property
    def control_planes(self) -> int:
        """How many control planes; more than one asks for the highly available one."""

    @property
    def workers(self) -> int:
        """How many nodes; DigitalOcean's control plane is none of them, and one is the least."""


class CreationFailed(DogitopsError):  # noqa: N818 - reads as what happened
    """A creation that ended in the state ``error``, and was cleaned up."""


@dataclass(frozen=True)
class DoksProvider:
    """Makes clusters in ``region`` with nodes of ``size``; ``version`` may be empty or ``1.35``: the newest of it.

    All it makes carries our tag, the ``environment`` and the end of its life, ``until``.
    """

    cloud: DigitalOcean
    region: str
    size: str
    version: str = ""
    environment: str = ""
    until: datetime | None = None
    kind: str = "doks"

    def create(self, spec: Spec, kubeconfig: Path) -> None:
        """Make the cluster and write its kubeconfig; nothing to do where it is there already.

        One that is being made is waited for, one that ended in error is removed first. A creation that ends in error
        is cleaned up and tried again; after the last try nothing of it is left.
        """
        ownership.refuse_foreign("cluster", spec.name)
        patience = self.cloud.patience
        for attempt in retry.attempts(CreationFailed, tries=_TRIES, first=patience.first, longest=patience.longest):
            with attempt:
                made = self._made(spec)
        self._differs(made, spec)
        _write_private(kubeconfig, self.cloud.kubeconfig(made.id))

    def delete(self, name: str) -> bool:
        """Remove the cluster with the volumes and load balancers that it made; return whether there was one.

        Raises Refused for a cluster without our prefix or without our tag.
        """
        ownership.refuse_foreign("cluster", name)
        named = self._named(name)
        ours = [cluster for cluster in named if ownership.is_tagged(cluster.tags)]
        for cluster in ours or named:  # a foreign one alone is refused
            remove(self.cloud, cluster)
        return bool(named)

    def exists(self, name: str) -> bool:
        """Whether there is a cluster of this name, whole or half-made."""
        return self._find(name) is not None

    def write_kubeconfig(self, name: str, path: Path) -> None:
        """Write the cluster's kubeconfig to ``path`` (mode 0600)."""
        _write_private(path, self.cloud.kubeconfig(self._there(name).id))

    def load_images(self, name: str, references: Sequence[str]) -> None:
        """Refuse: its nodes are out of reach."""
        raise Refused(
            f"Images can't be put into {name}: its nodes are DigitalOcean's ({len(references)} asked for).",
            hint="Push them to a registry that the cluster can reach.",
        )

    def nodes(self, name: str) -> list[str]:
        """Return the names of the nodes."""
        found = self._find(name)
        return sorted(node.name for pool in found.pools for node in pool.nodes) if found else []

    def dump(self, name: str, folder: Path) -> None:
        """Write what DigitalOcean tells about the cluster; best effort, since things are failing already."""
        found = self._find(name)
        if found is None:
            return
        told: dict[str, Any] = {"cluster": repr(found)}
        try:
            told["associated"] = repr(self.cloud.associated(found.id))
        except CloudError as error:
            told["associated"] = error.message
        _write_private(folder / f"{name}.json", json.dumps(told, indent=2))

    # -- how it is made -----------------------------------------------------------------------------------------

    def _made(self, spec: Spec) -> Cluster:
        """Return the running cluster. Raises CreationFailed after cleaning up one that ended in error."""
        found = self._find(spec.name)
        if found is not None:
            ownership.refuse_foreign("cluster", spec.name, found.tags)
            if found.state in _GOING:
                report.note(f"an earlier cluster {spec.name} is being deleted: waiting for its end")
                wait_until_gone(self.cloud, found, None, report.doing)
                found = None
            elif found.state == "error":
                report.note(f"removing the cluster {spec.name} whose creation failed")
                remove(self.cloud, found)
                found = None
            else:
                report.note(f"cluster {spec.name} is there already ({found.state})")
        if found is None:
            found = self.cloud.create_cluster(self._body(spec), lambda: self._usable(spec.name))
        return self._running(found)

    def _body(self, spec: Spec) -> dict[str, Any]:
        options = self.cloud.kubernetes_options()
        slugs.check(options, region=self.region, size=self.size)
        tags = ownership.tags(self.environment, self.until)
        return {
            "name": spec.name,
            "region": self.region,
            "version": slugs.version(options, self.version),
            "ha": spec.control_planes > 1,  # always said: what it is by default depends on the version
            "auto_upgrade": False,
            "tags": tags,
            "node_pools": [
                {"name": f"{spec.name}-pool", "size": self.size, "count": max(1, spec.workers), "tags": tags}
            ],
        }

    def _running(self, cluster: Cluster) -> Cluster:
        last = [cluster]

        def ended() -> bool:
            try:
                last[0] = self.cloud.cluster(cluster.id)
            except NotFound as error:
                raise CloudError(
                    f"The cluster {cluster.name} was deleted by somebody else while it was being made.",
                    hint="Run it again: it is made anew.",
                ) from error
            return last[0].state not in {"provisioning", ""}

        try:
            wait.until(
                ended,
                f"the cluster {cluster.name} to run",
                timeout=self.cloud.patience.cluster,
                interval=self.cloud.patience.poll,
                progress=report.doing,
                state=lambda: _told(last[0]),
            )
        except DeadlineExceeded as late:
            self._clean_up(last[0], late.message)
        if last[0].state in {"error", *_GOING}:
            self._clean_up(last[0], _told(last[0]))
        return last[0]

    def _clean_up(self, cluster: Cluster, why: str) -> NoReturn:
        report.note(f"the creation of {cluster.name} failed: removing what it made")
        remove(self.cloud, cluster)
        raise CreationFailed(
            f"DigitalOcean could not make the cluster {cluster.name}: {why} Nothing of it is left.",
            hint="See https://status.digitalocean.com; another region or size may have room.",
        )

    def _differs(self, cluster: Cluster, spec: Spec) -> None:
        """Raise ConfigurationError where the cluster that is there is not the one that is described."""
        wanted = {"region": self.region, "ha": spec.control_planes > 1, "nodes": max(1, spec.workers)}
        there = {"region": cluster.region, "ha": cluster.ha, "nodes": sum(pool.count for pool in cluster.pools)}
        if wanted != there:
            told = ", ".join(f"{key} is {there[key]}, not {wanted[key]}" for key in wanted if wanted[key] != there[key])
            raise ConfigurationError(
                f"A cluster {spec.name} exists, made from another description: {told}.",
                hint="Delete it first ('dogitops cluster delete ENVIRONMENT'), or plan and apply the change.",
            )

    def _there(self, name: str) -> Cluster:
        found = self._find(name)
        if found is None:
            raise CloudError(
                f"There is no cluster {name} at DigitalOcean (any more).",
                hint="Make it: 'dogitops cluster create ENVIRONMENT'.",
            )
        return found

    def _usable(self, name: str) -> Cluster | None:
        """Return the cluster that a lost answer may have made: ours, and not on its way out."""
        found = self._find(name)
        return found if found and ownership.is_tagged(found.tags) and found.state not in _GOING else None

    def _find(self, name: str) -> Cluster | None:
        """Return the cluster of this name, ours rather than somebody else's: DigitalOcean lets two have the same."""
        return next(iter(sorted(self._named(name), key=lambda one: not ownership.is_tagged(one.tags))), None)

    def _named(self, name: str) -> list[Cluster]:
        return [one for one in self.cloud.clusters() if one.name == name and one.state != "deleted"]


def remove(cloud: DigitalOcean, cluster: Cluster, progress: Callable[[str], None] = report.doing) -> None:
    """Delete a cluster with the volumes, their snapshots and the load balancers it made; wait until all are gone.

    Raises Refused for a cluster that does not carry our tag.
    """
    belongings = marked_belongings(cloud, cluster)
    if cluster.state not in _GOING:
        cloud.delete("cluster", cluster.id)
    wait_until_gone(cloud, cluster, belongings, progress)


def marked_belongings(cloud: DigitalOcean, cluster: Cluster) -> Associated | None:
    """Return what a cluster's controllers made, before it goes; None where the cluster is gone already.

    They get our tag, where they can: if DigitalOcean leaves one behind, or we are killed, it is still known as ours.
    Raises Refused for a cluster that does not carry our tag.
    """
    ownership.refuse_untagged("cluster", cluster.name, cluster.tags)
    try:
        belongings = cloud.associated(cluster.id)
        for tag in [tag for tag in cluster.tags if ownership.is_tagged([tag])]:
            cloud.tag(tag, "volume", [volume.id for volume in belongings.volumes])
            cloud.tag(tag, "volume_snapshot", [snapshot.id for snapshot in belongings.volume_snapshots])
    except NotFound:
        report.note(f"the cluster {cluster.name} is gone already")
        return None
    return belongings


def wait_until_gone(
    cloud: DigitalOcean, cluster: Cluster, belongings: Associated | None, progress: Callable[[str], None]
) -> None:
    """Wait until a cluster and what belongs to it are gone; what DigitalOcean leaves behind is deleted one by one."""
    left: list[str] = []

    def gone() -> bool:
        found = [one for one in cloud.clusters() if one.id == cluster.id and one.state != "deleted"]
        left[:] = [f"the cluster is {one.state}" for one in found]
        if left:
            return False
        left[:] = [f"the node {one.name}" for one in cloud.droplets() if f"k8s:{cluster.id}" in one.tags]
        if belongings is None:
            return not left
        for what, there, mine in (
            ("load balancer", cloud.load_balancers, belongings.load_balancers),
            ("volume", cloud.volumes, belongings.volumes),
            ("snapshot", cloud.snapshots, belongings.volume_snapshots),
        ):
            if mine:
                ids = {one.id for one in there()}
                stayed = [one for one in mine if one.id in ids]
                left.extend(f"the {what} {one.name}" for one in stayed)
                for one in stayed:
                    with contextlib.suppress(Conflict):  # it is still busy, or being deleted
                        cloud.delete(what, one.id)
        return not left

    wait.until(
        gone,
        f"the cluster {cluster.name} to be deleted with what it made",
        timeout=cloud.patience.deletion,
        interval=cloud.patience.poll,
        progress=progress,
        state=lambda: ", ".join(left),
        hint="'dogitops reap' finds and deletes what is left of ours.",
    )


def _told(cluster: Cluster) -> str:
    nodes = [node for pool in cluster.pools for node in pool.nodes]
    ready = sum(node.state == "running" for node in nodes)
    words = f" ({cluster.message})" if cluster.message else ""
    return f"Its state is {cluster.state or 'unknown'}{words}, {ready} of {len(nodes)} nodes run."


def _write_private(path: Path, text: str) -> None:
    """Write ``text`` in one step, readable by the user alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(path.name + ".new")
    temporary.touch(mode=0o600)
    temporary.chmod(0o600)
    temporary.write_text(text)
    temporary.replace(path)
