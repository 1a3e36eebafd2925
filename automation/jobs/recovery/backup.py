"""Backup: one that is known to cover every volume in scope."""

from __future__ import annotations

import time
from dataclasses import dataclass

from automation import report
from automation.errors import DogitopsError
from automation.gitops import repository
from automation.recovery import findings, inventory, ledger, location, velero
from automation.recovery.coverage import Covered, coverage
from automation.recovery.record import Backups, Record
from automation.site import Site

BACKUP_PATIENCE = 1800.0  # seconds
LOCATION_PATIENCE = 300.0


@dataclass(frozen=True)
class Backup:
    """A completed backup, and the volumes that it was proven to hold."""

    name: str
    covered: tuple[Covered, ...]


@dataclass(frozen=True)
class Known:
    """What a restore must bring back, as JSON: data of the sample application, and all objects. None: not known."""

    ledger: str | None
    inventory: str | None


def backup(site: Site, *, name: str | None = None, known: Known | None = None) -> Backup:
    """Back up the environment's namespaces and prove that every bound claim in scope was stored.

    Beside it goes a record of what is ``known`` (default: looked at now), so that a drill can use this backup later.
    Raises VerificationFailed (exit code 5) when a claim has no completed pod-volume backup.
    """
    told = site.environment.backup
    chosen = name or f"{site.name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    site.up()
    with report.phase("Waiting for the backup location"):
        location.wait_until_available(site.kube, timeout=LOCATION_PATIENCE, progress=report.doing)
    if known is None:
        with report.phase("Noting what must come back"):
            known = look(site, chosen)
    with report.phase(f"Backing up {', '.join(told.namespaces)} as {chosen}"):
        velero.back_up(
            site.kube, chosen, told.namespaces, ttl=f"{told.keep_hours}h0m0s", timeout=BACKUP_PATIENCE,
            progress=report.doing,
        )  # fmt: skip
    with report.phase("Checking that every volume was stored"):
        covered = coverage(site.kube, chosen, told.namespaces)
        for item in covered:
            report.note(f"{item.namespace}/{item.claim}: {item.bytes:,} bytes")
    claims = tuple(claim.model_dump(mode="json") for claim in findings.coverage(covered))
    commit = repository.head(site.workspace.root)
    backups(site).keep(Record(chosen, commit, known.ledger, known.inventory, claims))
    return Backup(chosen, covered)


def backups(site: Site) -> Backups:
    """Return the backups in the environment's bucket."""
    told = site.environment.backup
    return Backups(site.backup_store, told.bucket, told.prefix)


def look(site: Site, run: str) -> Known:
    """Write known data into the sample application, where there is one, and list all objects.

    What can't be known is warned of: a backup without a record is better than none.
    """
    namespaces, data, objects = site.environment.backup.namespaces, None, None
    unfinished = (site.kept / "journals" / "drill.jsonl").exists()  # its data is still needed
    if ledger.Store().namespace in namespaces and not unfinished:
        try:
            data = ledger.write(site.kube, run, entries=site.environment.drill.entries, file_bytes=_FILE).to_json()
        except DogitopsError as error:
            report.warn(f"This backup gets no known data, so a drill with it can't compare any: {error.message}")
    try:
        key = site.lasting("inventory.key")
        objects = inventory.take(site.kube, namespaces, key=key, progress=report.doing).to_json()
    except DogitopsError as error:
        report.warn(f"This backup gets no list of objects, so a drill with it can't compare them: {error.message}")
    return Known(data, objects)


_FILE = 1024 * 1024  # bytes: enough to notice a change, too little to make a backup slow
