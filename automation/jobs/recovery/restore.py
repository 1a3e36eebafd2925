"""Restore: a backup into a cluster whose applications are held back until the data is there."""

from __future__ import annotations

import time
from collections.abc import Sequence

from automation import report
from automation.gitops import argocd
from automation.jobs.delivery.bootstrap import SYNC_PATIENCE
from automation.jobs.recovery import backup as backup_job
from automation.jobs.recovery.backup import LOCATION_PATIENCE
from automation.recovery import location, velero
from automation.site import Site

RESTORE_PATIENCE = 1800.0  # seconds
_SYNC_OF_BACKUPS = 75.0  # Velero looks into the bucket once a minute


def restore(site: Site, *, backup: str, namespaces: Sequence[str] = ()) -> velero.RestoreResult:
    """Restore ``backup`` with Argo CD's automation of the applications paused, then resume it.

    Objects that exist are left alone, so for a full restore the namespaces must be gone: see docs/restore.md.
    Raises ConfigurationError, before anything is changed, where the bucket holds no such backup.
    """
    site.up()
    backup_job.backups(site).check(backup, namespaces or site.environment.backup.namespaces)
    wait_until_known(site, backup, timeout=_SYNC_OF_BACKUPS)
    argocd.pause_apps(site.kube)
    name = f"{backup}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"  # a second restore is another one
    done = restore_data(site, backup, namespaces or site.environment.backup.namespaces, name=name)
    resume(site)
    return done


def restore_data(
    site: Site, backup: str, namespaces: Sequence[str], *, name: str | None = None
) -> velero.RestoreResult:
    """Restore the namespaces from ``backup``, with the backup location read-only meanwhile.

    A restore of this ``name`` that is under way is joined: so a drill that was killed goes on with its own.
    """
    wait_until_known(site, backup, timeout=LOCATION_PATIENCE)
    location.set_access_mode(site.kube, "ReadOnly")
    try:
        with report.phase(f"Restoring {', '.join(namespaces)} from {backup}"):
            done = velero.restore(
                site.kube,
                name or f"{backup}-restore",
                backup,
                namespaces,
                timeout=RESTORE_PATIENCE,
                progress=report.doing,
            )
    finally:
        location.set_access_mode(site.kube, "ReadWrite")
    report.note(f"{done.items} objects, and {done.bytes:,} bytes in volumes: {len(done.volumes)}")
    return done


def wait_until_known(site: Site, backup: str, *, timeout: float) -> None:
    """Wait until Velero has found ``backup`` in its location. Raises ConfigurationError when it has not in time."""
    with report.phase(f"Waiting until the cluster knows the backup {backup}"):
        location.wait_until_available(site.kube, timeout=LOCATION_PATIENCE, progress=report.doing)
        location.wait_until_known(site.kube, backup, timeout=timeout, progress=report.doing)


def resume(site: Site) -> None:
    """Give the applications back to Argo CD and wait until they are Synced and Healthy."""
    with report.phase("Giving the applications back to Argo CD"):
        argocd.resume_apps(site.kube)
        argocd.wait_until_synced(site.kube, timeout=SYNC_PATIENCE, progress=report.doing)
