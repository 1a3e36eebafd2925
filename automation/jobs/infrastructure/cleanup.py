"""Clean up: that a cluster at DigitalOcean went with all that its controllers made, proven by looking again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from automation import report
from automation.digitalocean import doks, ownership
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.kubernetes import Associated, Cluster
from automation.jobs.infrastructure import reap
from automation.site import Site


@contextmanager
def nothing_left_of(site: Site) -> Iterator[None]:
    """Within the block the environment's cluster is destroyed; afterwards nothing of it may be left.

    What the cluster's controllers made (load balancers, volumes and their snapshots) is noted before, and has to be
    gone after; what DigitalOcean leaves behind is deleted. Then the account is searched for what carries the
    environment's mark. Raises DeadlineExceeded for what does not go, VerificationFailed for what is still found.
    Nothing happens for clusters elsewhere.
    """
    if site.provider_kind != "doks":
        yield
        return
    provider = site.provider
    assert isinstance(provider, doks.DoksProvider)  # noqa: S101 - for the type checker
    cloud = provider.cloud
    there = [(cluster, doks.marked_belongings(cloud, cluster)) for cluster in _clusters(site, cloud)]
    yield
    for cluster, belongings in there:
        with report.phase(f"Looking for what {cluster.name} made"):
            doks.wait_until_gone(cloud, cluster, belongings, report.doing)
            report.note(_told(belongings))
    reap.check(reap.Reaper(cloud, everything=False, now=datetime.now(UTC), environment=site.name))


def _clusters(site: Site, cloud: DigitalOcean) -> list[Cluster]:
    return [one for one in cloud.clusters() if one.name == site.cluster and ownership.is_tagged(one.tags)]


def _told(belongings: Associated | None) -> str:
    if belongings is None:
        return "nothing of it is left"
    made = (
        (len(belongings.load_balancers), "load balancers"),
        (len(belongings.volumes), "volumes"),
        (len(belongings.volume_snapshots), "snapshots"),
    )
    return "gone with it: " + ", ".join(f"{count} {what}" for count, what in made)
