"""What coverage, ledger and inventory found, as the values that evidence holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from automation.recovery.coverage import Covered
from automation.recovery.evidence import CoveredClaim, Data, ObjectDifference, Objects
from automation.recovery.inventory import Difference, Inventory, shown
from automation.recovery.ledger import LedgerReport


def coverage(claims: Iterable[Covered]) -> tuple[CoveredClaim, ...]:
    """Return the claims that a backup covers."""
    return tuple(CoveredClaim(pvc=f"{claim.namespace}/{claim.claim}", bytes=claim.bytes) for claim in claims)


def data(report: LedgerReport) -> Data:
    """Return how the ledger's data was found again."""
    return Data(
        entries=report.expected,
        bytes=report.bytes,
        missing=len(report.missing),
        changed=len(report.changed),
        extra=report.extra,
        file=report.file,
    )


def objects(before: Inventory, differences: Iterable[Difference]) -> Objects:
    """Return how the objects were found again: numbers of whole objects, and each difference."""
    found = tuple(differences)
    count = Counter(one.kind for one in found if one.kind != "changed")
    return Objects(
        compared=len(before.objects),
        missing=count["missing"],
        unexpected=count["unexpected"],
        changed=len({one.identity for one in found if one.kind == "changed"}),
        differences=tuple(
            ObjectDifference(
                kind=one.kind,
                object=one.identity,
                path=one.path,
                before=shown(one.before) if one.kind == "changed" else "",
                after=shown(one.after) if one.kind == "changed" else "",
            )
            for one in found
        ),
    )
