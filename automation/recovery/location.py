"""Where the backups lie: whether Velero can use the bucket, what it knows of it, and who may write to it."""

from __future__ import annotations

from typing import Any, Final, Literal

from automation import wait
from automation.errors import ConfigurationError, DogitopsError, did_you_mean
from automation.kube import Kube, Manifest, pod_is_ready, pod_state
from automation.recovery.velero_objects import API, LOG, NAMESPACE, SERVER, Progress, checked_name, phase

AccessMode = Literal["ReadOnly", "ReadWrite"]

_BUSY: Final = frozenset({"InProgress", "WaitingForPluginOperations", "Finalizing", "ReadyToStart"})


def wait_until_available(
    kube: Kube, location: str = "default", *, timeout: float, progress: Progress | None = None
) -> None:
    """Wait until Velero's server and node agents run and the backup location can be used.

    Raises DeadlineExceeded with what Velero says of the location.
    """

    def state() -> str:
        waiting = [
            f"{pod['metadata']['name']}: {pod_state(pod)}"
            for selector in (SERVER, "name=node-agent")
            for pod in kube.list("v1", "Pod", NAMESPACE, selector)
            if not pod_is_ready(pod)
        ]
        found = kube.get(API, "BackupStorageLocation", location, NAMESPACE)
        if found is None:
            return "; ".join([*waiting, f"there is no backup location {location!r}"])
        status = found.get("status") or {}
        told = f"backup location {location}: {status.get('phase') or 'not checked yet'}"
        return "; ".join([*waiting, f"{told}, {status['message']}" if status.get("message") else told])

    def available() -> bool:
        if not (_server_runs(kube) and _agents_run(kube)):
            return False
        found = kube.get(API, "BackupStorageLocation", location, NAMESPACE)
        if found is None:
            return False
        if phase(found) == "Available":
            return True
        if phase(found) == "Unavailable":  # Velero looks again within 10 s when its last look is forgotten
            kube.patch(API, "BackupStorageLocation", location, {"status": {"lastValidationTime": None}}, NAMESPACE)
        return False

    wait.until(
        available,
        "Velero and its backup location",
        timeout=timeout,
        progress=progress,
        state=state,
        hint=f"Check the bucket, the endpoint and the credentials of the location, and read '{LOG}'.",
    )


def set_access_mode(kube: Kube, mode: AccessMode, location: str = "default") -> None:
    """Make the backup location ReadOnly, so that nothing can change or delete its backups, or ReadWrite again."""
    kube.patch(API, "BackupStorageLocation", location, {"spec": {"accessMode": mode}}, NAMESPACE)


def known_backups(kube: Kube) -> tuple[str, ...]:
    """Return the names of the complete backups that the cluster knows, newest first."""
    complete = [backup for backup in kube.list(API, "Backup", NAMESPACE) if phase(backup) == "Completed"]
    newest = sorted(complete, key=lambda backup: str(backup["status"].get("startTimestamp")), reverse=True)
    return tuple(backup["metadata"]["name"] for backup in newest)


def wait_until_known(
    kube: Kube, backup: str, *, timeout: float, location: str = "default", progress: Progress | None = None
) -> None:
    """Wait until the cluster knows a backup that lies in the bucket.

    A rebuilt cluster learns its backups from the bucket, but Velero looks there only once a minute after its
    start, and its first look comes too early. So when the backup is not known and Velero is idle, its server
    is started anew, once: it looks again as it starts. Raises ConfigurationError, with the names that are
    known, after ``timeout`` seconds.
    """
    checked_name(backup)
    nudged: list[bool] = []

    def known() -> bool:
        found = kube.get(API, "Backup", backup, NAMESPACE)
        if found is not None and _volumes_are_known(kube, found, location):
            return True
        if found is None and not nudged and _idle(kube):
            nudged.append(True)
            _look_again(kube, location)
        return False

    try:
        wait.until(known, f"Velero to find {backup} in the bucket", timeout=timeout, progress=progress)
    except DogitopsError as error:
        raise unknown_backup(kube, backup, f"Velero did not find the backup {backup!r} in its bucket.") from error


def unknown_backup(kube: Kube, backup: str, message: str) -> ConfigurationError:
    """Return the error that names the backups there are."""
    names = known_backups(kube)
    told = f"Known, newest first: {', '.join(names[:10])}." if names else "The cluster knows no backups at all."
    return ConfigurationError(f"{message}{did_you_mean(backup, names)}", hint=told)


def _volumes_are_known(kube: Kube, backup: Manifest, location: str) -> bool:
    """Whether the volumes of a backup are known too: a look into the bucket brings them after the backup itself."""
    created, started = backup["metadata"]["creationTimestamp"], (backup.get("status") or {}).get("startTimestamp")
    if not started or started >= created:
        return True  # it was made in this cluster
    found = kube.get(API, "BackupStorageLocation", location, NAMESPACE) or {}
    return str((found.get("status") or {}).get("lastSyncedTime") or "") >= str(created)


def _server_runs(kube: Kube) -> bool:
    deployment: dict[str, Any] = kube.get("apps/v1", "Deployment", "velero", NAMESPACE) or {}
    return bool((deployment.get("status") or {}).get("readyReplicas"))


def _agents_run(kube: Kube) -> bool:
    agents: dict[str, Any] = kube.get("apps/v1", "DaemonSet", "node-agent", NAMESPACE) or {}
    status = agents.get("status") or {}
    wanted = status.get("desiredNumberScheduled") or 0
    return bool(wanted) and status.get("numberReady", 0) >= wanted


def _idle(kube: Kube) -> bool:
    """Whether Velero may be started anew: it is ready, and runs neither a backup nor a restore."""
    busy = any(phase(run) in _BUSY for kind in ("Backup", "Restore") for run in kube.list(API, kind, NAMESPACE))
    return not busy and _server_runs(kube)


def _look_again(kube: Kube, location: str) -> None:
    kube.patch(API, "BackupStorageLocation", location, {"status": {"lastSyncedTime": None}}, NAMESPACE)
    for pod in kube.list("v1", "Pod", NAMESPACE, SERVER):
        kube.delete("v1", "Pod", pod["metadata"]["name"], NAMESPACE)
