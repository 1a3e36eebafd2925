"""What rules need to know of Kubernetes' objects: pods inside of workloads, containers, kinds without a namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from automation.gitops.manifests import Manifest

Step = str | int

CLUSTER_SCOPED: Final = frozenset(
    {
        "APIService",
        "CSIDriver",
        "ClusterIssuer",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeSnapshotClass",
    }
)
_TEMPLATED: Final = frozenset({"DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet"})


def pod_path(manifest: Manifest) -> tuple[Step, ...] | None:
    """Return where in a manifest the pod's spec stands; none where it makes no pods."""
    kind = manifest.get("kind")
    if kind == "Pod":
        return ("spec",)
    if kind == "CronJob":
        return ("spec", "jobTemplate", "spec", "template", "spec")
    return ("spec", "template", "spec") if kind in _TEMPLATED else None


def at(manifest: Any, path: tuple[Step, ...]) -> Any:
    """Return what stands at ``path``; none where nothing does."""
    for step in path:
        if isinstance(manifest, dict):
            manifest = manifest.get(step)
        elif isinstance(manifest, list) and isinstance(step, int) and step < len(manifest):
            manifest = manifest[step]
        else:
            return None
    return manifest


def pod_spec(manifest: Manifest) -> dict[str, Any]:
    """Return the pod's spec in a manifest; empty where it makes no pods."""
    path = pod_path(manifest)
    return (at(manifest, path) or {}) if path else {}


def pod_labels(manifest: Manifest) -> dict[str, str] | None:
    """Return the labels of the pods that a manifest makes; none where it makes no pods."""
    path = pod_path(manifest)
    if path is None:
        return None
    holder = at(manifest, path[:-1]) or {}
    return dict(holder.get("metadata", {}).get("labels") or {})


def containers(manifest: Manifest) -> Iterator[tuple[tuple[Step, ...], dict[str, Any]]]:
    """Yield the containers that a manifest makes, the initial ones included, each with its path."""
    path = pod_path(manifest)
    if path is None:
        return
    for key in ("initContainers", "containers"):
        for number, container in enumerate(pod_spec(manifest).get(key) or ()):
            yield (*path, key, number), container
