"""What a cluster knows of the newest drill that it passed: a Lease, whose time kube-state-metrics tells as a metric.

A Lease, because of all that kube-state-metrics turns into metrics it alone carries a time of our own as a number
(``kube_lease_renew_time``, seconds since the epoch), and because reading Leases tells nobody a secret. It lies in the
cluster that was drilled: the old one's is gone with it, so a cluster that came back without a drill has none.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from automation.errors import ConfigurationError
from automation.recovery.evidence import Evidence

NAMESPACE: Final = "dogitops-system"
NAME: Final = "last-passed-drill"


def lease(told: Evidence) -> dict[str, Any]:
    """Return the Lease of a drill that passed. Raises ConfigurationError for one that failed: it must stay untold."""
    if told.verdict != "passed":
        raise ConfigurationError(
            f"The drill {told.run} failed, so no cluster may count it as passed.", hint="Read its evidence."
        )
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/managed-by": "dogitops"},
            "annotations": {"dogitops.io/backup": told.backup, "dogitops.io/commit": told.commit},
        },
        "spec": {
            "holderIdentity": told.run,
            "acquireTime": _micro(told.started),
            "renewTime": _micro(told.finished),
        },
    }


def _micro(time: datetime) -> str:
    """Write a time as Kubernetes' MicroTime wants it: always with six digits after the point."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
