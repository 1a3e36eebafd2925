"""What Git describes, held against what the cluster runs: namespaces, pods, workloads, services, ways in, scaling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from automation.kube import Kube, Manifest, pod_is_ready, pod_state
from automation.kube.objects import unfinished
from automation.verification.seen import Seen, look, none_of

GROUP: Final = "deployment"
_WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet")
_PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
_RECENT: Final = timedelta(minutes=10)
_SIDECARS: Final = frozenset({"daprd"})  # injected: their probes are not ours to describe


@dataclass(frozen=True)
class Described:
    """What Git describes for a cluster: its namespaces, its manifests, and the namespaces of applications."""

    namespaces: tuple[str, ...]
    manifests: tuple[Manifest, ...]
    applications: tuple[str, ...]

    def of(self, *kinds: str) -> list[Manifest]:
        """Return the manifests of these kinds."""
        return [one for one in self.manifests if one["kind"] in kinds]


def checks(kube: Kube, described: Described, load_balancer: str | None) -> Iterator[Seen]:
    """Yield what is seen of everything that is described."""
    pods = [pod for namespace in described.namespaces for pod in kube.list("v1", "Pod", namespace)]
    ours = [pod for pod in pods if pod["metadata"]["namespace"] in described.applications]
    yield look(GROUP, "namespaces", lambda: _namespaces(kube, described))
    yield look(GROUP, "pods run", lambda: _pods(pods))
    yield look(GROUP, "no restarts in applications", lambda: _restarts(ours))
    yield look(GROUP, "workloads have rolled out", lambda: _workloads(kube, described))
    yield look(GROUP, "services and their ports", lambda: _services(kube, described))
    if described.of("Ingress"):
        yield look(GROUP, "ingresses", lambda: _ingresses(kube, described, served=bool(load_balancer)))
    if load_balancer:
        yield look(GROUP, "load balancer", lambda: _load_balancer(kube, load_balancer))
    yield look(GROUP, "requests and limits of applications", lambda: _resources(ours))
    yield look(GROUP, "three probes of applications", lambda: _probes(ours))
    if described.of("HorizontalPodAutoscaler"):
        yield look(GROUP, "scaling by load", lambda: _scaling(kube, described))


def _namespaces(kube: Kube, described: Described) -> tuple[bool, str]:
    missing = [f"{name} is missing" for name in described.namespaces if kube.get("v1", "Namespace", name) is None]
    return none_of(missing, ", ".join(described.namespaces))


def _pods(pods: Sequence[Manifest]) -> tuple[bool, str]:
    counted = [pod for pod in pods if not _replaced(pod)]
    if not counted:
        return False, "there is no pod"
    wrong = [f"{_place(pod)}: {pod_state(pod)}" for pod in counted if not pod_is_ready(pod)]
    return none_of(wrong, f"{len(counted)} of {len(counted)} are ready")


def _replaced(pod: Manifest) -> bool:
    """Whether a pod failed for good and its owner made another one: evicted ones stay to be looked at."""
    return pod.get("status", {}).get("phase") == "Failed" and bool(pod["metadata"].get("ownerReferences"))


def _restarts(pods: Sequence[Manifest]) -> tuple[bool, str]:
    since = datetime.now(UTC) - _RECENT
    wrong = []
    for pod in pods:
        for container in pod.get("status", {}).get("containerStatuses") or ():
            ended = container.get("lastState", {}).get("terminated", {})
            if ended.get("finishedAt") and datetime.fromisoformat(ended["finishedAt"]) > since:
                wrong.append(
                    f"{_place(pod)} {container['name']}: {ended.get('reason', 'ended')} at {ended['finishedAt']}"
                )
    return none_of(wrong, f"none in {_RECENT.seconds // 60} minutes")


def _workloads(kube: Kube, described: Described) -> tuple[bool, str]:
    wrong, listed = [], described.of(*_WORKLOADS)
    for one in listed:
        there = kube.get(one["apiVersion"], one["kind"], one["metadata"]["name"], one["metadata"].get("namespace"))
        told = unfinished(there) if there else "is missing"
        wrong += [f"{one['kind']} {_place(one)}: {told}"] if told else []
    return none_of(wrong, f"{len(listed)} of {len(listed)}")


def _services(kube: Kube, described: Described) -> tuple[bool, str]:
    wrong, ports = [], []
    for one in described.of("Service"):
        name, namespace = one["metadata"]["name"], one["metadata"].get("namespace")
        there = kube.get("v1", "Service", name, namespace)
        if there is None:
            wrong.append(f"{_place(one)} is missing")
            continue
        wanted, found = ({port["port"] for port in each["spec"].get("ports", ())} for each in (one, there))
        if wanted != found:
            wrong.append(f"{_place(one)} has the ports {_numbers(found)}, not {_numbers(wanted)}")
        elif there["spec"].get("selector") and not _endpoints(kube, name, namespace):
            wrong.append(f"{_place(one)} leads to no pod that is ready")
        if namespace in described.applications:
            ports.append(f"{name}:{_numbers(found)}")
    return none_of(wrong, ", ".join(ports) or f"{len(described.of('Service'))} of them")


def _endpoints(kube: Kube, service: str, namespace: str | None) -> bool:
    slices = kube.list("discovery.k8s.io/v1", "EndpointSlice", namespace, f"kubernetes.io/service-name={service}")
    return any(
        (endpoint.get("conditions") or {}).get("ready") for one in slices for endpoint in one.get("endpoints") or ()
    )


def _ingresses(kube: Kube, described: Described, *, served: bool) -> tuple[bool, str]:
    """Look at each Ingress; whether a controller serves it only where an entrance is expected (``served``)."""
    wrong, hosts = [], []
    for one in described.of("Ingress"):
        namespace = one["metadata"].get("namespace")
        there = kube.get("networking.k8s.io/v1", "Ingress", one["metadata"]["name"], namespace)
        if there is None:
            wrong.append(f"{_place(one)} is missing")
            continue
        hosts += [rule.get("host", "*") for rule in there["spec"].get("rules") or ()]
        if there["spec"].get("rules") != one["spec"].get("rules"):
            wrong.append(f"{_place(one)} leads elsewhere than Git says")
        class_ = there["spec"].get("ingressClassName")
        if served and class_ and kube.get("networking.k8s.io/v1", "IngressClass", class_) is None:
            wrong.append(f"{_place(one)}: no controller serves the class {class_}")
        wrong += _dangling(kube, there)
        for tls in there["spec"].get("tls") or ():
            if kube.get("v1", "Secret", tls.get("secretName", ""), namespace) is None:
                wrong.append(f"{_place(one)}: the certificate {tls.get('secretName')} is not there (yet)")
    return none_of(wrong, ", ".join(hosts) + ("" if served else "; no entrance is expected here"))


def _dangling(kube: Kube, ingress: Manifest) -> Iterator[str]:
    for rule in ingress["spec"].get("rules") or ():
        for path in rule.get("http", {}).get("paths") or ():
            service = path["backend"]["service"]
            there = kube.get("v1", "Service", service["name"], ingress["metadata"]["namespace"])
            ports = (there or {}).get("spec", {}).get("ports", ())
            if not any(
                port.get("name") == service["port"].get("name", "") or port["port"] == service["port"].get("number")
                for port in ports
            ):
                yield f"{_place(ingress)}: {path['path']} leads to {service['name']}, which has no such port"


def _load_balancer(kube: Kube, place: str) -> tuple[bool, str]:
    namespace, name = place.split("/")
    found = address_of(kube, namespace, name)
    return (True, found) if found else (False, f"the Service {place} has no address (yet)")


def address_of(kube: Kube, namespace: str, name: str) -> str | None:
    """Return the address that a Service got from outside, if it has one."""
    service = kube.get("v1", "Service", name, namespace) or {}
    points = (service.get("status") or {}).get("loadBalancer", {}).get("ingress") or ()
    return next((str(point.get("ip") or point["hostname"]) for point in points), None)


def _resources(pods: Sequence[Manifest]) -> tuple[bool, str]:
    wrong = [
        f"{_place(pod)} {container['name']} has no {part[:-1]} of {resource}"
        for pod, container in _containers(pods)
        for part in ("requests", "limits")
        for resource in ("cpu", "memory")
        if resource not in container.get("resources", {}).get(part, {})
    ]
    return none_of(wrong, f"all {len(list(_containers(pods)))} containers have them")


def _probes(pods: Sequence[Manifest]) -> tuple[bool, str]:
    wrong = [
        f"{_place(pod)} {container['name']} has no {probe}"
        for pod, container in _containers(pods)
        for probe in _PROBES
        if container["name"] not in _SIDECARS and probe not in container
    ]
    return none_of(wrong, f"all {len(list(_containers(pods)))} containers have them")


def _scaling(kube: Kube, described: Described) -> tuple[bool, str]:
    wrong, told = [], []
    for one in described.of("HorizontalPodAutoscaler"):
        there = kube.get(one["apiVersion"], one["kind"], one["metadata"]["name"], one["metadata"].get("namespace"))
        if there is None:
            wrong.append(f"{_place(one)} is missing")
            continue
        low, high = (there["spec"].get("minReplicas", 1), there["spec"]["maxReplicas"])
        status = there.get("status") or {}
        now = int(status.get("currentReplicas") or 0)
        conditions = {it["type"]: it for it in status.get("conditions") or ()}
        wrong += [
            f"{_place(one)} is not {kind}: {conditions.get(kind, {}).get('message', 'no word of it')}"
            for kind in ("AbleToScale", "ScalingActive")
            if conditions.get(kind, {}).get("status") != "True"
        ]
        if not low <= now <= high:
            wrong.append(f"{_place(one)} has {now} replicas, not {low} to {high}")
        told.append(f"{one['metadata']['name']} {now} of {low} to {high}")
    return none_of(wrong, ", ".join(told))


def _containers(pods: Iterable[Manifest]) -> Iterator[tuple[Manifest, dict[str, Any]]]:
    for pod in pods:
        for container in pod["spec"]["containers"]:
            yield pod, container


def _place(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    return f"{metadata.get('namespace')}/{metadata['name']}"


def _numbers(ports: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(ports))) or "none"
