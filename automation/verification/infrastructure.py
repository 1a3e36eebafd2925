"""The cluster itself: its API, its nodes, what scales it, and the registry that its images come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from automation.expectations import Checks, Nodes
from automation.kube import Kube
from automation.verification.entrance import ask
from automation.verification.seen import Seen, look, none_of

GROUP: Final = "infrastructure"
_STATUS: Final = "cluster-autoscaler-status"
_REGISTRY_ANSWERS: Final = (200, 401)  # 401 asks for a login, as a private registry does
_PATIENCE: Final = 10.0  # seconds


def checks(kube: Kube, wanted: Checks) -> Iterator[Seen]:
    """Yield what is seen of the cluster; after an API that does not answer, nothing more."""
    api = look(GROUP, "API of the cluster", lambda: _api(kube))
    yield api
    if not api.good:
        return
    yield look(GROUP, "nodes", lambda: _nodes(kube, wanted.nodes))
    if wanted.autoscaling:
        yield look(GROUP, "autoscaling of nodes", lambda: _autoscaling(kube))
    if wanted.registry:
        address = wanted.registry
        yield look(GROUP, "registry", lambda: _registry(address))


def _api(kube: Kube) -> tuple[bool, str]:
    return (True, f"ready, {kube.version()}") if kube.ready() else (False, "does not answer, or is not ready")


def _nodes(kube: Kube, wanted: Nodes | None) -> tuple[bool, str]:
    nodes = kube.list("v1", "Node")
    ready = [
        node
        for node in nodes
        if any(it["type"] == "Ready" and it["status"] == "True" for it in node["status"].get("conditions") or ())
    ]
    told = f"{len(ready)} of {len(nodes)} are ready"
    if wanted is None:
        return bool(ready) and len(ready) == len(nodes), told
    between = f"{wanted.min}" if wanted.min == wanted.max else f"{wanted.min} to {wanted.max}"
    return len(ready) == len(nodes) and wanted.min <= len(ready) <= wanted.max, f"{told}, {between} wanted"


def _autoscaling(kube: Kube) -> tuple[bool, str]:
    """Read what the cluster autoscaler writes about itself, wherever it runs (DigitalOcean's: in the control plane)."""
    found = kube.get("v1", "ConfigMap", _STATUS, "kube-system")
    if found is None:
        return False, f"no autoscaler tells of itself (ConfigMap kube-system/{_STATUS})"
    status = str((found.get("data") or {}).get("status", ""))
    well = "autoscalerStatus: Running" in status or "Health:      Healthy" in status
    return well, "an autoscaler runs" if well else f"the autoscaler is not well: {status.strip()[:120]}"


def _registry(address: str) -> tuple[bool, str]:
    answer = ask("GET", f"{address}/v2/", timeout=_PATIENCE)
    return none_of([] if answer.status in _REGISTRY_ANSWERS else [f"{address} answers {answer.status}"], address)
