"""Backup: one that is known to cover every volume in scope."""

from __future__ import annotations

import time
from dataclasses import dataclass

from automation import report
from automation.jobs.site import Site
from automation.recovery import location, velero
from automation.recovery.coverage import Covered, coverage

BACKUP_PATIENCE = 1800.0  # seconds
LOCATION_PATIENCE = 300.0


@dataclass(frozen=True)
class Backup:
    """A completed backup, and the volumes that it was proven to hold."""

    name: str
    covered: tuple[Covered, ...]


def backup(site: Site, *, name: str | None = None) -> Backup:
    """Back up the environment's namespaces and prove that every bound claim in scope was stored.

    Raises VerificationFailed (exit code 5) when a claim has no completed pod-volume backup.
    """
    told = site.environment.backup
    chosen = name or f"{site.name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    site.up()
    with report.phase("Waiting for the backup location"):
        location.wait_until_available(site.kube, timeout=LOCATION_PATIENCE, progress=report.doing)
    with report.phase(f"Backing up {', '.join(told.namespaces)} as {chosen}"):
        velero.back_up(
            site.kube, chosen, told.namespaces, ttl=f"{told.keep_hours}h0m0s", timeout=BACKUP_PATIENCE,
            progress=report.doing,
        )  # fmt: skip
    with report.phase("Checking that every volume was stored"):
        covered = coverage(site.kube, chosen, told.namespaces)
        for item in covered:
            report.note(f"{item.namespace}/{item.claim}: {item.bytes:,} bytes")
    return Backup(chosen, covered)
