"""Objects of a cluster under kubetest's names, for the fixture ``kube``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from automation import wait
from automation.kube import Kube, KubernetesError, Manifest, pod_is_ready, pod_state

PATIENCE = 120.0  # seconds; kubetest waits forever where no timeout is given, a test of ours never does


class ApiObject:
    """An object of the cluster; ``obj`` is its manifest as last seen."""

    api_version: ClassVar[str] = "v1"
    kind: ClassVar[str] = ""
    namespaced: ClassVar[bool] = True

    def __init__(self, obj: Manifest, kube: Kube) -> None:
        self.obj = obj
        self._kube = kube

    def __repr__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def name(self) -> str:
        return str(self.obj["metadata"]["name"])

    @property
    def namespace(self) -> str | None:
        return self.obj["metadata"].get("namespace")

    @namespace.setter
    def namespace(self, name: str) -> None:
        if self.namespace not in {None, name}:
            raise AttributeError(f"{self!r} has a namespace already")
        self.obj["metadata"]["namespace"] = name

    @property
    def status(self) -> Manifest:
        self.refresh()
        return dict(self.obj.get("status") or {})

    def create(self, namespace: str | None = None) -> None:
        if namespace is not None:
            self.namespace = namespace
        made = self._kube.create(self.obj)
        assert made is not None, f"{self!r} exists already"
        self.obj = made

    def delete(self) -> None:
        self._kube.delete(self.obj["apiVersion"], self.obj["kind"], self.name, self.namespace)

    def refresh(self) -> None:
        """Read the object again; LookupError where it does not exist."""
        found = self._kube.get(self.obj["apiVersion"], self.obj["kind"], self.name, self.namespace)
        if found is None:
            raise LookupError(f"{self!r} does not exist")
        self.obj = found

    def exists(self) -> bool:
        try:
            self.refresh()
        except LookupError:
            return False
        return True

    def is_ready(self) -> bool:
        """Whether it is as it should be; what has no state of its own is ready when it exists."""
        return self.exists()

    def wait_until_created(self, timeout: float = PATIENCE, interval: float = 0.5) -> None:
        wait.until(self.exists, f"{self!r} to be created", timeout=timeout, interval=interval)

    def wait_until_ready(
        self, timeout: float = PATIENCE, interval: float = 0.5, *, fail_on_api_error: bool = False
    ) -> None:
        def ready() -> bool:
            try:
                return self.is_ready()
            except (LookupError, KubernetesError):
                if fail_on_api_error:
                    raise
                return False

        wait.until(ready, f"{self!r} to be ready", timeout=timeout, interval=interval, state=self._state)

    def wait_until_deleted(self, timeout: float = PATIENCE, interval: float = 0.5) -> None:
        wait.until(lambda: not self.exists(), f"{self!r} to be deleted", timeout=timeout, interval=interval)

    def _state(self) -> str:
        return str(self.obj.get("status") or "no status")


class Container:
    """One container of a pod."""

    def __init__(self, obj: Manifest, pod: Pod) -> None:
        self.obj = obj
        self.pod = pod

    @property
    def name(self) -> str:
        return str(self.obj["name"])

    def get_restart_count(self) -> int:
        states = self.pod.status.get("containerStatuses") or []
        return sum(int(one["restartCount"]) for one in states if one["name"] == self.name)

    def get_logs(self) -> str:
        return self.pod._kube.logs(self.pod.namespace or "default", self.pod.name, container=self.name)

    def search_logs(self, *keyword: str) -> bool:
        logs = self.get_logs()
        return all(word in logs for word in keyword)

    def execute(self, argv: Sequence[str], *, timeout: float = 60) -> str:
        """Run a command in it (kubetest can't)."""
        where = self.pod.namespace or "default", self.pod.name
        return self.pod._kube.execute(*where, argv, container=self.name, timeout=timeout)


class Pod(ApiObject):
    kind = "Pod"

    def is_ready(self) -> bool:
        self.refresh()
        return pod_is_ready(self.obj)

    def get_containers(self) -> list[Container]:
        return [Container(one, self) for one in self.obj["spec"]["containers"]]

    def get_container(self, name: str) -> Container | None:
        return next((one for one in self.get_containers() if one.name == name), None)

    def get_restart_count(self) -> int:
        return sum(int(one["restartCount"]) for one in self.status.get("containerStatuses") or [])

    def _state(self) -> str:
        return pod_state(self.obj)


class _Workload(ApiObject):
    api_version = "apps/v1"

    def is_ready(self) -> bool:
        self.refresh()
        wanted, status = self._wanted(), self.obj.get("status") or {}
        seen = status.get("observedGeneration") == self.obj["metadata"]["generation"]
        return bool(seen and status.get(self._ready_field, 0) == wanted == status.get(self._updated_field, 0))

    def get_pods(self) -> list[Pod]:
        labels = self.obj["spec"]["selector"]["matchLabels"]
        found = self._kube.list("v1", "Pod", self.namespace, selector_of(labels))
        return [Pod(one, self._kube) for one in found]

    _ready_field: ClassVar[str] = "readyReplicas"
    _updated_field: ClassVar[str] = "updatedReplicas"

    def _wanted(self) -> int:
        return int(self.obj["spec"].get("replicas", 1))


class Deployment(_Workload):
    kind = "Deployment"


class StatefulSet(_Workload):
    kind = "StatefulSet"


class DaemonSet(_Workload):
    kind = "DaemonSet"
    _ready_field = "numberReady"
    _updated_field = "updatedNumberScheduled"

    def _wanted(self) -> int:
        return int((self.obj.get("status") or {}).get("desiredNumberScheduled", -1))


class Service(ApiObject):
    kind = "Service"

    def is_ready(self) -> bool:
        """Whether it has an endpoint that is ready (a Service without a selector has none of its own)."""
        self.refresh()
        return not self.obj["spec"].get("selector") or bool(self.get_endpoints())

    def get_endpoints(self) -> list[str]:
        """Return the addresses of its ready endpoints."""
        slices = self._kube.list(
            "discovery.k8s.io/v1", "EndpointSlice", self.namespace, f"kubernetes.io/service-name={self.name}"
        )
        return [
            address
            for one in slices
            for endpoint in one.get("endpoints") or []
            if (endpoint.get("conditions") or {}).get("ready")
            for address in endpoint["addresses"]
        ]


class Node(ApiObject):
    kind = "Node"
    namespaced = False

    def is_ready(self) -> bool:
        self.refresh()
        return any(one["type"] == "Ready" and one["status"] == "True" for one in self.obj["status"]["conditions"])


class Namespace(ApiObject):
    kind = "Namespace"
    namespaced = False

    def is_ready(self) -> bool:
        self.refresh()
        return bool(self.obj["status"]["phase"] == "Active")


class ConfigMap(ApiObject):
    kind = "ConfigMap"


class Secret(ApiObject):
    kind = "Secret"


class PersistentVolumeClaim(ApiObject):
    kind = "PersistentVolumeClaim"

    def is_ready(self) -> bool:
        self.refresh()
        return bool(self.obj["status"].get("phase") == "Bound")


TYPES = (
    *(Pod, Deployment, StatefulSet, DaemonSet, Service, Node, Namespace),
    *(ConfigMap, Secret, PersistentVolumeClaim),
)
BY_KIND: Mapping[str, type[ApiObject]] = {one.kind: one for one in TYPES}


def selector_of(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in labels.items())


def wrapper_of(manifest: Manifest) -> type[ApiObject]:
    return type(manifest["kind"], (ApiObject,), {"kind": manifest["kind"], "api_version": manifest["apiVersion"]})
