"""The workloads of a cluster: which of them use a Secret, restarting them, and waiting until they have rolled out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from automation import wait
from automation.kube import Kube, KubernetesError, Manifest
from automation.kube.client import FIELD_MANAGER
from automation.kube.objects import unfinished

KINDS: Final = ("Deployment", "StatefulSet", "DaemonSet")
_APPS: Final = "apps/v1"
_FINISHED: Final = ("Succeeded", "Failed")
_RESTARTED: Final = "dogitops.io/restarted-at"


@dataclass(frozen=True, order=True)
class Workload:
    """A Deployment, StatefulSet or DaemonSet."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def found(kube: Kube, namespace: str) -> Iterator[tuple[Workload, Manifest]]:
    """Yield the workloads of a namespace with their manifests."""
    for kind in KINDS:
        for one in kube.list(_APPS, kind, namespace):
            yield Workload(kind, namespace, one["metadata"]["name"]), one


def using(kube: Kube, namespace: str, secret: str) -> list[Workload]:
    """Return the workloads whose pods read a Secret, as variables or as files."""
    return [workload for workload, one in found(kube, namespace) if secret in secrets_of(one)]


def secrets_of(workload: Manifest) -> set[str]:
    """Return the names of the Secrets that a workload's pods read (pull secrets are read by the kubelet)."""
    spec = workload["spec"]["template"]["spec"]
    return {name for name in _secrets_in(spec) if name}


def outdated(kube: Kube, namespace: str, secret: str) -> list[Workload]:
    """Return the workloads with pods that are older than what a Secret holds now, by the API server's clock."""
    there = kube.get("v1", "Secret", secret, namespace) or {}
    fields = there.get("metadata", {}).get("managedFields") or ()
    times = [_time(one["time"]) for one in fields if one.get("manager") == FIELD_MANAGER and "time" in one]
    return [
        workload
        for workload, one in found(kube, namespace)
        if times and secret in secrets_of(one) and _oldest_pod(kube, namespace, one) < max(times)
    ]


def restart(kube: Kube, workloads: Iterable[Workload]) -> None:
    """Have the pods of these workloads replaced, as they roll out any change."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    template = {"metadata": {"annotations": {_RESTARTED: now}}}
    for one in workloads:
        kube.patch(_APPS, one.kind, one.name, {"spec": {"template": template}}, one.namespace)


def wait_until_rolled_out(
    kube: Kube, workloads: Sequence[Workload], *, timeout: float, progress: Callable[[str], None] | None = None
) -> None:
    """Wait until all pods of these workloads are of their newest description, and ready. Raises DeadlineExceeded."""
    waiting: list[str] = []

    def done() -> bool:
        waiting[:] = [told for one in workloads if (told := _unfinished(kube, one))]
        return not waiting

    wait.until(
        done,
        "the workloads to roll out",
        timeout=timeout,
        progress=progress,
        state=lambda: "; ".join(waiting),
        hint="'kubectl describe' and 'kubectl logs' of the pods say why they don't start.",
    )


def _oldest_pod(kube: Kube, namespace: str, workload: Manifest) -> datetime:
    labels = workload["spec"]["selector"].get("matchLabels") or {}
    pods = kube.list("v1", "Pod", namespace, ",".join(f"{key}={value}" for key, value in labels.items()))
    ages = [
        _time(pod["metadata"]["creationTimestamp"])
        for pod in pods
        if not pod["metadata"].get("deletionTimestamp") and pod.get("status", {}).get("phase") not in _FINISHED
    ]
    return min(ages, default=datetime.max.replace(tzinfo=UTC))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _unfinished(kube: Kube, one: Workload) -> str:
    try:
        there = kube.get(_APPS, one.kind, one.name, one.namespace)
    except KubernetesError as error:
        if not error.transient:
            raise
        return f"{one}: {error.message}"
    told = unfinished(there) if there else "is missing"
    return f"{one}: {told}" if told else ""


def _secrets_in(value: Any) -> Iterator[str]:
    """Yield the names in every form in which a pod names a Secret."""
    if isinstance(value, list):
        for one in value:
            yield from _secrets_in(one)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == "imagePullSecrets":
                continue
            if key in {"secretKeyRef", "secretRef"}:
                yield str(inner.get("name", ""))
            elif key == "secret" and isinstance(inner, dict):  # a volume, alone or projected
                yield str(inner.get("secretName") or inner.get("name") or "")
            else:
                yield from _secrets_in(inner)
