"""What is known of Kubernetes objects without asking the API: their kinds, their order, their state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from automation.errors import ConfigurationError

Manifest = dict[str, Any]

# What others need comes first; what can block others (webhooks) comes last.
_FIRST: Final = ("Namespace", "CustomResourceDefinition")
_EARLY: Final = (
    *("PriorityClass", "StorageClass", "ResourceQuota", "LimitRange", "NetworkPolicy", "ServiceAccount"),
    *("ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding", "Secret", "ConfigMap", "PersistentVolume"),
    *("PersistentVolumeClaim", "Service"),
)
_LAST: Final = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService")


@dataclass(frozen=True)
class Kind:
    """A kind that the API serves: ``plural`` is its name in paths, ``verbs`` what may be done with it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """``group/version``, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Return the path of one object, or of the collection (of all namespaces where none is given)."""
        parts = ["apis" if self.group else "api", self.api_version]
        parts += ["namespaces", quote(namespace, safe="")] if self.namespaced and namespace else []
        parts += [self.plural, *([quote(name, safe="")] if name else [])]
        return "/" + "/".join(parts)


def identity(manifest: Manifest) -> tuple[str, str, str]:
    """Return a manifest's apiVersion, kind and name; raise ConfigurationError where one is missing."""
    try:
        return str(manifest["apiVersion"]), str(manifest["kind"]), str(manifest["metadata"]["name"])
    except (KeyError, TypeError) as error:
        told = {key: manifest.get(key) for key in ("apiVersion", "kind")} if isinstance(manifest, dict) else manifest
        raise ConfigurationError(
            f"A manifest is incomplete: it lacks {error}: {told}", hint="It needs apiVersion, kind and metadata.name."
        ) from error


def in_order(manifests: Iterable[Manifest | None]) -> list[Manifest]:
    """Return single objects (empty documents dropped, Lists taken apart) in an order that can be applied."""
    return sorted(_flat(manifests), key=lambda manifest: _rank(identity(manifest)[1]))


def discovered(answer: Manifest) -> Iterator[Kind]:
    """Yield the kinds of an APIGroupDiscoveryList, the preferred version of each group first."""
    for group in answer.get("items", ()):
        for version in group.get("versions", ()):
            for entry in version.get("resources", ()):
                told = entry.get("responseKind") or {}
                yield Kind(
                    told.get("group") or group["metadata"].get("name", ""),
                    told.get("version") or version["version"],
                    told.get("kind", ""),
                    entry["resource"],
                    entry.get("scope") == "Namespaced",
                    tuple(entry.get("verbs", ())),
                )


def pod_is_ready(pod: Manifest) -> bool:
    """Whether a pod is Ready, or has finished its work well."""
    status = pod.get("status", {})
    if status.get("phase") == "Succeeded":
        return True
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
    return ready and not pod["metadata"].get("deletionTimestamp")


def pod_state(pod: Manifest) -> str:
    """Return why a pod is not ready, in a word or two, such as ``ImagePullBackOff`` or ``Pending``."""
    if pod["metadata"].get("deletionTimestamp"):
        return "ending"
    status = pod.get("status", {})
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        state = container.get("state", {})
        detail = state.get("waiting") or state.get("terminated") or {}
        if detail.get("reason") not in {None, "Completed", "PodInitializing"}:
            return str(detail["reason"])
    for one in status.get("conditions") or ():
        if one["type"] == "PodScheduled" and one["status"] == "False":
            return f"{one.get('reason', 'Unschedulable')}: {one.get('message', '')}".strip(": ")
    return str(status.get("phase", "unknown")) + ("" if status.get("phase") != "Running" else ", not ready")


def unfinished(workload: Manifest) -> str:
    """Return what a workload's rollout still lacks, in words; nothing where it is finished."""
    status, spec = workload.get("status") or {}, workload["spec"]
    if int(status.get("observedGeneration") or 0) < int(workload["metadata"].get("generation") or 0):
        return "not seen by its controller yet"
    if workload["kind"] == "DaemonSet":
        wanted = int(status.get("desiredNumberScheduled") or 0)
        updated, ready = status.get("updatedNumberScheduled"), status.get("numberReady")
    else:
        wanted = int(spec.get("replicas", 1))
        updated, ready = status.get("updatedReplicas"), status.get("readyReplicas")
    old = workload["kind"] == "Deployment" and int(status.get("replicas") or 0) > wanted
    if int(updated or 0) < wanted or int(ready or 0) < wanted or old:
        return f"{int(ready or 0)} of {wanted} pods are ready, {int(updated or 0)} of them new"
    return ""


def why_it_stays(thing: Manifest) -> str:
    """Return what keeps an object that is being deleted: its finalizers and what its status says."""
    finalizers = [*thing.get("metadata", {}).get("finalizers", ()), *thing.get("spec", {}).get("finalizers", ())]
    told = [
        str(one.get("message"))
        for one in (thing.get("status") or {}).get("conditions") or ()
        if one.get("status") == "True" and "Deletion" in one.get("type", "") + one.get("reason", "")
    ]
    held = [f"held by finalizers {', '.join(finalizers)}"] if finalizers else []
    return "; ".join([*told, *held]) or "it still exists"


def _flat(manifests: Iterable[Manifest | None]) -> Iterator[Manifest]:
    for manifest in manifests:
        if not manifest:
            continue
        if isinstance(manifest, dict) and manifest.get("kind") == "List":
            yield from _flat(manifest.get("items") or ())
        else:
            yield manifest


def _rank(kind: str) -> int:
    """Return where a kind stands in the order of applying; the order given is kept among the others."""
    if kind in _FIRST:
        return _FIRST.index(kind)
    if kind in _EARLY:
        return len(_FIRST) + _EARLY.index(kind)
    return len(_FIRST) + len(_EARLY) + (kind in _LAST)
