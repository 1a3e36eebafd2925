"""Each check of a cluster, good once and red once, against a stand-in for a cluster's API and an application."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from automation.expectations import Checks, Nodes
from automation.verification import deployment, infrastructure
from automation.verification.deployment import Described
from automation.verification.seen import Seen
from tests.integration.kube.cluster import Cluster
from tests.integration.verification.app import APP, CONTAINER, App, by_name


@pytest.fixture
def described(api: Cluster) -> Described:
    """Return what Git says: what there is."""
    kinds = ("Deployment", "Service", "Ingress", "HorizontalPodAutoscaler")
    manifests = [copy.deepcopy(one) for one in api.objects.values() if one.get("kind") in kinds]
    ours = tuple(one for one in manifests if one["metadata"]["namespace"] == "app")
    return Described(("app",), ours, ("app",))


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


def test_where_no_entrance_is_expected_nobody_need_serve_the_class(api: Cluster, described: Described) -> None:
    del api.objects["/apis/networking.k8s.io/v1/ingressclasses/traefik"]
    seen = by_name(list(deployment.checks(api.kube, described, None)))
    assert seen["ingresses"].good
    assert seen["ingresses"].told.endswith("; no entrance is expected here")
    assert "load balancer" not in seen


def test_every_check_of_a_deployment_is_broken_by_a_test(api: Cluster, described: Described) -> None:
    assert {check for check, _, _ in BREAKAGES.values()} == set(deployed(api, described))
