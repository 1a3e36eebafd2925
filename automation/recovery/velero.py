"""Velero, driven through the cluster's API alone: backups and restores, and (from location.py) where they lie."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from automation.errors import ConfigurationError, Refused, VerificationFailed, did_you_mean
from automation.kube import Kube, Manifest
from automation.recovery.location import (
    AccessMode,
    known_backups,
    set_access_mode,
    unknown_backup,
    wait_until_available,
    wait_until_known,
)
from automation.recovery.velero_objects import (
    API,
    NAMESPACE,
    Progress,
    agreed,
    checked_name,
    follow,
    phase,
    volume_bytes,
    volume_name,
    volumes_of,
)

__all__ = [
    "AccessMode",
    "BackupResult",
    "RestoreResult",
    "back_up",
    "known_backups",
    "restore",
    "set_access_mode",
    "wait_until_available",
    "wait_until_known",
]

# What Git or Argo CD brings back, and what has no worth in another cluster.
EXCLUDED: Final = (
    *("applications.argoproj.io", "applicationsets.argoproj.io", "appprojects.argoproj.io"),
    *("events", "events.events.k8s.io"),
)

_DURATION: Final = re.compile(r"(\d+(\.\d+)?(h|m|s))+")


@dataclass(frozen=True)
class BackupResult:
    """A completed backup; times are ISO 8601 in UTC, ``bytes`` is what its volumes hold."""

    name: str
    started: str
    completed: str
    expires: str
    items: int
    bytes: int
    warnings: int


@dataclass(frozen=True)
class RestoreResult:
    """A completed restore; ``volumes`` are ``namespace/pod volume``, ``sizes`` the bytes of each, ``bytes`` of all."""

    name: str
    backup: str
    started: str
    completed: str
    items: int
    volumes: tuple[str, ...]
    bytes: int
    warnings: int
    sizes: tuple[int, ...] = ()


def back_up(
    kube: Kube,
    name: str,
    namespaces: Sequence[str],
    *,
    ttl: str = "720h0m0s",
    timeout: float,
    progress: Progress | None = None,
    location: str = "default",
    labels: Mapping[str, str] | None = None,
) -> BackupResult:
    """Back up ``namespaces`` with the files of their volumes, and return when it is complete.

    A backup of this name with the same options is taken up where it stands. ``ttl`` is how long it is kept
    (Go's form: ``720h0m0s``). Raises VerificationFailed with the reasons unless it is Completed, and
    ConfigurationError for bad names, unknown namespaces or other options under the same name.
    """
    checked_name(name)
    if not _DURATION.fullmatch(ttl):
        raise ConfigurationError(f"{ttl!r} is not a length of time.", hint="Write it like 720h or 1h30m.")
    _check_namespaces(kube, namespaces)
    wanted: Manifest = {
        "apiVersion": API,
        "kind": "Backup",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": _labels(labels)},
        "spec": {
            "includedNamespaces": sorted(namespaces),
            "excludedResources": list(EXCLUDED),
            "defaultVolumesToFsBackup": True,
            "snapshotVolumes": False,
            "storageLocation": location,
            "ttl": ttl,
        },
    }
    _create_or_join(kube, wanted, "Backup")
    done = follow(
        kube, "Backup", name, volumes="PodVolumeBackup", items="itemsBackedUp", timeout=timeout, progress=progress
    )
    status = done["status"]
    return BackupResult(
        name=name,
        started=str(status.get("startTimestamp", "")),
        completed=str(status.get("completionTimestamp", "")),
        expires=str(status.get("expiration", "")),
        items=int((status.get("progress") or {}).get("itemsBackedUp") or 0),
        bytes=sum(volume_bytes(volume) for volume in volumes_of(kube, "PodVolumeBackup", name)),
        warnings=int(status.get("warnings") or 0),
    )


def restore(
    kube: Kube,
    name: str,
    backup: str,
    namespaces: Sequence[str],
    *,
    timeout: float,
    progress: Progress | None = None,
    allow_partial: bool = False,
) -> RestoreResult:
    """Restore ``namespaces`` from ``backup`` with their volumes, and return when it is complete.

    What exists already is left as it is, and a volume whose pod exists already is not restored: that is an
    error. A restore of this name with the same options is taken up where it stands. Raises VerificationFailed
    with the reasons unless it is Completed with every volume, ConfigurationError for unknown backups and
    namespaces, Refused for a backup that is not whole (unless ``allow_partial``).
    """
    checked_name(name, "restore")
    source = kube.get(API, "Backup", checked_name(backup), NAMESPACE)
    if source is None:
        raise unknown_backup(kube, backup, f"There is no backup {backup!r}.")
    _check_source(kube, source, namespaces, allow_partial=allow_partial)
    wanted: Manifest = {
        "apiVersion": API,
        "kind": "Restore",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": _labels(None)},
        "spec": {
            "backupName": backup,
            "includedNamespaces": sorted(namespaces),
            "existingResourcePolicy": "none",
            "restorePVs": True,
        },
    }
    _create_or_join(kube, wanted, "Restore")
    done = follow(
        kube, "Restore", name, volumes="PodVolumeRestore", items="itemsRestored", timeout=timeout, progress=progress
    )
    volumes = sorted(_restored_volumes(kube, name, backup, namespaces), key=volume_name)
    status = done["status"]
    return RestoreResult(
        name=name,
        backup=backup,
        started=str(status.get("startTimestamp", "")),
        completed=str(status.get("completionTimestamp", "")),
        items=int((status.get("progress") or {}).get("itemsRestored") or 0),
        volumes=tuple(volume_name(volume) for volume in volumes),
        bytes=sum(volume_bytes(volume) for volume in volumes),
        warnings=int(status.get("warnings") or 0),
        sizes=tuple(volume_bytes(volume) for volume in volumes),
    )


def _create_or_join(kube: Kube, wanted: Manifest, kind: str) -> None:
    if kube.create(wanted) is not None:
        return
    existing = kube.get(API, kind, wanted["metadata"]["name"], NAMESPACE)
    if existing is not None:
        agreed(existing, wanted, kind)


def _restored_volumes(kube: Kube, name: str, backup: str, namespaces: Sequence[str]) -> list[Manifest]:
    """Return the volumes' restores; raise VerificationFailed unless every volume of the backup has a complete one."""
    restored = volumes_of(kube, "PodVolumeRestore", name)
    broken = [f"{volume_name(one)} is {phase(one)}" for one in restored if phase(one) != "Completed"]
    expected = {
        volume_name(volume)
        for volume in volumes_of(kube, "PodVolumeBackup", backup)
        if phase(volume) == "Completed" and volume["spec"]["pod"]["namespace"] in namespaces
    }
    absent = sorted(expected - {volume_name(volume) for volume in restored})
    broken += [f"{volume} was left out (its pod existed before the restore)" for volume in absent]
    if broken:
        raise VerificationFailed(
            f"The restore {name} did not bring back every volume: {'; '.join(broken)}.",
            hint="Delete the namespace, keep Argo CD paused, and restore again under another name.",
        )
    return restored


def _check_namespaces(kube: Kube, namespaces: Sequence[str]) -> None:
    if not namespaces:
        raise ConfigurationError("No namespace to back up was named.", hint="Name at least one.")
    there = [namespace["metadata"]["name"] for namespace in kube.list("v1", "Namespace")]
    for namespace in namespaces:
        if namespace not in there:
            raise ConfigurationError(
                f"There is no namespace {namespace!r} to back up.{did_you_mean(namespace, there)}",
                hint=f"The cluster has: {', '.join(there)}.",
            )


def _check_source(kube: Kube, source: Manifest, namespaces: Sequence[str], *, allow_partial: bool) -> None:
    name = source["metadata"]["name"]
    complete = [backup for backup in known_backups(kube) if backup != name]
    others = f"Choose a complete one: {', '.join(complete[:5])}." if complete else "Make a new backup."
    if phase(source) != "Completed" and not (allow_partial and phase(source) == "PartiallyFailed"):
        raise Refused(f"The backup {name} is not whole: its phase is {phase(source)}.", hint=others)
    held = source["spec"].get("includedNamespaces") or ["*"]
    for namespace in namespaces:
        if "*" not in held and namespace not in held:
            raise ConfigurationError(
                f"The backup {name} does not hold the namespace {namespace!r}.{did_you_mean(namespace, held)}",
                hint=f"It holds: {', '.join(held)}.",
            )


def _labels(extra: Mapping[str, str] | None) -> dict[str, str]:
    return {"app.kubernetes.io/managed-by": "dogitops", **(extra or {})}
