"""What of a Kubernetes object must survive a restore: the rest is taken away, so that two clusters can be compared.

Everything here is a pure function on plain dicts. The tables say what is left out, and why.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import Any, Final

from automation.kube import Manifest
from automation.secret import Secret

# Kinds that are never compared: (group, kind or "*") and why.
LEFT_OUT: Final[dict[tuple[str, str], str]] = {
    ("", "ComponentStatus"): "a view of the control plane's health",
    ("", "Endpoints"): "written by the endpoints controller from Services and Pods",
    ("", "Event"): "a record of what happened in one cluster",
    ("", "Node"): "a machine of one cluster",
    ("", "PersistentVolume"): "made anew for each claim; its essentials are compared with the claim",
    ("apiregistration.k8s.io", "APIService"): "written by the API server, or installed from Git",
    ("argoproj.io", "*"): "rebuilt from Git",
    ("certificates.k8s.io", "CertificateSigningRequest"): "a request to one cluster's authority",
    ("coordination.k8s.io", "Lease"): "says who leads at the moment",
    ("discovery.k8s.io", "EndpointSlice"): "written by the endpoint slice controller from Services and Pods",
    ("events.k8s.io", "Event"): "a record of what happened in one cluster",
    ("flowcontrol.apiserver.k8s.io", "*"): "written by the API server",
    ("metrics.k8s.io", "*"): "a measurement of the moment",
    ("networking.k8s.io", "IPAddress"): "an address that one cluster gave away",
    ("networking.k8s.io", "ServiceCIDR"): "the address range of one cluster",
    ("snapshot.storage.k8s.io", "*"): "a snapshot of one cluster's volumes",
    ("storage.k8s.io", "CSINode"): "written by the kubelet",
    ("storage.k8s.io", "CSIStorageCapacity"): "written by the storage driver",
    ("storage.k8s.io", "VolumeAttachment"): "written by the attach controller",
    ("velero.io", "*"): "Velero's own records",
}

# Kinds of which only the objects without a controller are compared: a controller makes its own again.
MADE_BY_CONTROLLERS: Final = frozenset({"Pod", "ReplicaSet", "ControllerRevision", "Job"})

# Objects that every cluster makes for itself.
MADE_BY_THE_CLUSTER: Final[dict[tuple[str, str], str]] = {
    ("ConfigMap", "kube-root-ca.crt"): "the cluster's own certificate authority",
    ("ConfigMap", "istio-ca-root-cert"): "the mesh's own certificate authority",
}
_TOKEN: Final = "kubernetes.io/service-account-token"  # noqa: S105 - a type's name; tokens belong to one cluster

_METADATA: Final = ("name", "namespace", "labels", "annotations", "finalizers", "ownerReferences")
_LABELS: Final = frozenset({"argocd.argoproj.io/instance", "controller-uid", "batch.kubernetes.io/controller-uid"})
_ANNOTATIONS: Final = frozenset(
    {
        "argocd.argoproj.io/tracking-id",
        "argocd.argoproj.io/installation-id",
        "autoscaling.alpha.kubernetes.io/conditions",
        "control-plane.alpha.kubernetes.io/leader",
        "deployment.kubernetes.io/revision",
        "deprecated.daemonset.template.generation",
        "endpoints.kubernetes.io/last-change-trigger-time",
        "kubectl.kubernetes.io/last-applied-configuration",
        "kubernetes.digitalocean.com/load-balancer-id",
        "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller",
        "volume.beta.kubernetes.io/storage-provisioner",
        "volume.kubernetes.io/selected-node",
        "volume.kubernetes.io/storage-provisioner",
    }
)
_BY_VELERO: Final = "velero.io/"  # a prefix; backup.velero.io/ and hook.backup.velero.io/ are people's own
_BY_KUBERNETES: Final = ("kubernetes.io/", "foregroundDeletion", "orphan")  # finalizers that the cluster sets itself
_DIGEST: Final = 24  # hexadecimal digits: enough to notice a change, too few to be worth an attack


def is_compared(group: str, kind: str) -> bool:
    """Whether objects of this kind are compared at all (see LEFT_OUT)."""
    return (group, kind) not in LEFT_OUT and (group, "*") not in LEFT_OUT


def is_original(thing: Manifest) -> bool:
    """Whether an object was made by people, rather than by the cluster or a controller that will make it again."""
    kind, metadata = thing["kind"], thing["metadata"]
    if (kind, metadata["name"]) in MADE_BY_THE_CLUSTER or (kind == "Secret" and thing.get("type") == _TOKEN):
        return False
    if kind in MADE_BY_CONTROLLERS:
        return not any(owner.get("controller") for owner in metadata.get("ownerReferences") or ())
    return "kubernetes.io/bootstrapping" not in (metadata.get("labels") or {})


def normalised(thing: Manifest, digest: Callable[[str, str], str]) -> Manifest:
    """Return what of an object must be the same after a restore.

    ``digest(field, value)`` gives what stands for a Secret's value. Normalising twice changes nothing.
    """
    kept = {key: value for key, value in thing.items() if key not in {"status", "metadata", "apiVersion"}}
    kept["metadata"] = _metadata(thing["metadata"])
    shape = _SHAPES.get(thing["kind"])
    if shape is not None:
        shape(kept)
    if thing["kind"] == "Secret":
        for part in ("data", "stringData"):
            if isinstance(kept.get(part), dict):
                kept[part] = {field: digest(field, str(value)) for field, value in kept[part].items()}
    cleaned: Manifest = _without_noise(kept)
    return cleaned


def digester(key: Secret, identity: str) -> Callable[[str, str], str]:
    """Return what turns a value of the Secret ``identity`` into a keyed digest (and leaves a digest as it is)."""

    def digest(field: str, value: str) -> str:
        if value.startswith("hmac:"):  # a base64 value cannot start so
            return value
        try:
            plain = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            plain = value.encode()
        message = b"\0".join((identity.encode(), field.encode(), plain))
        return "hmac:" + hmac.new(key.reveal().encode(), message, hashlib.sha256).hexdigest()[:_DIGEST]

    return digest


def volume_essentials(volume: Manifest) -> Manifest:
    """Return what must be the same of the volume behind a claim, wherever it lies."""
    spec = volume["spec"]
    told = ("capacity", "accessModes", "storageClassName", "persistentVolumeReclaimPolicy", "volumeMode")
    return {key: spec[key] for key in told if key in spec}


def without_scaled_replicas(things: Iterable[Manifest]) -> list[Manifest]:
    """Return the objects without the replica counts that an autoscaler sets."""
    things = list(things)
    scaled = {
        (thing["metadata"].get("namespace"), target.get("kind"), target.get("name"))
        for thing in things
        if thing["kind"] == "HorizontalPodAutoscaler"
        for target in [(thing.get("spec") or {}).get("scaleTargetRef") or {}]
    }

    def free(thing: Manifest) -> Manifest:
        if (thing["metadata"].get("namespace"), thing["kind"], thing["metadata"]["name"]) not in scaled:
            return thing
        return {**thing, "spec": {key: value for key, value in thing["spec"].items() if key != "replicas"}}

    return [free(thing) for thing in things]


def _metadata(metadata: Manifest) -> Manifest:
    kept = {key: metadata[key] for key in _METADATA if metadata.get(key)}
    finalizers = sorted(one for one in kept.pop("finalizers", ()) if not _is_by_kubernetes(one))
    if finalizers:
        kept["finalizers"] = finalizers
    if "ownerReferences" in kept:
        kept["ownerReferences"] = [
            {key: value for key, value in owner.items() if key != "uid"} for owner in kept["ownerReferences"]
        ]
    return kept


def _is_by_kubernetes(finalizer: str) -> bool:
    return finalizer in _BY_KUBERNETES or finalizer.partition("/")[0].endswith("kubernetes.io")


def _without_noise(value: Any) -> Any:
    """Return ``value`` without nulls, creation times and the labels and annotations that tools add, at any depth."""
    if isinstance(value, list):
        return [_without_noise(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for key, item in value.items():
        if item is None or key == "creationTimestamp":
            continue
        if key in {"labels", "matchLabels", "annotations"} and isinstance(item, dict):
            noise = _ANNOTATIONS if key == "annotations" else _LABELS
            mine = {name: text for name, text in item.items() if name not in noise and not name.startswith(_BY_VELERO)}
            if mine or not item:
                kept[key] = mine
        else:
            kept[key] = _without_noise(item)
    return kept


def _service(thing: Manifest) -> None:
    spec = dict(thing.get("spec") or {})
    spec.pop("healthCheckNodePort", None)
    if spec.get("clusterIP") != "None":  # None is meant: the Service is headless
        for key in ("clusterIP", "clusterIPs"):
            spec.pop(key, None)
    if "ports" in spec:
        spec["ports"] = [{key: value for key, value in port.items() if key != "nodePort"} for port in spec["ports"]]
    thing["spec"] = spec


def _claim(thing: Manifest) -> None:
    thing["spec"] = {key: value for key, value in (thing.get("spec") or {}).items() if key != "volumeName"}


def _service_account(thing: Manifest) -> None:
    thing.pop("secrets", None)  # tokens, named at random


def _namespace(thing: Manifest) -> None:
    thing.pop("spec", None)  # its finalizers


def _stateful_set(thing: Manifest) -> None:
    spec = dict(thing.get("spec") or {})
    if "volumeClaimTemplates" in spec:
        spec["volumeClaimTemplates"] = [
            {key: value for key, value in template.items() if key != "status"}
            for template in spec["volumeClaimTemplates"]
        ]
    thing["spec"] = spec


def _pod(thing: Manifest) -> None:
    spec = {key: value for key, value in (thing.get("spec") or {}).items() if key != "nodeName"}
    spec["volumes"] = [one for one in spec.get("volumes") or () if not _is_token(one)]
    for group in ("containers", "initContainers"):
        spec[group] = [
            {**one, "volumeMounts": [mount for mount in one.get("volumeMounts") or () if not _is_token(mount)]}
            for one in spec.get(group) or ()
            if one.get("name") != "restore-wait"  # Velero's
        ]
    thing["spec"] = spec


def _is_token(volume_or_mount: Manifest) -> bool:
    return str(volume_or_mount.get("name", "")).startswith("kube-api-access-")


def _webhooks(thing: Manifest) -> None:
    thing["webhooks"] = [
        {**one, "clientConfig": {key: value for key, value in one["clientConfig"].items() if key != "caBundle"}}
        for one in thing.get("webhooks") or ()
    ]


_SHAPES: Final[dict[str, Callable[[Manifest], None]]] = {
    "MutatingWebhookConfiguration": _webhooks,
    "Namespace": _namespace,
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "Service": _service,
    "ServiceAccount": _service_account,
    "StatefulSet": _stateful_set,
    "ValidatingWebhookConfiguration": _webhooks,
}
