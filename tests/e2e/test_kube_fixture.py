"""The fixture ``kube`` (kubetest's names on our client, see docs/kubetest.md) on a real cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.errors import DeadlineExceeded
from automation.jobs.delivery.validate import keep_schemas
from tests.e2e.nodes import CONTROL_PLANE, WORKER, Nodes
from tests.kube import Condition, TestClient, applymanifests

pytest_plugins = ("tests.e2e.nodes", "tests.kube")
pytestmark = pytest.mark.e2e

WEB = Path(__file__).with_name("manifests") / "web.yaml"
seen: list[str] = []


def test_what_is_created_is_waited_for_and_found(kube: TestClient) -> None:
    seen.append(kube.namespace)
    web = kube.load_deployment(WEB)
    assert web.namespace == kube.namespace
    kube.create(web)
    web.wait_until_created(timeout=10)
    kube.wait_until_created(web, timeout=10)
    web.wait_until_ready(timeout=120)
    assert web.is_ready()
    pods = kube.get_pods(labels={"app": "web"})
    assert sorted(pods) == sorted(pod.name for pod in web.get_pods())
    assert len(pods) == 2
    for pod in pods.values():
        assert pod.is_ready()
        assert pod.get_restart_count() == 0
        container = pod.get_container("web")
        assert container.search_logs("serving")
        assert container.execute(["cat", "/tmp/index.html"]).strip() == pod.name
    assert kube.get_services() == {}, "only the deployment was loaded from that file"


@applymanifests("manifests", files=["web.yaml"])
def test_what_was_applied_is_registered(kube: TestClient) -> None:
    seen.append(kube.namespace)
    kube.wait_for_registered(timeout=120)
    web = kube.get_services()["web"]
    both = Condition("both pods are endpoints", lambda: len(web.get_endpoints()) == 2)  # a moment after they are ready
    kube.wait_for_conditions(both, timeout=30)
    assert all(one.is_ready() for one in kube.pre_registered)


def test_each_test_has_a_namespace_of_its_own(kube: TestClient) -> None:
    assert kube.namespace not in seen
    assert kube.get_deployments() == {}
    namespaces = kube.get_namespaces()
    assert namespaces[kube.namespace].is_ready()
    for earlier in seen:
        if earlier in namespaces:
            namespaces[earlier].wait_until_deleted(timeout=120)


def test_nodes_and_conditions(kube: TestClient) -> None:
    kube.wait_for_ready_nodes(2, timeout=30)
    assert sorted(kube.get_nodes()) == [CONTROL_PLANE, WORKER]
    settings = kube.wrap(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
    )
    there = Condition("settings are there", lambda: "settings" in kube.get_configmaps())
    with pytest.raises(DeadlineExceeded, match="settings are there"):
        kube.wait_for_conditions(there, timeout=0.5, interval=0.1)
    kube.create(settings)
    kube.wait_for_conditions(there, timeout=10)
    kube.delete(settings)
    settings.wait_until_deleted(timeout=30)
    with pytest.raises(LookupError, match="does not exist"):
        settings.refresh()


def test_a_wait_that_fails_tells_the_state(kube: TestClient) -> None:
    pod = kube.wrap(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "never"},
            "spec": {
                "containers": [{"name": "a", "image": "no.such.registry.invalid/x:1", "imagePullPolicy": "Never"}]
            },
        }
    )
    kube.create(pod)
    with pytest.raises(DeadlineExceeded, match="ErrImageNeverPull"):
        pod.wait_until_ready(timeout=5)


def test_manifests_are_held_against_what_this_api_server_publishes(nodes: Nodes) -> None:
    assert keep_schemas(nodes.kube, check=True) == "kubernetes-1.34.json.xz is what this API server publishes."


def test_the_shared_cluster_goes_and_leaves_nothing(nodes: Nodes) -> None:
    nodes.release()
