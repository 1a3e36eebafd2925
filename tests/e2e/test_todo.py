"""The todo application with its stand-in on a real cluster.

It is seeded, applied as rendered, checked, broken, given a new password, put under load, and drained from a node.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from automation import wait
from automation.gitops.manifests import contents, render
from automation.kube import Kube, Manifest, pod_is_ready
from automation.process import run
from automation.toolchain import install, recipe
from tests.e2e.images import in_docker
from tests.e2e.nodes import BUSYBOX, CONTROL_PLANE, NAME, WORKER, Nodes

pytest_plugins = ("tests.e2e.nodes",)
pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "todo-app-prod"
TABLE = """\
resources: [../base]
patches:
  - target: {kind: ApplicationSet, name: platform}
    patch: |
      - op: replace
        path: /spec/generators/0/matrix/generators/1/list/elements
        value:
          - {application: tenants, zone: platform, namespace: todo-app-prod, path: gitops/platform/tenants/todo}
          - application: metrics-server
            zone: platform
            namespace: kube-system
            path: gitops/clusters/local/metrics-server
  - target: {kind: ApplicationSet, name: apps}
    patch: |
      - op: replace
        path: /spec/generators/0/matrix/generators/1/list/elements
        value:
          - {application: todo, zone: apps, namespace: todo-app-prod, path: gitops/clusters/workbench/todo}
"""
# What the entrance's chart brings where it can be had.
CLASS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "traefik"},
    "spec": {"controller": "traefik.io/ingress-controller"},
}

# Visitors, who come from where the entrance's NetworkPolicy lets them in.
VISITORS = "ingress"
VISIT = f"while :; do wget -qO- http://todo-backend.{NAMESPACE}:8000/api/tasks >/dev/null; done"
BUDGET = "Cannot evict pod as it would violate the pod's disruption budget"
TAINT = "node-role.kubernetes.io/control-plane"


@dataclass(frozen=True)
class Todo:
    """An environment "there" whose cluster is the shared one, and the command line on it."""

    root: Path
    kube: Kube

    def run(self, *words: str, code: int | None = 0) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "automation", *words],
            cwd=self.root,
            env={**os.environ, "DOGITOPS_ROOT": str(self.root), "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        shown = done.stdout + done.stderr
        assert code is None or done.returncode == code, shown
        return done.returncode, shown

    def until_all_is_well(self) -> str:
        """Run the checks until none fails, which takes until the autoscalers have their first numbers."""
        return self.run("verify", "there", "--wait", "400")[1]


@pytest.fixture(scope="module")
def todo(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Todo]:
    root = tmp_path_factory.mktemp("todo") / "repository"
    shutil.copytree(ROOT / "gitops", root / "gitops")
    (root / "gitops/clusters/there").mkdir()
    (root / "gitops/clusters/there/kustomization.yaml").write_text(TABLE)
    workbench = yaml.safe_load((ROOT / "opentofu/environments/workbench/environment.yaml").read_text())
    here = {
        "description": "The todo application on the cluster of the tests",
        "cluster": {"provider": "existing", "name": NAME, "kubeconfig": str(nodes.kubeconfig)},
        "state": {"bucket": "dogitops-there-state"},
        "gitops": {"path": "gitops/clusters/there"},
        "backup": {"bucket": "dogitops-there-backups", "namespaces": [NAMESPACE]},
        "checks": {**workbench["checks"], "nodes": {"min": 2, "max": 2}},
        "secrets": [one for one in workbench["secrets"] if one["namespace"] == NAMESPACE],
    }
    folder = root / "opentofu/environments/there"
    folder.mkdir(parents=True)
    (folder / "environment.yaml").write_text(yaml.safe_dump(here, sort_keys=False))
    kustomize = install.path("kustomize")
    manifests = [
        (entry.namespace, render(kustomize, root / entry.path))
        for entry in contents(kustomize, root, "gitops/clusters/there")
    ]
    images = {
        container["image"]
        for _, listed in manifests
        for one in listed
        if one["kind"] in {"Deployment", "StatefulSet", "DaemonSet"}
        for container in one["spec"]["template"]["spec"]["containers"]
    }
    assert images <= set(recipe.load().images), "what runs here is built here"
    nodes.provider.load_images(NAME, [in_docker(image) for image in sorted(images)])
    made = Todo(root, nodes.kube)
    kept = root / ".dogitops" / "there"
    kept.mkdir(parents=True)
    shutil.copy(nodes.kubeconfig, kept / "kubeconfig")
    try:
        made.run("secrets", "seed", "there")
        for namespace, listed in manifests:
            for one in listed:
                if one["kind"] == "Deployment":  # both nodes are to carry pods, and one is a control plane
                    one["spec"]["template"]["spec"]["tolerations"] = [{"key": TAINT, "operator": "Exists"}]
            nodes.kube.apply_all(listed, namespace, timeout=180)
        nodes.kube.apply(CLASS)
        yield made
    finally:
        nodes.kube.delete("v1", "Namespace", NAMESPACE)


def test_all_checks_are_well(todo: Todo) -> None:
    shown = todo.until_all_is_well()
    for check in (
        *(
            "API of the cluster",
            "nodes",
            "namespaces",
            "pods run",
            "no restarts in applications",
            "workloads have rolled out",
        ),
        *("services and their ports", "ingresses", "requests and limits of applications"),
        *("three probes of applications", "scaling by load", "frontend answers", "backend answers"),
        *("a task is made", "the API lists it", "the frontend shows it", "it is taken away again", "no errors in logs"),
    ):
        assert f" {check} " in shown
    assert "todo-backend:8000, todo-frontend:80" in shown
    assert re.search(r"event-service \d of 2 to 6, todo-backend \d+ of 3 to 10, todo-frontend \d of 3 to 6", shown)
    pods = todo.kube.list("v1", "Pod", NAMESPACE, "app.kubernetes.io/name=todo-backend")
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 2, "spread over the nodes"


def test_a_database_that_is_away_turns_the_checks_red(todo: Todo) -> None:
    kube = todo.kube
    kube.patch("apps/v1", "Deployment", "database", {"spec": {"replicas": 0}}, NAMESPACE)

    def noticed() -> bool:
        code, shown = todo.run("verify", "there", code=None)
        return code == 5 and all(
            line.startswith("!!")
            for line in shown.splitlines()
            for check in (" pods run ", " backend answers ", " a task is made ", " workloads have rolled out ")
            if check in line
        )

    wait.until(noticed, "the checks to turn red", timeout=240, interval=1)
    kube.patch("apps/v1", "Deployment", "database", {"spec": {"replicas": 1}}, NAMESPACE)


def test_a_rotated_password_is_what_everything_runs_with(todo: Todo) -> None:
    before = todo.kube.get("v1", "Secret", "redis-secret", NAMESPACE)["data"]["password"]
    wait.until(
        lambda: len(todo.kube.list("discovery.k8s.io/v1", "EndpointSlice", NAMESPACE)) and _ready(todo.kube),
        "the database to be back",
        timeout=240,
    )
    _, shown = todo.run("secrets", "rotate", "there", "redis-secret", "--yes")
    for workload in ("database", "event-service", "todo-backend"):
        assert f"Deployment {NAMESPACE}/{workload}" in shown
    assert "todo-frontend" not in shown
    assert todo.kube.get("v1", "Secret", "redis-secret", NAMESPACE)["data"]["password"] != before
    _, told = todo.run("secrets", "seed", "there")
    assert "old values" not in told
    # The old pods' logs, with the errors of the time without a database, went with them.
    assert "generated, generation 2" in told
    todo.until_all_is_well()


def test_load_brings_more_pods_and_its_end_takes_them_away(todo: Todo) -> None:
    kube = todo.kube
    scaler = ("autoscaling/v2", "HorizontalPodAutoscaler", "todo-backend")
    patient = kube.get(*scaler, NAMESPACE)["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
    hurry = {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}}
    kube.patch(*scaler, hurry, NAMESPACE)
    _settled(kube)

    def seen() -> str:
        return str(kube.get(*scaler, NAMESPACE)["status"])

    try:
        kube.apply_all(_visitors(4))
        wait.until(lambda: len(_serving(kube)) > 3, "more pods, and ready ones", timeout=600, interval=1, state=seen)
    finally:
        kube.delete("v1", "Namespace", VISITORS, timeout=200)
    assert "cpu resource utilization (percentage of request) above target" in _rescaled(kube)
    _settled(kube)
    assert "All metrics below target" in _rescaled(kube)
    hurry["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] = patient
    kube.patch(*scaler, hurry, NAMESPACE)


def test_a_drain_is_held_by_the_budget_until_another_pod_is_ready(todo: Todo, tmp_path: Path) -> None:
    kube = todo.kube
    kubectl: list[str | Path] = [install.path("kubectl"), "--kubeconfig", kube.kubeconfig]
    [(node, pods)] = Counter(pod["spec"]["nodeName"] for pod in _settled(kube)).most_common(1)
    assert pods >= 2
    told = tmp_path / "told"
    run([*kubectl, "cordon", CONTROL_PLANE, WORKER])  # no other pod can be ready while this lasts
    with told.open("w") as log:
        drain = subprocess.Popen(
            [*kubectl, "drain", node, "--pod-selector=app.kubernetes.io/name=todo-backend", "--delete-emptydir-data"],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait.until(
            lambda: drain.poll() is not None or (BUDGET in told.read_text() and len(_serving(kube)) == 2),
            "the drain to be held",
            timeout=200,
            interval=0.5,
            state=told.read_text,
        )
        assert drain.poll() is None, told.read_text()
        run([*kubectl, "uncordon", *({CONTROL_PLANE, WORKER} - {node})])
        served: list[int] = []

        def drained() -> bool:
            served.append(len(_serving(kube)))
            return drain.poll() is not None

        wait.until(drained, "the drain to go on and to end", timeout=600, interval=0.2, state=told.read_text)
        assert drain.returncode == 0, told.read_text()
        assert min(served) == 2, "never two away at once"
        assert node not in {pod["spec"]["nodeName"] for pod in _settled(kube)}
    finally:
        drain.kill()
        drain.wait(timeout=20)
        run([*kubectl, "uncordon", CONTROL_PLANE, WORKER])


def _visitors(many: int) -> Iterator[Manifest]:
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": VISITORS}}
    container = {"name": "visitors", "image": BUSYBOX, "command": ["sh", "-c", " & ".join([VISIT] * many)]}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    template = {"metadata": {"labels": {"app": "visitors"}}, "spec": spec}
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "visitors", "namespace": VISITORS},
        "spec": {"selector": {"matchLabels": {"app": "visitors"}}, "template": template},
    }


def _serving(kube: Kube) -> list[Manifest]:
    pods = kube.list("v1", "Pod", NAMESPACE, "app.kubernetes.io/name=todo-backend")
    return [pod for pod in pods if pod_is_ready(pod)]


def _settled(kube: Kube) -> list[Manifest]:
    """Wait until the backend has the three pods of a time without load, all of them ready; return them."""

    def three() -> list[Manifest]:
        wanted = kube.get("apps/v1", "Deployment", "todo-backend", NAMESPACE)["spec"]["replicas"]
        serving = _serving(kube)
        return serving if len(serving) == wanted == 3 else []

    return wait.until(three, "the backend's three pods", timeout=900, interval=0.5)


def _rescaled(kube: Kube) -> str:
    """Return why the backend's autoscaler changed the number of pods."""
    events = [one for one in kube.list("v1", "Event", NAMESPACE) if one["reason"] == "SuccessfulRescale"]
    return "\n".join(one["message"] for one in events if one["involvedObject"]["name"] == "todo-backend")


def _ready(kube: Kube) -> bool:
    backend = kube.get("apps/v1", "Deployment", "todo-backend", NAMESPACE) or {}
    return int(backend.get("status", {}).get("readyReplicas") or 0) >= 3
