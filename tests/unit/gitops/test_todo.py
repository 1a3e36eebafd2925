"""The todo application as its design wants it, on the clusters that run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from automation import environment
from automation.gitops.manifests import Manifest, render

ROOT = Path(__file__).parents[3]
CLUSTERS = ("todo", "workbench")
PARTS = {"todo-backend": (3, 8000), "todo-frontend": (3, 80), "event-service": (2, 8001)}


@pytest.fixture(scope="module", params=CLUSTERS)
def todo(request: pytest.FixtureRequest, kustomize: Path) -> list[Manifest]:
    return render(kustomize, ROOT / "gitops" / "clusters" / request.param / "todo")


def named(todo: list[Manifest], kind: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one["spec"] for one in todo if one["kind"] == kind}


def test_replicas_are_those_of_the_design_and_the_autoscalers(todo: list[Manifest]) -> None:
    scaled = named(todo, "HorizontalPodAutoscaler")
    assert {name: one["minReplicas"] for name, one in scaled.items()} == {name: it[0] for name, it in PARTS.items()}
    for name, one in scaled.items():
        assert one["maxReplicas"] > one["minReplicas"]
        assert one["scaleTargetRef"]["name"] == name
        assert "replicas" not in named(todo, "Deployment")[name], "Argo CD and the autoscaler would both set them"


def test_ports_are_those_of_the_design(todo: list[Manifest]) -> None:
    services = named(todo, "Service")
    assert {name: services[name]["ports"][0]["port"] for name in PARTS} == {name: it[1] for name, it in PARTS.items()}
    for name, (_, port) in PARTS.items():
        [container] = named(todo, "Deployment")[name]["template"]["spec"]["containers"]
        assert container["ports"] == [{"name": "http", "containerPort": port}]
    [ingress] = named(todo, "Ingress").values()
    paths = {path["path"]: path["backend"]["service"]["name"] for path in ingress["rules"][0]["http"]["paths"]}
    assert paths == {"/api": "todo-backend", "/": "todo-frontend"}


def test_every_part_survives_the_loss_of_a_node(todo: list[Manifest]) -> None:
    budgets = named(todo, "PodDisruptionBudget")
    for name in PARTS:
        spec = named(todo, "Deployment")[name]
        labels = spec["template"]["metadata"]["labels"]
        assert budgets[name]["maxUnavailable"] == 1
        assert budgets[name]["selector"]["matchLabels"].items() <= labels.items()
        [spread] = spec["template"]["spec"]["topologySpreadConstraints"]
        assert (spread["maxSkew"], spread["topologyKey"]) == (1, "kubernetes.io/hostname")
        assert spread["labelSelector"]["matchLabels"].items() <= labels.items()
        assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_every_part_has_three_probes_requests_and_limits(todo: list[Manifest]) -> None:
    for name in PARTS:
        [container] = named(todo, "Deployment")[name]["template"]["spec"]["containers"]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
        assert container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] == 120
        assert set(container["resources"]["requests"]) == set(container["resources"]["limits"]) == {"cpu", "memory"}


def test_images_come_from_the_registry_pinned_and_with_its_secret(todo: list[Manifest]) -> None:
    for name in PARTS:
        pod = named(todo, "Deployment")[name]["template"]["spec"]
        registry = "registry.digitalocean.com/dogitops-todo-registry"
        assert pod["containers"][0]["image"] == f"{registry}/{name}:1.0.0"
        assert pod["serviceAccountName"] == "todo"
    [account] = [one for one in todo if one["kind"] == "ServiceAccount"]
    assert account["imagePullSecrets"] == [{"name": "registry"}]
    assert account["automountServiceAccountToken"] is False


def test_secrets_are_read_and_never_written_down(todo: list[Manifest]) -> None:
    assert not [one for one in todo if one["kind"] == "Secret"]
    [backend] = named(todo, "Deployment")["todo-backend"]["template"]["spec"]["containers"]
    read = {
        one["name"]: (one["valueFrom"]["secretKeyRef"]["name"], one["valueFrom"]["secretKeyRef"]["key"])
        for one in backend["env"]
        if "valueFrom" in one
    }
    assert read == {
        "DATABASE_URL": ("database-secret", "url"),
        "OPENAI_API_KEY": ("openai-secret", "api-key"),
        "REDIS_PASSWORD": ("redis-secret", "password"),
    }


def test_the_production_cluster_has_tls_and_dapr_and_names_kafkas_topic(kustomize: Path) -> None:
    todo = render(kustomize, ROOT / "gitops/clusters/todo/todo")
    [ingress] = [one for one in todo if one["kind"] == "Ingress"]
    assert ingress["spec"]["tls"][0]["hosts"] == [ingress["spec"]["rules"][0]["host"]]
    assert ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"].startswith("letsencrypt-")
    for name, (_, port) in PARTS.items():
        told = named(todo, "Deployment")[name]["template"]["metadata"].get("annotations", {})
        wanted = (None, None) if name == "todo-frontend" else (name, str(port))
        assert (told.get("dapr.io/app-id"), told.get("dapr.io/app-port")) == wanted
    [topic] = [one for one in render(kustomize, ROOT / "gitops/platform/kafka") if one["kind"] == "KafkaTopic"]
    assert named(todo, "Subscription")["task-events"]["topic"] == topic["metadata"]["name"]
    pubsub = named(todo, "Component")["events"]
    assert {one["name"]: one["value"] for one in pubsub["metadata"]}["brokers"].startswith(
        "todo-kafka-bootstrap.kafka."
    )


def test_the_environments_declare_the_secrets_and_what_is_checked() -> None:
    for name, file in (("todo", "environment.example.yaml"), ("workbench", "environment.yaml")):
        path = ROOT / "opentofu" / "environments" / name / file
        told = environment.read(path.read_text(), name, file)
        ours = {one.name: set(one.keys) for one in told.secrets if one.namespace == "todo-app-prod"}
        wanted = {"database-secret": {"url"}, "openai-secret": {"api-key"}, "redis-secret": {"password"}}
        assert ours.items() >= wanted.items()
        assert told.checks.application is not None
        assert told.checks.application.ingress == "todo-app-prod/todo-app"
        assert "todo-app-prod" in told.backup.namespaces


def test_the_stand_ins_are_the_images_that_are_pinned() -> None:
    built = yaml.safe_load((ROOT / "automation/toolchain/images.yaml").read_text())["images"]
    for name, (_, port) in PARTS.items():
        recipe = built[f"registry.digitalocean.com/dogitops-todo-registry/{name}:1.0.0"]
        assert recipe["ports"] == [port]
