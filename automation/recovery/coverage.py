"""Proof that a backup holds the data: every bound claim has a complete backup of its files, or is named.

Velero says Completed about a backup that skipped a volume (a hostPath, or one that no running pod mounts), so
its word is not enough: see https://github.com/vmware-tanzu/velero/issues/4325.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from automation.errors import VerificationFailed
from automation.kube import Kube, Manifest
from automation.recovery.velero_objects import phase, volume_bytes, volumes_of

_UID_LABEL = "velero.io/pvc-uid"
_EXCLUDE_LABEL = "velero.io/exclude-from-backup"
_EXCLUDE_ANNOTATION = "backup.velero.io/backup-volumes-excludes"


@dataclass(frozen=True)
class Covered:
    """A claim whose files a backup holds: ``bytes`` of them, taken from ``volume`` of ``pod``."""

    namespace: str
    claim: str
    pod: str
    volume: str
    bytes: int


@dataclass(frozen=True)
class Uncovered:
    """A claim whose files a backup lacks, why, and what to do."""

    namespace: str
    claim: str
    reason: str
    remedy: str


def coverage(kube: Kube, backup: str, namespaces: Sequence[str]) -> tuple[Covered, ...]:
    """Return what the backup holds of each bound claim in ``namespaces``.

    Raises VerificationFailed naming every claim that it lacks, with the reason and what to do.
    """
    claims = [claim for name in namespaces for claim in kube.list("v1", "PersistentVolumeClaim", name)]
    pods = [pod for name in namespaces for pod in kube.list("v1", "Pod", name)]
    volumes = {volume["metadata"]["name"]: volume for volume in kube.list("v1", "PersistentVolume")}
    covered, uncovered = examine(claims, pods, volumes, volumes_of(kube, "PodVolumeBackup", backup))
    if uncovered:
        told = "\n".join(f"  {one.namespace}/{one.claim}: {one.reason}. {one.remedy}" for one in uncovered)
        counted = f"{len(uncovered)} of {len(covered) + len(uncovered)} claims"
        raise VerificationFailed(
            f"The backup {backup} lacks the data of {counted}:\n{told}",
            hint="Nothing was wiped. Mend the causes and back up again under another name.",
        )
    return covered


def examine(
    claims: Iterable[Manifest],
    pods: Iterable[Manifest],
    persistent_volumes: dict[str, Manifest],
    backups: Iterable[Manifest],
) -> tuple[tuple[Covered, ...], tuple[Uncovered, ...]]:
    """Sort bound claims into those that a backup's PodVolumeBackups cover and those that they do not."""
    pods, backups = list(pods), list(backups)
    covered: list[Covered] = []
    uncovered: list[Uncovered] = []
    for claim in sorted(claims, key=lambda claim: (claim["metadata"]["namespace"], claim["metadata"]["name"])):
        if phase(claim) not in {"Bound", "Lost"}:
            continue  # it never had a volume, so there is nothing to lose
        namespace, name = claim["metadata"]["namespace"], claim["metadata"]["name"]
        mounts = [(pod, volume) for pod in pods for volume in _volumes_with(pod, claim)]
        found = [backup for backup in backups if _holds(backup, claim, mounts)]
        complete = [backup for backup in found if phase(backup) == "Completed"]
        if complete:
            best = max(complete, key=volume_bytes)
            spec = best["spec"]
            covered.append(Covered(namespace, name, spec["pod"]["name"], spec["volume"], volume_bytes(best)))
        else:
            volume = persistent_volumes.get(claim["spec"].get("volumeName", ""))
            uncovered.append(Uncovered(namespace, name, *_why(claim, volume, mounts, found)))
    return tuple(covered), tuple(uncovered)


def _volumes_with(pod: Manifest, claim: Manifest) -> list[str]:
    """Return the names of a pod's volumes that are this claim."""
    if pod["metadata"]["namespace"] != claim["metadata"]["namespace"]:
        return []
    name = claim["metadata"]["name"]
    return [
        volume["name"]
        for volume in pod["spec"].get("volumes") or ()
        if (volume.get("persistentVolumeClaim") or {}).get("claimName") == name
        or ("ephemeral" in volume and f"{pod['metadata']['name']}-{volume['name']}" == name)
    ]


def _holds(backup: Manifest, claim: Manifest, mounts: Sequence[tuple[Manifest, str]]) -> bool:
    """Whether a PodVolumeBackup is of this claim: by its uid where Velero noted it, else by pod and volume."""
    uid = (backup["metadata"].get("labels") or {}).get(_UID_LABEL)
    if uid:
        return bool(uid == claim["metadata"].get("uid"))
    source = backup["spec"]
    return any(
        source["pod"]["namespace"] == pod["metadata"]["namespace"]
        and source["pod"]["name"] == pod["metadata"]["name"]
        and source["volume"] == volume
        for pod, volume in mounts
    )


def _why(
    claim: Manifest, volume: Manifest | None, mounts: Sequence[tuple[Manifest, str]], found: Sequence[Manifest]
) -> tuple[str, str]:
    """Return why a claim is not covered, and what to do."""
    if found:
        status = found[0].get("status") or {}
        told = f", {status['message']}" if status.get("message") else ""
        return f"the backup of its files is {phase(found[0])}{told}", "Read the node agent's log, and back up again."
    if phase(claim) == "Lost":
        return "its volume is gone", "Bring the volume back, or delete the claim."
    if volume is not None and "hostPath" in volume["spec"]:
        return (
            f"its volume {volume['metadata']['name']} is a hostPath, which a file-system backup skips",
            "Give its StorageClass the annotation defaultVolumeType: local, and make the claim again.",
        )
    if claim["spec"].get("volumeMode") == "Block":
        return "it is a block volume, which a file-system backup skips", "Use CSI snapshots for it."
    if (claim["metadata"].get("labels") or {}).get(_EXCLUDE_LABEL) == "true":
        return f"its label {_EXCLUDE_LABEL} leaves it out", "Remove the label."
    return _why_by_pods(mounts)


def _why_by_pods(mounts: Sequence[tuple[Manifest, str]]) -> tuple[str, str]:
    running = [(pod, name) for pod, name in mounts if phase(pod) == "Running"]
    if not running:
        waiting = [f"{pod['metadata']['name']} is {phase(pod)}" for pod, _ in mounts]
        told = f" ({', '.join(waiting)})" if waiting else ""
        return f"no running pod mounts it{told}", "Start the workload that uses it, or delete the claim."
    for pod, name in running:
        if name in (pod["metadata"].get("annotations") or {}).get(_EXCLUDE_ANNOTATION, "").split(","):
            return f"pod {pod['metadata']['name']} leaves it out by {_EXCLUDE_ANNOTATION}", "Change the annotation."
        if (pod["metadata"].get("labels") or {}).get(_EXCLUDE_LABEL) == "true":
            return f"pod {pod['metadata']['name']} is left out by {_EXCLUDE_LABEL}", "Remove the label."
    if not any(_is_mounted(pod, name) for pod, name in running):
        return "its pod declares it, but no container mounts it", "Mount it in a container that is not an init one."
    return "Velero made no backup of its files", "It may be younger than the backup: back up again."


def _is_mounted(pod: Manifest, volume: str) -> bool:
    containers = pod["spec"].get("containers") or ()
    return any(mount["name"] == volume for container in containers for mount in container.get("volumeMounts") or ())
