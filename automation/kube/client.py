"""The verbs on a cluster's API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from automation import wait
from automation.errors import ConfigurationError, DeadlineExceeded, DogitopsError
from automation.kube.api import APPLY, JSON, MERGE, Api, KubernetesError
from automation.kube.objects import (
    Kind,
    Manifest,
    discovered,
    identity,
    in_order,
    pod_is_ready,
    pod_state,
    why_it_stays,
)

Manifests = list[Manifest]
Progress = Callable[[str], None]

FIELD_MANAGER: Final = "dogitops"
_PAGE: Final = "500"
_DISCOVERY: Final = f"{JSON};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_CRDS: Final = "apiextensions.k8s.io/v1"


class KindUnknown(KubernetesError):  # noqa: N818 - reads as what happened
    """The cluster serves no such kind (yet)."""


class Kube:
    """A cluster's API, reached through the current context of ``kubeconfig``.

    Every method raises KubernetesError (with the HTTP ``status``) when the API refuses or cannot be reached,
    and ConfigurationError when there is no usable kubeconfig. What may be repeated without harm is tried
    again for some seconds on connection errors, 429 and 5xx.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._api = Api(kubeconfig)
        self._kinds: dict[str, dict[str, Kind]] = {}

    def reset(self) -> None:
        """Forget connections, credentials and kinds: call it when the cluster was rebuilt."""
        self._api.reset()
        self._kinds = {}

    def ready(self) -> bool:
        """Whether the API answers and says it is ready; never raises for a server that is down or starting."""
        try:
            return bool(self._api.request("GET", "/readyz", accept="*/*", patience=0) == "ok")
        except (KubernetesError, ConfigurationError):
            return False

    def version(self) -> str:
        """Return the server's version, such as ``v1.34.4``."""
        return str(self._api.request("GET", "/version")["gitVersion"])

    def openapi(self) -> Manifest:
        """Return what the server publishes of its kinds: its OpenAPI document, version 2."""
        return dict(self._api.request("GET", "/openapi/v2", accept="application/json"))

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        """Return one object, or None where it (or its kind) does not exist."""
        try:
            known = self._kind(api_version, kind)
            return self._api_get(known.path(_scope(known, namespace), name))
        except KindUnknown:
            return None

    def list(self, api_version: str, kind: str, namespace: str | None = None, selector: str | None = None) -> Manifests:
        """Return all objects of a kind, in one namespace or in all, narrowed by a label ``selector``."""
        known = self._kind(api_version, kind)
        query = [("limit", _PAGE), *([("labelSelector", selector)] if selector else [])]
        found: Manifests = []
        more = ""
        while True:
            page = self._api.request(
                "GET", known.path(namespace), query=[*query, *([("continue", more)] if more else [])]
            )
            # Items of a list come without their type.
            found += [{"apiVersion": known.api_version, "kind": known.kind, **item} for item in page.get("items") or []]
            more = page.get("metadata", {}).get("continue") or ""
            if not more:
                return found

    def apply(self, manifest: Manifest, namespace: str | None = None, *, manager: str = FIELD_MANAGER) -> Manifest:
        """Create or change one object by server-side apply, taking over the fields that others own.

        ``namespace`` is used where the manifest names none (and ``default`` where both are missing). ``manager`` is
        in whose name it is applied.
        """
        api_version, kind, name = identity(manifest)
        known = self._kind(api_version, kind)
        metadata = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
        if known.namespaced:
            metadata["namespace"] = metadata.get("namespace") or namespace or "default"
        answer: Manifest = self._api.request(
            "PATCH",
            known.path(metadata.get("namespace"), name),
            query=[("fieldManager", manager), ("force", "true")],
            body={**manifest, "metadata": metadata},
            content_type=APPLY,
        )
        return answer

    def apply_all(
        self,
        manifests: Iterable[Manifest | None],
        namespace: str | None = None,
        *,
        manager: str = FIELD_MANAGER,
        timeout: float = 120,
        progress: Progress | None = None,
    ) -> Manifests:
        """Apply many objects in an order that works, and return what the API made of them.

        Namespaces and CRDs come first and are waited for. Kinds that are not served yet, webhooks that do not
        answer yet and namespaces that still end are tried again until ``timeout`` seconds have passed.
        """
        deadline = time.monotonic() + timeout
        ordered = in_order(manifests)
        applied: Manifests = []
        crds: list[str] = []
        for number, manifest in enumerate(ordered, 1):
            _, kind, name = identity(manifest)
            if crds and kind != "CustomResourceDefinition":
                self._wait_for_crds(crds, _seconds_left(deadline))
                crds = []
            if progress is not None:
                progress(f"{number} of {len(ordered)}: {kind} {name}")
            applied.append(self._apply_patiently(manifest, namespace, manager, deadline))
            if kind == "CustomResourceDefinition":
                crds.append(name)
        if crds:
            self._wait_for_crds(crds, _seconds_left(deadline))
        return applied

    def create(self, manifest: Manifest, namespace: str | None = None) -> Manifest | None:
        """Create one object; return None where an object of that name exists already."""
        api_version, kind, _ = identity(manifest)
        known = self._kind(api_version, kind)
        path = known.path(_scope(known, manifest["metadata"].get("namespace") or namespace))
        query = [("fieldManager", FIELD_MANAGER)]
        try:
            answer: Manifest = self._api.request("POST", path, query=query, body=manifest)
        except KubernetesError as error:
            if error.reason == "AlreadyExists":
                return None
            raise
        return answer

    def patch(self, api_version: str, kind: str, name: str, patch: Manifest, namespace: str | None = None) -> Manifest:
        """Change an object by a JSON merge patch (null removes a field) and return it."""
        known = self._kind(api_version, kind)
        answer: Manifest = self._api.request(
            "PATCH",
            known.path(_scope(known, namespace), name),
            query=[("fieldManager", FIELD_MANAGER)],
            body=patch,
            content_type=MERGE,
        )
        return answer

    def delete(
        self, api_version: str, kind: str, name: str, namespace: str | None = None, *, timeout: float | None = None
    ) -> bool:
        """Delete an object; return whether there was one. With ``timeout`` (seconds), wait until it is gone."""
        try:
            known = self._kind(api_version, kind)
        except KindUnknown:
            return False
        path = known.path(_scope(known, namespace), name)
        before = self._api_get(path)
        if before is None:
            return False
        try:
            self._api.request("DELETE", path, query=[("propagationPolicy", "Background")])
        except KubernetesError as error:
            if error.status != 404:  # noqa: PLR2004 - gone already
                raise
        if timeout is None:
            return True
        seen = [before]

        def gone() -> bool:
            now = self._api_get(path)
            seen[:] = [now or {}]
            return now is None or now["metadata"].get("uid") != before["metadata"].get("uid")

        what = f"{kind} {namespace + '/' if namespace else ''}{name} to be deleted"
        wait.until(gone, what, timeout=timeout, interval=0.5, state=lambda: why_it_stays(seen[0]))
        return True

    def resources(self) -> tuple[Kind, ...]:
        """Return every kind that can be listed, each in the version its group prefers."""
        found: dict[tuple[str, str], Kind] = {}
        for root in ("/api", "/apis"):
            answer = self._api.request("GET", root, accept=f"{_DISCOVERY},{JSON}")
            if answer.get("kind") != "APIGroupDiscoveryList":
                raise KubernetesError(
                    "The cluster is too old: it has no aggregated discovery.", hint="Use 1.30 or newer."
                )
            for kind in discovered(answer):
                if "list" in kind.verbs:
                    found.setdefault((kind.group, kind.kind), kind)
        return tuple(sorted(found.values(), key=lambda kind: (kind.group, kind.kind)))

    def execute(
        self,
        namespace: str,
        pod: str,
        argv: Sequence[str],
        *,
        container: str | None = None,
        stdin: bytes | None = None,
        timeout: float = 60,
    ) -> str:
        """Run ``argv`` in a pod's container and return its stdout; ``stdin`` is sent and then closed.

        Raises CommandFailed with its stderr when the command exits with another code than 0, DeadlineExceeded
        after ``timeout`` seconds. Bytes that are no UTF-8 are replaced: encode binary output as base64.
        """
        return self._api.execute(namespace, pod, argv, container=container, stdin=stdin, timeout=timeout)

    def logs(self, namespace: str, pod: str, *, container: str | None = None, lines: int = 500) -> str:
        """Return the last ``lines`` that a pod's container wrote."""
        query = [("tailLines", str(lines)), *([("container", container)] if container else [])]
        return str(
            self._api.request("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log", query=query, accept="*/*")
        )

    def ask_service(
        self, namespace: str, service: str, port: str | int, path: str, *, method: str = "GET", body: Any = None
    ) -> str:
        """Ask a Service over HTTP through the API server, once, and return the text of its answer.

        Raises KubernetesError with the answer's ``status`` where that is none of success.
        """
        where = f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy{path}"
        answer = self._api.request(method, where, body=body, accept="*/*", patience=0)
        return str(answer)

    def wait_for_pods(
        self,
        namespace: str,
        selector: str | None = None,
        *,
        timeout: float,
        progress: Progress | None = None,
    ) -> Manifests:
        """Wait until there is a matching pod and all of them are Ready (finished jobs count), and return them."""
        seen: Manifests = []

        def all_ready() -> bool:
            seen[:] = self.list("v1", "Pod", namespace, selector)
            return bool(seen) and all(pod_is_ready(pod) for pod in seen)

        def state() -> str:
            waiting = [f"{pod['metadata']['name']} ({pod_state(pod)})" for pod in seen if not pod_is_ready(pod)]
            return ", ".join(waiting) or "no pod yet"

        what = f"pods in {namespace}" + (f" with {selector}" if selector else "") + " to be ready"
        wait.until(all_ready, what, timeout=timeout, progress=progress, state=state)
        return seen

    def _api_get(self, path: str) -> Manifest | None:
        try:
            answer: Manifest = self._api.request("GET", path)
        except KubernetesError as error:
            if error.status == 404:  # noqa: PLR2004 - not found
                return None
            raise
        return answer

    def _kind(self, api_version: str, kind: str) -> Kind:
        """Return what is known of a kind, asking the server where it is not known yet."""
        if kind not in self._kinds.get(api_version, {}):
            group, _, version = api_version.rpartition("/")
            answer = self._api_get(f"/{'apis' if group else 'api'}/{api_version}") or {}
            self._kinds[api_version] = {
                entry["kind"]: Kind(
                    group, version, entry["kind"], entry["name"], entry["namespaced"], tuple(entry.get("verbs", ()))
                )
                for entry in answer.get("resources", ())
                if "/" not in entry["name"]
            }
        try:
            return self._kinds[api_version][kind]
        except KeyError:
            raise KindUnknown(
                f"No matches for kind {kind!r} in {api_version}: {self._api.host} does not serve it.",
                status=404,
                hint="Check the spelling, and that its CRD is installed.",
            ) from None

    def _apply_patiently(self, manifest: Manifest, namespace: str | None, manager: str, deadline: float) -> Manifest:
        last: list[DogitopsError] = []

        def attempt() -> Manifest | None:
            try:
                return self.apply(manifest, namespace, manager=manager)
            except KubernetesError as error:
                if not _passes(error):
                    raise
                last[:] = [error]
                return None

        try:
            return wait.until(attempt, "the object to be accepted", timeout=_seconds_left(deadline), interval=0.5)
        except DeadlineExceeded:
            raise last[0] from None

    def _wait_for_crds(self, names: Sequence[str], timeout: float) -> None:
        """Wait until the API serves the kinds of these CRDs."""
        waiting = list(names)

        def established() -> bool:
            for name in tuple(waiting):
                crd = self.get(_CRDS, "CustomResourceDefinition", name) or {}
                conditions = (crd.get("status") or {}).get("conditions") or ()
                if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
                    waiting.remove(name)
            return not waiting

        wait.until(
            established,
            "CRDs to be served",
            timeout=timeout,
            interval=0.2,
            state=lambda: f"not yet: {', '.join(waiting)}",
        )


def _scope(kind: Kind, namespace: str | None) -> str | None:
    return (namespace or "default") if kind.namespaced else None


def _passes(error: KubernetesError) -> bool:
    """Whether an error of applying is one that passes while a cluster starts."""
    if isinstance(error, KindUnknown) or error.transient or error.status == 409:  # noqa: PLR2004 - conflict
        return True
    return any(words in error.message for words in ("failed calling webhook", "being terminated", 'namespaces "'))


def _seconds_left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
