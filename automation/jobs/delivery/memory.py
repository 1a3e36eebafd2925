"""Memory: what each component of a cluster uses right now, as its metrics-server measured it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from automation.errors import ConfigurationError
from automation.gitops.manifests import Manifest
from automation.kube import KindUnknown, Kube

_METRICS = "metrics.k8s.io/v1beta1"
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9, "": 1}
_MIB = 2**20


@dataclass
class Component:
    """One workload: its pods, and how much memory they use, ask for and may use at most, in MiB (0: no limit)."""

    namespace: str
    name: str
    pods: int = 0
    used: float = 0
    requested: float = 0
    limit: float = 0
    _unlimited: bool = field(default=False, repr=False)

    def row(self) -> list[str]:
        """Return the row of a table."""
        limit = "none" if self._unlimited else f"{self.limit:,.0f}"
        return [self.namespace, self.name, str(self.pods), f"{self.used:,.0f}", f"{self.requested:,.0f}", limit]


COLUMNS = ("namespace", "component", "pods", "uses (MiB)", "requests (MiB)", "limit (MiB)")


def components(kube: Kube) -> list[Component]:
    """Return all components, by namespace and name. Raises ConfigurationError where nothing measures pods."""
    try:
        measured = kube.list(_METRICS, "PodMetrics")
    except KindUnknown as error:
        raise ConfigurationError(
            "Nothing measures pods in this cluster.", hint="List metrics-server in its table of contents."
        ) from error
    used = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): sum(
            mebibytes(container["usage"]["memory"]) for container in one["containers"]
        )
        for one in measured
    }
    found: dict[tuple[str, str], Component] = {}
    for pod in kube.list("v1", "Pod"):
        place = pod["metadata"]["namespace"], pod["metadata"]["name"]
        if place not in used:  # just started, or ended
            continue
        name = owner(pod)
        one = found.setdefault((place[0], name), Component(place[0], name))
        one.pods += 1
        one.used += used[place]
        for container in pod["spec"]["containers"]:
            told = container.get("resources", {})
            one.requested += mebibytes(told.get("requests", {}).get("memory", "0"))
            limit = told.get("limits", {}).get("memory")
            one.limit += mebibytes(limit or "0")
            one._unlimited |= limit is None  # noqa: SLF001 - our own
    return sorted(found.values(), key=lambda one: (one.namespace, one.name))


def markdown(found: Iterable[Component]) -> str:
    """Return the components as a table for the docs, the total at its end."""
    listed = list(found)
    rows = [one.row() for one in listed]
    total = ["", "**together**", *(f"{sum(getattr(one, name) for one in listed):,.0f}" for name in _SUMMED), ""]
    lines = [COLUMNS, ["---", "---", *["---:"] * 4], *rows, total]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_SUMMED = ("pods", "used", "requested")


def owner(pod: Manifest) -> str:
    """Return the name of the workload that a pod belongs to."""
    for reference in pod["metadata"].get("ownerReferences") or ():
        if reference["kind"] == "ReplicaSet":
            return re.sub(r"-[0-9a-z]{5,10}$", "", str(reference["name"]))
        if reference["kind"] != "Node":  # the pods of the control plane belong to their node
            return str(reference["name"])
    return re.sub(rf"-{re.escape(str(pod['spec'].get('nodeName', '')))}$", "", str(pod["metadata"]["name"]))


def mebibytes(quantity: str) -> float:
    """Return a quantity of memory, such as ``128Mi`` or ``1000000``, in MiB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]*)", str(quantity))
    if match is None or match[2] not in _UNITS:
        raise ConfigurationError(f"{quantity!r} is no quantity of memory.", hint="Such as 128Mi.")
    return float(match[1]) * _UNITS[match[2]] / _MIB
