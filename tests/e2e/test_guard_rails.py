"""The bounds of every namespace on a real cluster: its own pods come in, and what goes beyond is refused.

Namespaces are made under other names (the cluster is shared), and pods are asked for without being made: admission
answers all the same.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from automation import wait
from automation.gitops.manifests import Manifest, render
from automation.toolchain import install
from tests.e2e.nodes import Nodes

pytest_plugins = ("tests.e2e.nodes",)
pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

ROOT = Path(__file__).parents[2]
PLATFORM = ROOT / "gitops" / "platform"
PREFIX = "rails-"
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet"}

# Which components put pods into which namespace. Those of vendors' charts are not to be had here.
BOUNDED = {
    "argocd": ["argocd"],
    "velero": ["velero"],
    "local-storage": ["local-storage"],
    "digitalocean": ["csi", "ccm", "snapshot-controller"],
    "ledger": ["../apps/ledger"],
    "todo": ["../apps/todo"],
}


@dataclass
class Rails:
    """The namespaces as their tenants' folders bound them, and the pods that belong there, by tenant."""

    kubectl: Path
    kubeconfig: Path
    pods: dict[str, list[Manifest]] = field(default_factory=dict)
    namespaces: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str, given: object = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.kubectl, "--kubeconfig", self.kubeconfig, *words],
            input=None if given is None else json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def asked(self, tenant: str, *manifests: Manifest) -> str:
        """Return why the API refuses one of the manifests in the tenant's namespace; empty where it takes all."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        done = self.run("create", "--dry-run=server", "-n", self.namespaces[tenant], "-f", "-", given=items)
        return "" if done.returncode == 0 else done.stderr


def pod(name: str, spec: dict[str, Any]) -> Manifest:
    """Return a pod, with the one account that is always there."""
    spec = {**spec, "serviceAccountName": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def pod_of(workload: Manifest) -> Manifest:
    """Return a pod as a workload's controller asks for it; volumes that are claimed are empty ones."""
    spec = workload["spec"]["template"]["spec"]
    claimed = [one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", ())]
    volumes = [*spec.get("volumes", ()), *({"name": name, "emptyDir": {}} for name in claimed)]
    return pod(workload["metadata"]["name"], {**spec, "volumes": volumes})


def small(**more: object) -> dict[str, Any]:
    """Return the pod specification that the level "restricted" asks for, at least."""
    return {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "one",
                "image": "registry.example/one:1",
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                **more,
            }
        ],
    }


@pytest.fixture(scope="module")
def rails(nodes: Nodes) -> Iterator[Rails]:
    kustomize = install.path("kustomize")
    made = Rails(install.path("kubectl"), nodes.kubeconfig)
    wanted: list[Manifest] = []
    for tenant, components in BOUNDED.items():
        bounds = render(kustomize, PLATFORM / "tenants" / tenant)
        own = [one for component in components for one in render(kustomize, (PLATFORM / component).resolve())]
        others = render(kustomize, PLATFORM / "tenants") if tenant == "ledger" else []
        [namespace] = [one for one in (*bounds, *own, *others) if one["kind"] == "Namespace"]
        made.namespaces[tenant] = PREFIX + tenant
        wanted.append({**namespace, "metadata": {**namespace["metadata"], "name": PREFIX + tenant}})
        wanted += [
            {**one, "metadata": {**one["metadata"], "namespace": PREFIX + tenant}}
            for one in bounds
            if one["kind"] in {"ResourceQuota", "LimitRange", "NetworkPolicy"}
        ]
        made.pods[tenant] = [pod_of(one) for one in own if one["kind"] in WORKLOADS]
    try:
        done = made.run(
            "apply", "--server-side", "-f", "-", given={"apiVersion": "v1", "kind": "List", "items": wanted}
        )
        assert done.returncode == 0, done.stderr

        def counted() -> bool:
            accounts = nodes.kube.list("v1", "ServiceAccount")
            quotas = nodes.kube.list("v1", "ResourceQuota")
            ready = {one["metadata"]["namespace"] for one in quotas if one.get("status", {}).get("hard")}
            ready &= {one["metadata"]["namespace"] for one in accounts if one["metadata"]["name"] == "default"}
            return set(made.namespaces.values()) <= ready

        wait.until(counted, "the namespaces to be counted", timeout=120)
        yield made
    finally:
        made.run("delete", "namespace", "--wait=false", "--ignore-not-found", *made.namespaces.values())


@pytest.mark.parametrize("tenant", BOUNDED)
def test_its_own_pods_come_in(rails: Rails, tenant: str) -> None:
    assert rails.pods[tenant]
    assert rails.asked(tenant, *rails.pods[tenant]) == ""


RESTRICTED = ["argocd", "ledger", "todo"]


@pytest.mark.parametrize("tenant", RESTRICTED)
def test_pods_that_could_leave_their_container_are_refused(rails: Rails, tenant: str) -> None:
    assert rails.asked(tenant, pod("small", small())) == ""
    privileged = small(securityContext={"privileged": True})
    assert "violates PodSecurity" in rails.asked(tenant, pod("privileged", privileged))
    host = {**small(), "volumes": [{"name": "host", "hostPath": {"path": "/"}}]}
    assert "violates PodSecurity" in rails.asked(tenant, pod("host", host))
    assert "violates PodSecurity" in rails.asked(tenant, pod("network", {**small(), "hostNetwork": True}))


@pytest.mark.parametrize("tenant", BOUNDED)
def test_what_asks_for_too_much_is_refused(rails: Rails, tenant: str) -> None:
    large = small(resources={"requests": {"memory": "1Mi"}, "limits": {"memory": "1Ti"}})
    assert "maximum memory usage per Container" in rails.asked(tenant, pod("large", large))
    # Each of them may be; more of them than the namespace has room for may not.
    each = {"requests": {"cpu": "2", "memory": "1Mi"}, "limits": {"cpu": "2", "memory": "2Mi"}}
    many = {
        **small(),
        "containers": [{**small(resources=each)["containers"][0], "name": f"n{one}"} for one in range(5)],
    }
    assert "exceeded quota" in rails.asked(tenant, pod("many", many))


@pytest.mark.parametrize("tenant", BOUNDED)
def test_nobody_but_the_entrance_makes_a_load_balancer(rails: Rails, tenant: str) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "one"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    }
    assert "exceeded quota" in rails.asked(tenant, service)


def test_who_asks_for_nothing_gets_limits(rails: Rails) -> None:
    answer = rails.run(
        *("create", "--dry-run=server", "-n", rails.namespaces["todo"], "-o", "json", "-f", "-"),
        given=pod("one", small()),
    )
    [container] = json.loads(answer.stdout)["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "500m", "memory": "256Mi"}
    assert container["resources"]["requests"] == {"cpu": "10m", "memory": "32Mi"}


VIEWERS, OPERATORS = "oidc:dogitops:viewers", "oidc:dogitops:operators"


@pytest.fixture(scope="module")
def people(rails: Rails) -> Iterator[None]:
    roles = {"apiVersion": "v1", "kind": "List", "items": render(install.path("kustomize"), PLATFORM / "people")}
    done = rails.run("apply", "--server-side", "-f", "-", given=roles)
    assert done.returncode == 0, done.stderr
    yield
    rails.run("delete", "--ignore-not-found", "-f", "-", given=roles)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("group", "what", "may"),
    [
        (VIEWERS, "get pods", True),
        (VIEWERS, "get nodes", True),
        (VIEWERS, "get secrets", False),
        (VIEWERS, "delete pods", False),
        (OPERATORS, "get deployments.apps", True),
        (OPERATORS, "delete pods", True),
        (OPERATORS, "create pods --subresource=eviction", True),
        (OPERATORS, "patch nodes", True),
        (OPERATORS, "get secrets", False),
        (OPERATORS, "create pods --subresource=exec", False),
        (OPERATORS, "patch deployments.apps", False),
        (OPERATORS, "create clusterrolebindings.rbac.authorization.k8s.io", False),
        ("oidc:system:masters", "get pods", False),
    ],
)
def test_people_may_what_their_group_is_for(rails: Rails, group: str, what: str, *, may: bool) -> None:
    asked = rails.run("auth", "can-i", *what.split(), "-A", "--as", "oidc:somebody", "--as-group", group)
    assert (asked.stdout.strip() == "yes") is may, asked.stderr
