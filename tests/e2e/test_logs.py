"""Logs on a real cluster with a node for monitoring: what a pod wrote is found in Loki.

What is applied is Loki as gitops/clusters/dev describes it. Its collector, Alloy, can't be built from Go modules: it is
run where its image can be pulled, and nowhere else. So that Loki is shown at work everywhere, the other tests stand in
for the collector: they read a pod's log where Alloy reads it, through the API, and hand it to Loki with the labels that
Alloy's settings name. Of Alloy itself they say nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from automation import wait
from automation.gitops.manifests import Manifest, render
from automation.kube import Kube, KubernetesError
from automation.process import run
from automation.toolchain import install
from tests.e2e.images import in_docker
from tests.e2e.nodes import BUSYBOX, NAME, WORKER, Nodes
from tests.integration.monitoring import watched

pytest_plugins = ("tests.e2e.nodes",)
pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

ROOT = Path(__file__).resolve().parents[2]
SPEAKERS = "speakers"  # the namespace of what writes lines
LINE = '{"level":"error","text":"seven apples, a quote (\\") and Zoë","speaker":"%s"}'


@pytest.fixture(scope="module")
def loki(nodes: Nodes) -> Iterator[Nodes]:
    """Bring Loki to the shared cluster, and two pods that write a line now and then."""
    kube = nodes.kube
    kube.delete("v1", "Namespace", "monitoring", timeout=400)  # what other tests left is still ending
    kube.delete("v1", "Namespace", "monitoring-nodes", timeout=400)
    folders = ("platform/observability", "platform/local-storage", "clusters/dev/loki")
    bring(nodes, [one for folder in folders for one in described(folder)])
    kube.patch("v1", "Node", WORKER, {"metadata": {"labels": {"workload": "monitoring"}}})
    try:
        kube.apply_all([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPEAKERS}}])
        wait.until(lambda: kube.get("v1", "ServiceAccount", "default", SPEAKERS), "the namespace's account", timeout=60)
        kube.apply_all([speaker("carried"), speaker("collected")])
        kube.wait_for_pods("monitoring", timeout=600)
        kube.wait_for_pods(SPEAKERS, timeout=200)
        yield nodes
    finally:
        for gone in ("monitoring", "monitoring-nodes", SPEAKERS):
            kube.delete("v1", "Namespace", gone)
        kube.patch("v1", "Node", WORKER, {"metadata": {"labels": {"workload": None}}})


def described(folder: str) -> list[Manifest]:
    return render(install.path("kustomize"), ROOT / "gitops" / folder)


def bring(nodes: Nodes, manifests: list[Manifest]) -> None:
    """Put the images of manifests into both nodes, and apply them."""
    images = {image for one in manifests for image in re.findall(r"'image': '([^']+)'", str(one))}
    nodes.provider.load_images(NAME, sorted(in_docker(image) for image in images))
    nodes.kube.apply_all(manifests, timeout=300)


def speaker(name: str) -> Manifest:
    command = f"while :; do echo '{LINE % name}'; sleep 5; done"
    container = {"name": "mouth", "image": BUSYBOX, "command": ["sh", "-c", command]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": SPEAKERS, "labels": {"app.kubernetes.io/name": "speaker"}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }


def carry(nodes: Nodes, pod: str) -> dict[str, str]:
    """Stand in for the collector: hand what a pod wrote to Loki; return its lines, by their times in nanoseconds."""
    kubectl = (install.path("kubectl"), "--kubeconfig", nodes.kubeconfig, "-n", SPEAKERS)
    written = run([*kubectl, "logs", pod, "--timestamps"]).stdout.splitlines()
    values = {nanoseconds(time): line for time, _, line in (one.partition(" ") for one in written)}
    body = {"streams": [{"stream": labels(nodes.kube, pod), "values": list(values.items())}]}
    nodes.kube.ask_service("monitoring", "loki", 3100, "/loki/api/v1/push", method="POST", body=body)
    return values


def nanoseconds(time: str) -> str:
    """Return a time of the kubelet (2026-11-22T00:10:11.123456789Z) as Loki counts."""
    whole, _, parts = time.removesuffix("Z").partition(".")
    return f"{int(datetime.fromisoformat(f'{whole}+00:00').timestamp())}{parts:0<9}"


def labels(kube: Kube, pod: str) -> dict[str, str]:
    """Return the labels that the collector's settings give to a pod's lines."""
    found = kube.get("v1", "Pod", pod, SPEAKERS)
    given = {"namespace": SPEAKERS, "pod": pod, "container": "mouth", "app": "speaker"}
    given["node"] = found["spec"]["nodeName"]
    settings = (ROOT / "gitops/platform/alloy/config.alloy").read_text()
    assert set(given) == set(re.findall(r'target_label\s*= "(\w+)"', settings))
    return given


def asked(kube: Kube, query: str) -> list[dict[str, Any]]:
    """Ask Loki for the last hour, and return the streams or series of its answer."""
    path = f"/loki/api/v1/query_range?{urlencode({'query': query, 'limit': 5000})}"
    answer = json.loads(kube.ask_service("monitoring", "loki", 3100, path))
    assert answer["status"] == "success"
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def lines(streams: list[dict[str, Any]]) -> dict[str, str]:
    return {time: line for stream in streams for time, line in stream["values"]}


def test_it_runs_on_the_node_for_monitoring(loki: Nodes) -> None:
    [pod] = loki.kube.list("v1", "Pod", "monitoring")
    assert pod["metadata"]["name"] == "loki-0"
    assert pod["spec"]["nodeName"] == WORKER


def test_a_line_that_a_pod_wrote_is_found_by_its_labels_and_words_also_after_a_restart(loki: Nodes) -> None:
    kube = loki.kube
    written = carry(loki, "carried")
    assert set(written.values()) == {LINE % "carried"}
    query = f'{{namespace="{SPEAKERS}", app="speaker"}} |= "seven apples" | json | speaker="carried"'
    found = wait.until(lambda: asked(kube, query), "the line", timeout=120, interval=1)
    assert lines(found) == written, "each line, whole, with the time at which it was written"
    assert {stream["stream"]["pod"] for stream in found} == {"carried"}
    assert asked(kube, '{namespace="elsewhere"}') == []
    assert asked(kube, f'{{namespace="{SPEAKERS}"}} |= "eight apples"') == []

    kube.delete("v1", "Pod", "loki-0", "monitoring", timeout=300)
    kube.wait_for_pods("monitoring", timeout=400)
    assert lines(wait.until(lambda: asked(kube, query), "the line, again", timeout=120, interval=1)) == written


def test_it_answers_what_dashboards_ask_when_they_are_opened(loki: Nodes) -> None:
    carry(loki, "carried")
    queries = [query for file in watched.DASHBOARDS for query in watched.opened(file)]
    assert len(queries) >= 3
    for query in queries:
        assert wait.until(lambda: asked(loki.kube, query.expression), query.where, timeout=120, interval=1)  # noqa: B023


def test_a_line_that_is_too_old_is_refused(loki: Nodes) -> None:
    body = {"streams": [{"stream": {"namespace": SPEAKERS}, "values": [["1700000000000000000", "of long ago"]]}]}
    with pytest.raises(KubernetesError, match="has timestamp too old") as refused:
        loki.kube.ask_service("monitoring", "loki", 3100, "/loki/api/v1/push", method="POST", body=body)
    assert refused.value.status == 400


@pytest.mark.skipif(
    "not __import__('automation.toolchain.images', fromlist=['x']).upstream_reachable()",
    reason="Alloy's image docker.io/grafana/alloy can't be pulled from here, and it can't be built from Go modules",
)
def test_the_collector_carries_what_a_pod_writes(loki: Nodes) -> None:
    kube = loki.kube
    bring(loki, described("platform/alloy"))
    kube.wait_for_pods("monitoring", "app.kubernetes.io/name=alloy", timeout=600)
    query = f'{{namespace="{SPEAKERS}", pod="collected"}} |= "seven apples"'
    [stream] = wait.until(lambda: asked(kube, query), "a line that nobody else carried", timeout=300, interval=1)
    assert set(lines([stream]).values()) == {LINE % "collected"}
    given = labels(kube, "collected")
    assert {name: stream["stream"].get(name) for name in given} == given
