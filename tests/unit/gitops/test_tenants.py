"""The bounds of namespaces on the clusters that gitops/ describes.

Who may speak with whom: what each part needs is allowed, the rest is not. And what is asked for fits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from automation.gitops.manifests import Manifest, contents, render
from tests.unit.gitops.network import Cluster, Outside, Peer, Pod

ROOT = Path(__file__).parents[3]
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet"}
KIND = "strimzi.io/kind"

# The pods of vendors' charts with our values, and those that operators make: labels and named ports as their charts,
# rendered at the pinned versions, have them.
OTHERS = {
    "ingress/traefik": Pod("ingress", {"app.kubernetes.io/name": "traefik", "app.kubernetes.io/instance": "ingress"}),
    "cert-manager/controller": Pod(
        "cert-manager", {"app.kubernetes.io/name": "cert-manager", "app.kubernetes.io/instance": "cert-manager"}
    ),
    "cert-manager/webhook": Pod(
        "cert-manager", {"app.kubernetes.io/name": "webhook", "app.kubernetes.io/instance": "cert-manager"}
    ),
    "dapr-system/sentry": Pod("dapr-system", {"app": "dapr-sentry", "app.kubernetes.io/part-of": "dapr"}),
    "dapr-system/injector": Pod("dapr-system", {"app": "dapr-sidecar-injector", "app.kubernetes.io/part-of": "dapr"}),
    "dapr-system/scheduler": Pod("dapr-system", {"app": "dapr-scheduler-server", "app.kubernetes.io/part-of": "dapr"}),
    "kafka/operator": Pod("kafka", {"name": "strimzi-cluster-operator", KIND: "cluster-operator"}),
    "kafka/broker": Pod("kafka", {"strimzi.io/cluster": "todo", "strimzi.io/name": "todo-kafka", KIND: "Kafka"}),
    "kafka/entity-operator": Pod(
        "kafka", {"strimzi.io/cluster": "todo", "strimzi.io/name": "todo-entity-operator", KIND: "Kafka"}
    ),
    "external-dns/external-dns": Pod("external-dns", {"app.kubernetes.io/name": "external-dns"}),
    "kube-system/coredns": Pod("kube-system", {"k8s-app": "kube-dns"}),
    "argocd/stranger": Pod("argocd", {"app": "stranger"}),
    "todo-app-prod/stranger": Pod("todo-app-prod", {"app": "stranger"}),
    "default/stranger": Pod("default", {"app": "stranger"}),
    "monitoring/stranger": Pod("monitoring", {"app": "stranger"}),
}

# source, target, port; "api" is the API server, "internet" anything outside of the cluster.
NEEDED: dict[str, list[tuple[str, str, int]]] = {
    "todo": [
        # the way in, from outside to the application
        ("internet", "ingress/traefik", 8000),
        ("internet", "ingress/traefik", 8443),
        ("ingress/traefik", "api", 443),
        ("ingress/traefik", "todo-app-prod/todo-backend", 8000),
        ("ingress/traefik", "todo-app-prod/todo-frontend", 80),
        # the application among itself, and what it needs outside
        ("todo-app-prod/todo-frontend", "todo-app-prod/todo-backend", 8000),
        ("todo-app-prod/todo-backend", "internet", 5432),
        ("todo-app-prod/todo-backend", "internet", 443),
        ("todo-app-prod/todo-backend", "kafka/broker", 9092),
        ("todo-app-prod/event-service", "kafka/broker", 9092),
        ("todo-app-prod/todo-backend", "dapr-system/sentry", 50001),
        ("todo-app-prod/todo-backend", "dapr-system/scheduler", 50006),
        ("todo-app-prod/todo-backend", "monitoring/jaeger", 4317),
        # certificates
        ("cert-manager/controller", "api", 6443),
        ("cert-manager/controller", "internet", 443),
        ("cert-manager/controller", "internet", 80),
        ("cert-manager/controller", "ingress/traefik", 8000),
        ("api", "cert-manager/webhook", 10250),
        # Kafka
        ("kafka/broker", "kafka/broker", 9090),
        ("kafka/broker", "kafka/broker", 9091),
        ("kafka/operator", "kafka/broker", 9091),
        ("kafka/operator", "kafka/broker", 8443),
        ("kafka/operator", "api", 443),
        ("kafka/entity-operator", "kafka/broker", 9091),
        ("kafka/entity-operator", "api", 443),
        # Dapr
        ("api", "dapr-system/injector", 4000),
        ("dapr-system/scheduler", "dapr-system/scheduler", 2380),
        ("dapr-system/injector", "dapr-system/sentry", 50001),
        ("dapr-system/sentry", "api", 443),
        # Argo CD
        ("argocd/argocd-application-controller", "api", 443),
        ("argocd/argocd-application-controller", "argocd/argocd-repo-server", 8081),
        ("argocd/argocd-application-controller", "argocd/argocd-redis", 6379),
        ("argocd/argocd-server", "argocd/argocd-repo-server", 8081),
        ("argocd/argocd-repo-server", "argocd/argocd-redis", 6379),
        ("argocd/argocd-redis", "api", 443),
        ("argocd/argocd-repo-server", "internet", 443),
        ("argocd/argocd-repo-server", "internet", 22),
        ("argocd/argocd-applicationset-controller", "argocd/argocd-repo-server", 8081),
        ("argocd/argocd-notifications-controller", "argocd/argocd-repo-server", 8081),
        ("argocd/argocd-notifications-controller", "internet", 443),
        # backups, metrics
        ("velero/velero", "internet", 443),
        ("velero/node-agent", "internet", 443),
        ("api", "kube-system/metrics-server", 10250),
        ("monitoring/prometheus", "velero/velero", 8085),
        ("monitoring/prometheus", "ingress/traefik", 9100),
        ("monitoring/prometheus", "cert-manager/controller", 9402),
        ("monitoring/prometheus", "dapr-system/sentry", 9090),
        ("monitoring/prometheus", "argocd/argocd-application-controller", 8082),
        ("monitoring/prometheus", "argocd/argocd-repo-server", 8084),
        ("monitoring/prometheus", "monitoring/jaeger", 8888),
    ],
    "production": [
        ("digitalocean/snapshot-controller", "api", 443),
        ("monitoring/prometheus", "digitalocean/snapshot-controller", 8080),
        ("internet", "ingress/traefik", 8443),
        ("cert-manager/controller", "api", 6443),
    ],
    "workbench": [
        ("ledger/writer", "ledger/redis", 6379),
        ("local-storage/local-path-provisioner", "api", 443),
    ],
}

# What nobody needs, and somebody might try.
DENIED: dict[str, list[tuple[str, str, int]]] = {
    "todo": [
        ("internet", "todo-app-prod/todo-backend", 8000),
        ("internet", "kafka/broker", 9092),
        ("internet", "ingress/traefik", 8080),
        ("ingress/traefik", "kafka/broker", 9092),
        ("ingress/traefik", "argocd/argocd-redis", 6379),
        ("ingress/traefik", "internet", 80),
        ("todo-app-prod/todo-frontend", "kafka/broker", 9092),
        ("todo-app-prod/todo-frontend", "internet", 443),
        ("todo-app-prod/todo-backend", "kafka/broker", 9090),
        ("todo-app-prod/todo-backend", "kafka/broker", 9091),
        ("todo-app-prod/todo-backend", "argocd/argocd-repo-server", 8081),
        ("todo-app-prod/todo-backend", "dapr-system/scheduler", 2379),
        ("todo-app-prod/todo-backend", "monitoring/prometheus", 9090),
        ("todo-app-prod/todo-backend", "monitoring/jaeger", 16686),
        ("todo-app-prod/event-service", "todo-app-prod/todo-frontend", 80),
        ("todo-app-prod/stranger", "todo-app-prod/todo-backend", 8000),
        ("todo-app-prod/stranger", "internet", 443),
        ("todo-app-prod/stranger", "api", 443),
        ("default/stranger", "todo-app-prod/todo-backend", 8000),
        ("default/stranger", "kafka/broker", 9092),
        ("default/stranger", "argocd/argocd-redis", 6379),
        ("default/stranger", "argocd/argocd-repo-server", 8081),
        ("default/stranger", "cert-manager/controller", 9402),
        ("default/stranger", "velero/velero", 8085),
        ("argocd/stranger", "argocd/argocd-redis", 6379),
        ("argocd/argocd-redis", "internet", 80),
        ("argocd/argocd-server", "internet", 80),
        ("kafka/broker", "internet", 443),
        ("kafka/broker", "api", 6443),
        ("cert-manager/controller", "kafka/broker", 9092),
        ("monitoring/stranger", "ingress/traefik", 9100),
        ("monitoring/jaeger", "internet", 443),
        ("velero/velero", "argocd/argocd-redis", 6379),
    ],
    "production": [
        ("default/stranger", "digitalocean/snapshot-controller", 8080),
        ("digitalocean/snapshot-controller", "internet", 80),
    ],
    "workbench": [
        ("default/stranger", "ledger/redis", 6379),
        ("ledger/redis", "internet", 443),
        ("ledger/writer", "api", 443),
    ],
}


class World:
    """A cluster as its folder describes it: pods by ``namespace/name``, and what its policies allow."""

    def __init__(self, manifests: list[tuple[str, Manifest]]) -> None:
        self.pods: dict[str, Peer] = {**OTHERS, "internet": Outside(), "api": Outside("10.0.0.2")}
        namespaces: dict[str, dict[str, str]] = {"kube-system": {}, "default": {}}
        policies: list[dict[str, Any]] = []
        for home, one in manifests:
            metadata = one["metadata"]
            namespace = metadata.get("namespace", home)
            if one["kind"] == "Namespace":
                namespaces[metadata["name"]] = metadata["labels"]
            elif one["kind"] == "NetworkPolicy":
                policies.append({**one, "metadata": {**metadata, "namespace": namespace}})
            elif one["kind"] in WORKLOADS:
                template = one["spec"]["template"]
                ports = {
                    port["name"]: port["containerPort"]
                    for container in template["spec"]["containers"]
                    for port in container.get("ports", ())
                    if "name" in port
                }
                self.pods[f"{namespace}/{metadata['name']}"] = Pod(namespace, template["metadata"]["labels"], ports)
        self.cluster = Cluster(policies, namespaces)
        self.manifests = manifests

    def of(self, kind: str, namespace: str) -> list[Manifest]:
        """Return the objects of a kind in a namespace."""
        return [
            one
            for home, one in self.manifests
            if one["kind"] == kind and one["metadata"].get("namespace", home) == namespace
        ]

    def allows(self, source: str, target: str, port: int, protocol: str = "TCP") -> bool:
        return self.cluster.allows(self.pods[source], self.pods[target], port, protocol)


@pytest.fixture(scope="module")
def worlds(kustomize: Path) -> dict[str, World]:
    rendered: dict[str, list[Manifest]] = {}
    found = {}
    for name in NEEDED:
        manifests = []
        for entry in contents(kustomize, ROOT, f"gitops/clusters/{name}"):
            if entry.rendered_here:
                if entry.path not in rendered:
                    rendered[entry.path] = render(kustomize, ROOT / entry.path)
                manifests += [(entry.namespace, one) for one in rendered[entry.path]]
        found[name] = World(manifests)
    return found


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_needed_is_allowed(worlds: dict[str, World], name: str) -> None:
    assert [one for one in NEEDED[name] if not worlds[name].allows(*one)] == []


@pytest.mark.parametrize("name", DENIED)
def test_what_nobody_needs_is_denied(worlds: dict[str, World], name: str) -> None:
    assert [one for one in DENIED[name] if worlds[name].allows(*one)] == []


@pytest.mark.parametrize("name", NEEDED)
def test_every_namespace_is_closed_and_knows_names(worlds: dict[str, World], name: str) -> None:
    """Whatever comes into a namespace later begins with nothing, but names."""
    world = worlds[name]
    names = world.pods["kube-system/coredns"]
    for namespace in set(world.cluster.namespaces) - {"kube-system", "default"}:
        stranger = Pod(namespace, {"app": "stranger"})
        assert not world.cluster.allows(Outside(), stranger, 8080), namespace
        if namespace == "velero":
            continue  # its jobs have names of their own: all of the namespace goes to the object store
        assert not world.cluster.allows(stranger, Outside(), 443), namespace
        if namespace not in {"monitoring-nodes", "ledger"}:  # agents ask the nodes; the ledger says who may ask
            assert world.cluster.allows(stranger, names, 53, "UDP"), namespace


UNITS = {"m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def number(quantity: str) -> float:
    """Return a Kubernetes quantity as a number."""
    for unit, factor in UNITS.items():
        if quantity.endswith(unit):
            return float(quantity.removesuffix(unit)) * factor
    return float(quantity)


def asked_for(world: World, namespace: str, nodes: int) -> dict[str, float]:
    """Return what the workloads of a namespace ask for in all, in a quota's words, on that many nodes."""
    found = dict.fromkeys(("pods", "requests.cpu", "requests.memory", "limits.memory", "persistentvolumeclaims"), 0.0)
    for workload in (one for kind in WORKLOADS for one in world.of(kind, namespace)):
        replicas = nodes if workload["kind"] == "DaemonSet" else workload["spec"].get("replicas", 1)
        found["pods"] += replicas
        found["persistentvolumeclaims"] += replicas * len(workload["spec"].get("volumeClaimTemplates", ()))
        for container in workload["spec"]["template"]["spec"]["containers"]:
            for key in ("requests.cpu", "requests.memory", "limits.memory"):
                part, resource = key.split(".")
                found[key] += replicas * number(container["resources"][part][resource])
    found["persistentvolumeclaims"] += len(world.of("PersistentVolumeClaim", namespace))
    return found


@pytest.mark.parametrize("name", NEEDED)
def test_what_a_namespace_runs_fits_its_quota_and_its_limits(worlds: dict[str, World], name: str) -> None:
    """With as much again to spare, for what is replaced while it runs, and for what operators and charts add."""
    world = worlds[name]
    bounded = set(world.cluster.namespaces) - {"kube-system", "default"}
    for namespace in bounded:
        [quota] = world.of("ResourceQuota", namespace)
        for key, value in asked_for(world, namespace, nodes=5).items():
            assert 2 * value <= number(quota["spec"]["hard"][key]), f"{namespace}: {key}"
        [limits] = [one["spec"]["limits"][0]["max"] for one in world.of("LimitRange", namespace)]
        for workload in (one for kind in WORKLOADS for one in world.of(kind, namespace)):
            for container in workload["spec"]["template"]["spec"]["containers"]:
                for resource, most in limits.items():
                    where = f"{namespace}: {workload['metadata']['name']}"
                    assert number(container["resources"]["limits"][resource]) <= number(most), where
