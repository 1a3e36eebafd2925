"""What follows from a change once Argo CD applies it: what is lost, what the API server refuses, what is unprotected.

Sources: Argo CD's documentation of sync options (Prune, Delete, Force, Replace) and of ApplicationSets
(preserveResourcesOnDeletion); the validation of updates in Kubernetes (pkg/apis/*/validation).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from automation.gitops.manifests import Manifest
from automation.gitops.validation.objects import Step, at

OPTIONS: Final = "argocd.argoproj.io/sync-options"

_HOOKS: Final = ("argocd.argoproj.io/hook", "helm.sh/hook")
_PROTECTS: Final = frozenset({"Prune=false", "Prune=confirm", "Delete=false", "Delete=confirm"})
_NEW_ONE: Final = frozenset({"Force=true"})  # with it what can't be changed is deleted and made again


class Weight(IntEnum):
    """How bad it is; the worst is told first."""

    LOST = 0  # something is gone that a revert does not bring back, or others lean on
    REFUSED = 1  # the API server refuses it: the application stays as it was, out of sync
    UNPROTECTED = 2  # nothing is lost yet, but a later commit may lose it
    NOTED = 3


@dataclass(frozen=True)
class Consequence:
    """What follows from one change, in words: ``why`` goes on after the object's name."""

    weight: Weight
    why: str


# What goes along with an object that is deleted.
_GOES_ALONG: Final[Mapping[str, str]] = {
    "Namespace": "everything in it goes with it, what is protected from pruning too",
    "PersistentVolumeClaim": "its volume goes with it, and the data on it, where the class says Delete",
    "PersistentVolume": "the cluster no longer knows the volume and the data on it",
    "apiextensions.k8s.io/CustomResourceDefinition": "every object of its kind goes with it",
    "apps/StatefulSet": "its pods go; the claims that it made stay",
    "velero.io/Schedule": "no more backups are made by it",
    "velero.io/BackupStorageLocation": "Velero no longer knows the backups that lie there",
    "snapshot.storage.k8s.io/VolumeSnapshot": "the snapshot goes with it, where its class says Delete",
    "snapshot.storage.k8s.io/VolumeSnapshotContent": "the snapshot goes with it, where it says Delete",
    "kafka.strimzi.io/Kafka": "its brokers go with it",
    "kafka.strimzi.io/KafkaNodePool": "its brokers go with it",
    "kafka.strimzi.io/KafkaTopic": "the topic and its messages go with it",
}

# Fields that the API server lets nobody change; of the kinds in _SPEC_BUT it is all of the spec but those.
_IMMUTABLE: Final[Mapping[str, tuple[tuple[Step, ...], ...]]] = {
    "apps/Deployment": (("spec", "selector"),),
    "apps/DaemonSet": (("spec", "selector"),),
    "apps/ReplicaSet": (("spec", "selector"),),
    "batch/Job": (("spec", "selector"), ("spec", "template"), ("spec", "completionMode")),
    "storage.k8s.io/StorageClass": (
        *(("provisioner",), ("parameters",), ("reclaimPolicy",)),
        ("volumeBindingMode",),
    ),
    "rbac.authorization.k8s.io/RoleBinding": (("roleRef",),),
    "rbac.authorization.k8s.io/ClusterRoleBinding": (("roleRef",),),
    "networking.k8s.io/IngressClass": (("spec", "controller"),),
    "node.k8s.io/RuntimeClass": (("handler",),),
    "scheduling.k8s.io/PriorityClass": (("value",), ("preemptionPolicy",)),
    "apiextensions.k8s.io/CustomResourceDefinition": (("spec", "scope"), ("spec", "names", "kind")),
    "Secret": (("type",),),
}
_SPEC_BUT: Final[Mapping[str, frozenset[str]]] = {
    "apps/StatefulSet": frozenset(
        {
            *("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit"),
            *("persistentVolumeClaimRetentionPolicy", "minReadySeconds"),
        }
    ),
    "PersistentVolumeClaim": frozenset({"resources", "volumeAttributesClassName", "volumeName"}),
    "PersistentVolume": frozenset(
        {
            *("capacity", "accessModes", "claimRef", "persistentVolumeReclaimPolicy", "storageClassName"),
            *("mountOptions", "volumeAttributesClassName"),
        }
    ),
}
# What the API server fills in where nothing is said: leaving it out, or saying it, changes nothing.
_DEFAULTS: Final[Mapping[str, Any]] = {
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "Immediate",
    "podManagementPolicy": "OrderedReady",
    "volumeMode": "Filesystem",
    "completionMode": "NonIndexed",
    "preemptionPolicy": "PreemptLowerPriority",
    "type": "Opaque",
}


def options(manifest: Manifest) -> frozenset[str]:
    """Return the sync options that stand in an object's annotation, such as ``Prune=false``."""
    told = at(manifest, ("metadata", "annotations", OPTIONS))
    return frozenset(one.strip() for one in told.split(",")) if isinstance(told, str) else frozenset()


def is_kept(manifest: Manifest, *, whole_application: bool = False) -> bool:
    """Whether Argo CD lets an object be that is no longer in Git, or whose ``whole_application`` goes."""
    return ("Delete=false" if whole_application else "Prune=false") in options(manifest)


def of_deleted(kind: str, manifest: Manifest) -> Iterator[Consequence]:
    """Yield what goes along with an object (``kind`` is ``apps/StatefulSet``) that Argo CD deletes."""
    why = _GOES_ALONG.get(kind)
    if kind == "apps/StatefulSet" and at(manifest, (*_RETENTION, "whenDeleted")) == "Delete":
        why = "its pods go, and the claims that it made with them, by its own policy"
    if kind == "Service" and at(manifest, ("spec", "type")) == "LoadBalancer":
        why = "its load balancer goes with it, and the address"
    if why:
        asked = bool(options(manifest) & {"Prune=confirm", "Delete=confirm"})
        yield Consequence(Weight.LOST, f"{why}, once somebody confirms it in Argo CD" if asked else why)


_RETENTION: Final = ("spec", "persistentVolumeClaimRetentionPolicy")


def of_changed(kind: str, old: Manifest, new: Manifest) -> Iterator[Consequence]:
    """Yield what follows from a change of an object that stays."""
    fixed = () if _is_hook(new) else tuple(_fixed(kind, old, new))
    if fixed:
        named = ", ".join(fixed)
        if options(new) & _NEW_ONE:
            yield Consequence(Weight.LOST, f"{named} can't be changed: it is deleted and made again (Force=true)")
        else:
            yield Consequence(
                Weight.REFUSED, f"{named} can't be changed: the sync fails until somebody deletes the object"
            )
    taken = sorted(options(old) & _PROTECTS - options(new))
    if taken:
        what = " and ".join(dict.fromkeys("pruning" if one.startswith("Prune") else "deletion" for one in taken))
        yield Consequence(Weight.UNPROTECTED, f"leaves protection from {what} ({', '.join(taken)} is taken away)")
    yield from _weakened(kind, old, new)


def of_moved(kind: str, manifest: Manifest, source: str, target: str) -> Iterator[Consequence]:
    """Yield what follows where an object goes from one application to another, which are synced one by one."""
    for one in of_deleted(kind, manifest):
        order = f"where {source} is synced before {target} has taken it over, it is deleted and made again"
        yield Consequence(one.weight, f"{order}: {one.why}")


def _fixed(kind: str, old: Manifest, new: Manifest) -> Iterator[str]:
    """Yield the fields that change though nobody may change them."""
    for path in _IMMUTABLE.get(kind, ()):
        if _value(old, path) != _value(new, path):
            yield ".".join(map(str, path))
    if kind in _SPEC_BUT:
        told: list[Manifest] = [one["spec"] if isinstance(one.get("spec"), dict) else {} for one in (old, new)]
        for name in sorted(set(told[0]) | set(told[1])):
            if name not in _SPEC_BUT[kind] and _value(told[0], (name,)) != _value(told[1], (name,)):
                yield f"spec.{name}"
    if kind in {"ConfigMap", "Secret"} and old.get("immutable") is True:
        yield from (name for name in _CONTENT if old.get(name) != new.get(name))
    if kind == "PersistentVolumeClaim":
        before, after = (_bytes(at(one, ("spec", "resources", "requests", "storage"))) for one in (old, new))
        if before is not None and after is not None and after < before:
            yield "spec.resources.requests.storage, which is smaller now,"


_CONTENT: Final = ("data", "stringData", "binaryData", "immutable")


def _weakened(kind: str, old: Manifest, new: Manifest) -> Iterator[Consequence]:
    """Yield what a change gives up without deleting the object itself."""
    if kind == "velero.io/Schedule" and at(new, ("spec", "paused")) is True and at(old, ("spec", "paused")) is not True:
        yield Consequence(Weight.LOST, "is paused: no more backups are made by it")
    if kind == "Service" and at(old, ("spec", "type")) == "LoadBalancer" != at(new, ("spec", "type")):
        yield Consequence(Weight.LOST, "its load balancer goes, and the address")
    for path, which in (
        ((*_RETENTION, "whenDeleted"), "apps/StatefulSet"),
        ((*_RETENTION, "whenScaled"), "apps/StatefulSet"),
        (("spec", "persistentVolumeReclaimPolicy"), "PersistentVolume"),
        (("spec", "deletionPolicy"), "snapshot.storage.k8s.io/VolumeSnapshotContent"),
    ):
        if kind == which and at(new, path) == "Delete" and at(old, path) != "Delete":
            yield Consequence(Weight.UNPROTECTED, f"{'.'.join(map(str, path))} becomes Delete: data may go with it")


def _is_hook(manifest: Manifest) -> bool:
    """Whether it is a hook: Argo CD deletes the one before and makes it anew at every sync."""
    return any(at(manifest, ("metadata", "annotations", name)) for name in _HOOKS)


def _value(manifest: Manifest, path: tuple[Step, ...]) -> Any:
    found = at(manifest, path)
    return found if found not in (None, "", [], {}) else _DEFAULTS.get(str(path[-1]))


_UNITS: Final = {"": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15}


def _bytes(quantity: Any) -> float | None:
    """Return a quantity of Kubernetes such as ``10Gi`` as a number; none where it is no such thing."""
    text = str(quantity)
    number = text.rstrip("KkMGTPi")
    unit = text[len(number) :]
    try:
        if unit.endswith("i"):
            return float(number) * 1024.0 ** (1 + "KMGTP".index(unit[:-1]))
        return float(number) * 10.0 ** _UNITS[unit]
    except (ValueError, KeyError):
        return None
