"""Each check of a cluster, good once and red once, against a stand-in for a cluster's API and an application."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from automation.expectations import Checks, Nodes, Tried
from automation.verification import deployment, infrastructure, smoke
from automation.verification.deployment import Described
from automation.verification.entrance import ByAddress, ByApi, Unanswered, ask
from automation.verification.seen import Seen
from tests.integration.kube.cluster import Cluster

KINDS = {
    "v1": {
        **{kind: (f"{kind.lower()}s", True) for kind in ("Pod", "Service", "Secret", "ConfigMap")},
        **{kind: (f"{kind.lower()}s", False) for kind in ("Namespace", "Node")},
    },
    "apps/v1": {"Deployment": ("deployments", True)},
    "autoscaling/v2": {"HorizontalPodAutoscaler": ("horizontalpodautoscalers", True)},
    "discovery.k8s.io/v1": {"EndpointSlice": ("endpointslices", True)},
    "networking.k8s.io/v1": {"Ingress": ("ingresses", True), "IngressClass": ("ingressclasses", False)},
}
READY = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}
PROBE = {"tcpSocket": {"port": 80}}
CONTAINER = {
    "name": "web",
    "image": "web:1",
    "resources": {part: {"cpu": "1", "memory": "1Mi"} for part in ("requests", "limits")},
    **dict.fromkeys(("startupProbe", "readinessProbe", "livenessProbe"), PROBE),
}
RULES = [
    {
        "host": "app.test",
        "http": {
            "paths": [
                {"path": "/api", "backend": {"service": {"name": "api", "port": {"name": "http"}}}},
                {"path": "/", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
            ]
        },
    }
]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Cluster]:
    """Give a cluster in which all is well: an application of two Services, scaled, with a way in."""
    with Cluster(tmp_path / "kubeconfig") as server:
        server.kinds = {version: dict(kinds) for version, kinds in KINDS.items()}
        server.objects["/version"] = {"kind": "Version", "metadata": {"name": ""}, "gitVersion": "v1.34.4"}
        for name in ("one", "two", "three"):
            server.put("v1", "Node", name, status=copy.deepcopy(READY))
        server.put("v1", "Namespace", "app")
        for name, port in (("api", 8000), ("web", 80)):
            labels = {"app": name}
            server.put(
                *("apps/v1", "Deployment", name, "app"),
                metadata={"generation": 2},
                spec={"replicas": 1, "template": {"spec": {"containers": [CONTAINER]}}},
                status={"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1},
            )
            server.put(
                *("v1", "Pod", f"{name}-1", "app"),
                metadata={"labels": labels},
                spec={"containers": [copy.deepcopy(CONTAINER)]},
                status={**copy.deepcopy(READY), "containerStatuses": [{"name": "web", "lastState": {}}]},
            )
            ports = [{"name": "http", "port": port}]
            server.put("v1", "Service", name, "app", spec={"selector": labels, "ports": ports})
            server.put(
                *("discovery.k8s.io/v1", "EndpointSlice", f"{name}-x", "app"),
                metadata={"labels": {"kubernetes.io/service-name": name}},
                endpoints=[{"conditions": {"ready": True}}],
            )
        conditions = [{"type": kind, "status": "True"} for kind in ("AbleToScale", "ScalingActive")]
        server.put(
            *("autoscaling/v2", "HorizontalPodAutoscaler", "web", "app"),
            spec={"minReplicas": 1, "maxReplicas": 3},
            status={"currentReplicas": 1, "conditions": conditions},
        )
        tls = [{"hosts": ["app.test"], "secretName": "app-tls"}]
        spec = {"ingressClassName": "traefik", "rules": copy.deepcopy(RULES), "tls": tls}
        server.put("networking.k8s.io/v1", "Ingress", "app", "app", spec=spec)
        server.put("networking.k8s.io/v1", "IngressClass", "traefik")
        server.put("v1", "Secret", "app-tls", "app")
        balanced = {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}
        server.put("v1", "Service", "traefik", "ingress", status=balanced)
        status = {"status": "time: now\nautoscalerStatus: Running\n"}
        server.put("v1", "ConfigMap", "cluster-autoscaler-status", "kube-system", data=status)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def described(api: Cluster) -> Described:
    """Return what Git says: what there is."""
    kinds = ("Deployment", "Service", "Ingress", "HorizontalPodAutoscaler")
    manifests = [copy.deepcopy(one) for one in api.objects.values() if one.get("kind") in kinds]
    ours = tuple(one for one in manifests if one["metadata"]["namespace"] == "app")
    return Described(("app",), ours, ("app",))


def by_name(seen: list[Seen]) -> dict[str, Seen]:
    return {one.check: one for one in seen}


def deployed(api: Cluster, described: Described) -> dict[str, Seen]:
    return by_name(list(deployment.checks(api.kube, described, "ingress/traefik")))


WANTED = Checks(nodes=Nodes(min=2, max=5), autoscaling=True)


def cluster(api: Cluster, wanted: Checks = WANTED) -> dict[str, Seen]:
    return by_name(list(infrastructure.checks(api.kube, wanted)))


# -- the cluster ------------------------------------------------------------------------------------------------------


def test_a_cluster_that_is_well(api: Cluster) -> None:
    seen = cluster(api)
    assert [(one.check, one.good, one.told) for one in seen.values()] == [
        ("API of the cluster", True, "ready, v1.34.4"),
        ("nodes", True, "3 of 3 are ready, 2 to 5 wanted"),
        ("autoscaling of nodes", True, "an autoscaler runs"),
    ]


def test_after_an_api_that_does_not_answer_nothing_more_is_asked(api: Cluster) -> None:
    api.shutdown()
    api.server_close()
    [seen] = infrastructure.checks(api.kube, WANTED)
    assert not seen.good
    assert seen.told == "does not answer, or is not ready"


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Checks(nodes=Nodes(min=4, max=5)), "3 of 3 are ready, 4 to 5 wanted"),
        (Checks(nodes=Nodes(min=1, max=1)), "3 of 3 are ready, 1 wanted"),
    ],
)
def test_too_few_or_too_many_nodes(api: Cluster, wanted: Checks, told: str) -> None:
    assert (cluster(api, wanted)["nodes"].good, cluster(api, wanted)["nodes"].told) == (False, told)


def test_a_node_that_is_not_ready(api: Cluster) -> None:
    api.find("Node", "two")["status"]["conditions"][0]["status"] = "Unknown"
    assert not cluster(api)["nodes"].good
    assert cluster(api, Checks())["nodes"].told == "2 of 3 are ready"


def test_no_autoscaler_or_one_that_is_not_well(api: Cluster) -> None:
    api.find("ConfigMap", "cluster-autoscaler-status")["data"]["status"] = "autoscalerStatus: Initializing"
    assert "Initializing" in cluster(api)["autoscaling of nodes"].told
    assert not cluster(api)["autoscaling of nodes"].good
    del api.objects["/api/v1/namespaces/kube-system/configmaps/cluster-autoscaler-status"]
    assert not cluster(api)["autoscaling of nodes"].good


@pytest.mark.parametrize(("status", "good"), [(200, True), (401, True), (404, False), (502, False)])
def test_a_registry_that_answers_and_one_that_does_not(api: Cluster, app: App, status: int, good: bool) -> None:
    app.status["/v2/"] = status
    seen = cluster(api, Checks(registry=app.url))["registry"]
    assert (seen.good, seen.told.endswith(f" {status}")) == (good, not good)
    assert not cluster(api, Checks(registry="http://127.0.0.1:9"))["registry"].good


# -- what is deployed -------------------------------------------------------------------------------------------------


def test_a_deployment_that_is_well(api: Cluster, described: Described) -> None:
    seen = deployed(api, described)
    assert {one.check: one.told for one in seen.values() if not one.good} == {}
    assert seen["services and their ports"].told == "api:8000, web:80"
    assert seen["ingresses"].told == "app.test"
    assert seen["load balancer"].told == "203.0.113.9"
    assert seen["scaling by load"].told == "web 1 of 1 to 3"
    assert len(seen) == 10


APP = "/api/v1/namespaces/app"
BREAKAGES: dict[str, tuple[str, str, Any]] = {
    "a namespace is gone": ("namespaces", "app is missing", lambda api: api.objects.pop("/api/v1/namespaces/app")),
    "no pods": (
        *("pods run", "there is no pod"),
        lambda api: [api.objects.pop(f"{APP}/pods/{name}-1") for name in ("api", "web")],
    ),
    "a pod is not ready": (
        *("pods run", "app/web-1: Running, not ready"),
        lambda api: api.find("Pod", "web-1")["status"].pop("conditions"),
    ),
    "a pod was restarted": (
        *("no restarts in applications", "app/web-1 web: OOMKilled"),
        lambda api: api.find("Pod", "web-1")["status"]["containerStatuses"][0]["lastState"].update(
            terminated={"finishedAt": datetime.now(UTC).isoformat(), "reason": "OOMKilled"}
        ),
    ),
    "a workload is gone": (
        *("workloads have rolled out", "Deployment app/web: is missing"),
        lambda api: api.objects.pop("/apis/apps/v1/namespaces/app/deployments/web"),
    ),
    "a rollout is stuck": (
        *("workloads have rolled out", "0 of 1 pods are ready, 1 of them new"),
        lambda api: api.find("Deployment", "web")["status"].update(readyReplicas=0),
    ),
    "a rollout was not seen yet": (
        *("workloads have rolled out", "not seen by its controller yet"),
        lambda api: api.find("Deployment", "web")["metadata"].update(generation=3),
    ),
    "a service is gone": (
        *("services and their ports", "app/web is missing"),
        lambda api: api.objects.pop(f"{APP}/services/web"),
    ),
    "a service has another port": (
        *("services and their ports", "app/web has the ports 81, not 80"),
        lambda api: api.find("Service", "web")["spec"]["ports"][0].update(port=81),
    ),
    "a service leads to no pod": (
        *("services and their ports", "app/api leads to no pod that is ready"),
        lambda api: api.find("EndpointSlice", "api-x")["endpoints"][0]["conditions"].update(ready=False),
    ),
    "an ingress is gone": (
        *("ingresses", "app/app is missing"),
        lambda api: api.objects.pop("/apis/networking.k8s.io/v1/namespaces/app/ingresses/app"),
    ),
    "an ingress was changed": (
        *("ingresses", "app/app leads elsewhere than Git says"),
        lambda api: api.find("Ingress", "app")["spec"]["rules"][0].update(host="other.test"),
    ),
    "nobody serves the class": (
        *("ingresses", "no controller serves the class traefik"),
        lambda api: api.objects.pop("/apis/networking.k8s.io/v1/ingressclasses/traefik"),
    ),
    "no certificate": (
        *("ingresses", "the certificate app-tls is not there (yet)"),
        lambda api: api.objects.pop(f"{APP}/secrets/app-tls"),
    ),
    "an ingress leads to a port that there is not": (
        *("ingresses", "/api leads to api, which has no such port"),
        lambda api: api.find("Service", "api")["spec"]["ports"][0].update(name="other"),
    ),
    "no address": (
        *("load balancer", "ingress/traefik has no address (yet)"),
        lambda api: api.find("Service", "traefik").update(status={}),
    ),
    "no requests": (
        *("requests and limits of applications", "app/web-1 web has no request of cpu"),
        lambda api: api.find("Pod", "web-1")["spec"]["containers"][0]["resources"].pop("requests"),
    ),
    "no limits": (
        *("requests and limits of applications", "has no limit of memory"),
        lambda api: api.find("Pod", "web-1")["spec"]["containers"][0]["resources"]["limits"].pop("memory"),
    ),
    **{
        f"no {probe}": (
            *("three probes of applications", f"app/web-1 web has no {probe}"),
            lambda api, probe=probe: api.find("Pod", "web-1")["spec"]["containers"][0].pop(probe),
        )
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
    },
    "an autoscaler is gone": (
        *("scaling by load", "app/web is missing"),
        lambda api: api.objects.pop("/apis/autoscaling/v2/namespaces/app/horizontalpodautoscalers/web"),
    ),
    "an autoscaler has no numbers": (
        *("scaling by load", "app/web is not ScalingActive: no metrics"),
        lambda api: api.find("HorizontalPodAutoscaler", "web")["status"]["conditions"][1].update(
            status="False", message="no metrics"
        ),
    ),
    "fewer than the least": (
        *("scaling by load", "app/web has 0 replicas, not 1 to 3"),
        lambda api: api.find("HorizontalPodAutoscaler", "web")["status"].update(currentReplicas=0),
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_what_is_broken_turns_its_check_red(api: Cluster, described: Described, name: str) -> None:
    check, told, breaks = BREAKAGES[name]
    breaks(api)
    seen = deployed(api, described)[check]
    assert not seen.good
    assert told in seen.told


def test_a_pod_that_was_evicted_and_replaced_counts_no_more(api: Cluster, described: Described) -> None:
    failed = {"status": {"phase": "Failed"}, "spec": {"containers": [CONTAINER]}}
    api.put("v1", "Pod", "evicted", "app", metadata={"ownerReferences": [{"kind": "ReplicaSet"}]}, **failed)
    assert deployed(api, described)["pods run"].told == "2 of 2 are ready"
    api.put("v1", "Pod", "alone", "app", **failed)
    assert "app/alone: Failed" in deployed(api, described)["pods run"].told


def test_every_check_of_a_deployment_is_broken_by_a_test(api: Cluster, described: Described) -> None:
    assert {check for check, _, _ in BREAKAGES.values()} == set(deployed(api, described))


# -- the application --------------------------------------------------------------------------------------------------


class App(ThreadingHTTPServer):
    """An application with tasks; ``status`` is what a path answers instead, ``ignores`` which methods do nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tasks: dict[str, str] = {}
        self.status: dict[str, int] = {}
        self.ignores: set[str] = set()
        self.page = True
        self.hosts: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: App

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_DELETE = do_GET  # noqa: N815

    def _serve(self) -> None:
        server = self.server
        server.hosts.add(self.headers["Host"])
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("/proxy")[2] or self.path
        if path in server.status:
            return self._answer(server.status[path], "")
        if self.command == "POST" and "POST" not in server.ignores:
            server.tasks[str(len(server.tasks) + 1)] = json.loads(body)["title"]
            return self._answer(201, json.dumps({"id": len(server.tasks)}))
        if self.command == "DELETE":
            known = server.tasks.pop(path.rpartition("/")[2], None)
            return self._answer(204 if known else 404, "")
        shown = json.dumps(server.tasks) if path != "/" or server.page else "<h1>Tasks</h1>"
        return self._answer(200, shown)

    def _answer(self, status: int, text: str) -> None:
        raw = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def app() -> Iterator[App]:
    with App() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


TRIED = Tried(ingress="app/app", seconds=5)


def tried(api: Cluster, app: App, wanted: Tried = TRIED) -> dict[str, Seen]:
    way = ByAddress(app.url.removeprefix("http://"), "app.test", tls=False)
    return by_name(list(smoke.checks(api.kube, way, wanted)))


@pytest.fixture(autouse=True)
def _logs(api: Cluster) -> None:
    api.logs["api-1"] = "level=info msg='0 errors'"
    api.logs["web-1"] = "GET /errors/ERRORS 200, level=info: the last error was long ago"


def test_an_application_that_is_well(api: Cluster, app: App) -> None:
    seen = tried(api, app)
    assert {one.check: one.told for one in seen.values() if not one.good} == {}
    assert len(seen) == 7
    assert seen["frontend answers"].told.startswith("200 in ")
    assert app.tasks == {}, "what was made was taken away"
    assert app.hosts == {"app.test"}


def test_it_is_reached_through_the_api_where_there_is_no_address(api: Cluster, app: App) -> None:
    """The API server passes requests on to the Services that the Ingress leads to, by the longest path."""
    ingress = api.find("Ingress", "app")
    api.objects[f"{APP}/services/api:http/proxy/api/tasks"] = {
        "kind": "Answer",
        "metadata": {"name": ""},
        "from": "api",
    }
    api.objects[f"{APP}/services/web:80/proxy/"] = {"kind": "Answer", "metadata": {"name": ""}, "from": "web"}
    way = ByApi(api.kube, ingress)
    assert '"from": "api"' in way.ask("GET", "/api/tasks", timeout=1).text
    assert '"from": "web"' in way.ask("GET", "/", timeout=1).text
    assert way.ask("GET", "/api/none", timeout=1).status == 404
    ingress["spec"]["rules"] = []
    with pytest.raises(Unanswered, match="leads / nowhere"):
        way.ask("GET", "/", timeout=1)


BAD: dict[str, tuple[str, str, Any]] = {
    "the frontend is broken": ("frontend answers", "502 in", lambda app: app.status.update({"/": 502})),
    "the backend is broken": ("backend answers", "503 in", lambda app: app.status.update({"/api/health": 503})),
    "nothing can be made": ("a task is made", "answered with 500", lambda app: app.status.update({"/api/tasks": 500})),
    "what is made has no id": ("a task is made", "has no id", lambda app: app.ignores.add("POST")),
    "the frontend does not show it": (
        "the frontend shows it",
        "does not show it",
        lambda app: setattr(app, "page", False),
    ),
    "it stays": ("it is taken away again", "answered with 405", lambda app: app.status.update({"/api/tasks/1": 405})),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_broken_in_it_turns_its_check_red(
    api: Cluster, app: App, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "_SHOWN_WITHIN", 0.1)
    check, told, breaks = BAD[name]
    breaks(app)
    seen = tried(api, app)[check]
    assert not seen.good
    assert told in seen.told


def test_a_list_that_lacks_it_is_seen(api: Cluster, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "_SHOWN_WITHIN", 0.1)
    way = ByAddress(app.url.removeprefix("http://"), None, tls=False)
    good, told = smoke._shows(way, "/api/tasks", "never made")
    assert not good
    assert told == "GET /api/tasks does not show it within 0 s"


def test_an_answer_that_comes_late_is_red(api: Cluster, app: App) -> None:
    seen = tried(api, app, Tried(ingress="app/app", seconds=1e-9))
    assert not seen["frontend answers"].good
    assert "0.0 s are allowed" in seen["backend answers"].told


def test_nobody_who_answers(api: Cluster) -> None:
    seen = by_name(list(smoke.checks(api.kube, ByAddress("127.0.0.1:9", "app.test", tls=True), TRIED)))
    assert {name for name, one in seen.items() if one.good} == {"no errors in logs"}
    assert "https://127.0.0.1:9" in seen["backend answers"].told


@pytest.mark.parametrize(
    "line",
    [
        '{"level":"error","msg":"no connection"}',
        "time=now level=ERROR msg=x",
        "2026-01-01 ERROR no connection",
        "[FATAL] out of memory",
        "Traceback (most recent call last)",
    ],
)
def test_an_error_in_a_log_is_red(api: Cluster, app: App, line: str) -> None:
    api.logs["web-1"] = line
    seen = tried(api, app)["no errors in logs"]
    assert not seen.good
    assert "web-1 web: 1 lines, the last:" in seen.told


def test_a_pod_without_a_log_is_red(api: Cluster, app: App) -> None:
    del api.logs["web-1"]
    assert not tried(api, app)["no errors in logs"].good


def test_a_certificate_that_nobody_trusts_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unanswered, match=r"127\.0\.0\.1:9"):
        ask("GET", "https://127.0.0.1:9/", timeout=1, host="app.test")
