"""From nothing: two tokens to a running cluster on machines of its own, or back to one from a backup."""

from __future__ import annotations

from automation.jobs.delivery.bootstrap import bootstrap
from automation.jobs.recovery import restore as restore_job
from automation.site import Site


def run(site: Site, *, restore: str = "") -> None:
    """Bootstrap ``site``; where its cluster stands on droplets, these are made first.

    With the name of a backup, its data is restored before the applications start: so an environment comes back after
    a full wipe. Each step finds what is there already, so it may be run again at any point.
    """
    if site.provider_kind == "droplet":
        site.create_cluster()
    if not restore:
        bootstrap(site)
        return
    bootstrap(site, apps="paused")
    restore_job.restore_data(site, restore, site.environment.backup.namespaces)
    restore_job.resume(site)
