"""Metrics and alerts on a real cluster with a node for monitoring: from a pod that breaks to a webhook that is told.

What is applied is what gitops/clusters/dev describes, without Grafana, whose image can't be built. Only times are
shorter than there: how often is asked, and how long something must last before it is an alert.
"""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from automation import wait
from automation.gitops.endpoints import namespace as our_namespace
from automation.gitops.manifests import Manifest, render
from automation.process import run
from automation.recovery import last_drill
from automation.recovery.evidence import Evidence
from automation.toolchain import engine, install
from tests.e2e.images import in_docker
from tests.e2e.nodes import BUSYBOX, CONTROL_PLANE, NAME, WORKER, Nodes
from tests.integration.monitoring import watched

pytest_plugins = ("tests.e2e.nodes",)
pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

ROOT = Path(__file__).resolve().parents[2]
GITOPS = ROOT / "gitops"
METRICS = yaml.safe_load((ROOT / "tests" / "fixtures" / "metrics.yaml").read_text())
HERE = ("alertmanager", "prometheus", "kube-apiserver", "kube-state-metrics", "kubelet", "cadvisor", "node-exporter")
BROKEN = "monitored"  # the namespace of what breaks
LIAR = """nc -ll -p 8080 -e sh -c 'while read -r line && [ ${#line} -gt 1 ]; do :; done
printf "HTTP/1.0 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\nits_own 1\\nvelero_backup_total 7\\n"'"""


@dataclass
class Webhook:
    """A receiver of alerts on docker's bridge, as Alertmanager calls it: all that it was told, newest last."""

    server: http.server.ThreadingHTTPServer
    told: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.server.server_address[0]!s}:{self.server.server_address[1]}/alerts"

    def firing(self, name: str) -> list[dict[str, str]]:
        """Return the labels of the alerts of a name that were told as firing."""
        return [
            alert["labels"]
            for message in self.told
            for alert in message["alerts"]
            if alert["labels"]["alertname"] == name and alert["status"] == "firing"
        ]


@pytest.fixture(scope="module")
def webhook(docker: None) -> Iterator[Webhook]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    received = Webhook(http.server.ThreadingHTTPServer((engine.bridge_address(), 0), Handler))
    thread = threading.Thread(target=received.server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    yield received
    received.server.shutdown()
    received.server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def monitored(nodes: Nodes, webhook: Webhook) -> Iterator[Nodes]:
    """Bring what is watched, and what watches it, to the shared cluster."""
    manifests = [*described("gitops/platform/observability"), *described("gitops/platform/local-storage")]
    manifests += [hurried(one) for one in described("gitops/clusters/dev/monitoring") if not is_grafanas(one)]
    images = {image for one in manifests for image in re.findall(r"'image': '([^']+)'", str(one))}
    everywhere = {image for image in images if "node-exporter" in image}
    nodes.provider.load_images(NAME, sorted(in_docker(image) for image in everywhere))
    here = sorted(in_docker(image) for image in images - everywhere)
    run([install.path("kind"), "load", "docker-image", "--name", NAME, "--nodes", WORKER, *here], timeout=600)
    nodes.kube.patch("v1", "Node", WORKER, {"metadata": {"labels": {"workload": "monitoring"}}})
    secret = {"name": "alertmanager-receiver", "namespace": "monitoring"}
    broken = list(breaking())
    try:
        nodes.kube.apply_all(broken[:1])
        wait.until(
            lambda: nodes.kube.get("v1", "ServiceAccount", "default", BROKEN), "the namespace's account", timeout=60
        )
        nodes.kube.apply_all(
            [
                *manifests,
                {"apiVersion": "v1", "kind": "Secret", "metadata": secret, "stringData": {"url": webhook.url}},
                *broken[1:],
            ]
        )
        nodes.kube.wait_for_pods("monitoring", timeout=400)
        nodes.kube.wait_for_pods("monitoring-nodes", timeout=400)
        yield nodes
    finally:
        for gone in ("monitoring", "monitoring-nodes", BROKEN, last_drill.NAMESPACE):
            nodes.kube.delete("v1", "Namespace", gone)
        nodes.kube.patch("v1", "Node", WORKER, {"metadata": {"labels": {"workload": None}}})


def described(folder: str) -> list[Manifest]:
    return render(install.path("kustomize"), ROOT / folder)


def is_grafanas(manifest: Manifest) -> bool:
    return str(manifest["metadata"]["name"]).startswith("grafana")


def hurried(manifest: Manifest) -> Manifest:
    """Make times shorter, and tell the webhook."""
    if manifest["kind"] == "ConfigMap":
        manifest["data"] = {name: quicker(text) for name, text in manifest["data"].items()}
    if manifest["kind"] == "StatefulSet" and manifest["metadata"]["name"] == "alertmanager":
        [container] = manifest["spec"]["template"]["spec"]["containers"]
        [receiver] = [one for one in container["env"] if one["name"] == "RECEIVER"]
        receiver["value"] = "webhook"
    return manifest


def quicker(text: str) -> str:
    text = re.sub(r"\bfor: (5m|10m|15m)$", "for: 2s", text, flags=re.MULTILINE)
    text = re.sub(r"(scrape_interval|evaluation_interval|scrape_timeout): \w+", r"\1: 5s", text)
    return re.sub(r"(group_wait|group_interval): \w+", r"\1: 1s", text)


def breaking() -> Iterator[Manifest]:
    """Yield a pod that ends again and again, one that does not, one that lies, and something of each kind told of."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": BROKEN}}
    for name, command in (("loop", "exit 1"), ("well", "sleep 3600"), ("liar", LIAR)):
        container: dict[str, Any] = {"name": "c", "image": BUSYBOX, "command": ["sh", "-c", command]}
        container["resources"] = {"requests": {"cpu": "1m"}, "limits": {"cpu": "100m", "memory": "16Mi"}}
        container["ports"] = [{"name": "metrics", "containerPort": 8080}] if name == "liar" else []
        spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": BROKEN}, "spec": spec}
    yield {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "quota", "namespace": BROKEN},
        "spec": {"hard": {"pods": "5"}},
    }
    yield {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "nothing", "namespace": BROKEN},
        "spec": {
            "maxReplicas": 2,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "nothing"},
        },
    }
    yield {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "done", "namespace": BROKEN},
        "spec": {
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "c", "image": BUSYBOX, "command": ["true"]}],
                }
            }
        },
    }
    yield our_namespace()
    long_ago = datetime.now(UTC) - timedelta(days=40)
    drill: dict[str, Any] = {"environment": "dev", "provider": "kind", "run": "r", "commit": "c", "backup": "b"}
    drill |= {"started": long_ago - timedelta(minutes=5), "finished": long_ago, "rto_seconds": 1, "rpo_seconds": 1}
    drill |= {"phases": [], "data": {"entries": 1, "bytes": 1}, "objects": {"compared": 1}}
    drill |= {"coverage": [{"pvc": "ledger/data-redis-0", "bytes": 1}]}
    yield last_drill.lease(Evidence.model_validate({**drill, "versions": {}, "verdict": "passed"}))


def asked(nodes: Nodes, path: str) -> Any:
    """Ask Prometheus through the API server, and return the data of its answer."""
    raw = f"/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/{path}"
    done = run([install.path("kubectl"), "--kubeconfig", nodes.kubeconfig, "get", "--raw", raw], timeout=60)
    return json.loads(done.stdout)["data"]


def value(nodes: Nodes, expression: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asked(nodes, f"query?query={quote(expression)}")["result"]
    return found


def test_what_stores_and_answers_runs_on_the_node_for_monitoring_and_collectors_on_each(monitored: Nodes) -> None:
    pods = {
        (one["metadata"]["labels"]["app.kubernetes.io/name"], one["spec"]["nodeName"])
        for space in ("monitoring", "monitoring-nodes")
        for one in monitored.kube.list("v1", "Pod", space)
    }
    assert pods == {
        ("prometheus", WORKER),
        ("alertmanager", WORKER),
        ("kube-state-metrics", WORKER),
        ("node-exporter", WORKER),
        ("node-exporter", CONTROL_PLANE),
    }


def test_prometheus_is_answered_by_all_that_there_is(monitored: Nodes) -> None:
    expected = {"prometheus": 1, "alertmanager": 1, "kube-state-metrics": 1, "kube-apiserver": 1}
    expected |= {"kubelet": 2, "cadvisor": 2, "node-exporter": 2, "pods": 3}  # two of CoreDNS, and one that lies

    def up() -> dict[str, int]:
        found = value(monitored, "sum by (job) (max_over_time(up[5m]))")
        return {one["metric"]["job"]: int(one["value"][1]) for one in found if one["metric"]["job"] != "argocd"}

    wait.until(lambda: up() == expected, "all targets to be up", timeout=300, interval=1, state=lambda: str(up()))
    [down] = value(monitored, 'count(max_over_time(up{job="argocd"}[5m]) == 0)')
    assert down["value"][1] == "4", "this cluster has no Argo CD"


def test_an_application_is_asked_but_can_t_tell_what_the_platform_is_judged_by(monitored: Nodes) -> None:
    wait.until(lambda: value(monitored, "its_own"), "what the application tells", timeout=300, interval=1)
    [own] = value(monitored, "its_own")
    assert (own["metric"]["namespace"], own["metric"]["pod"]) == (BROKEN, "liar")
    assert "__tmp_platform" not in own["metric"]
    assert value(monitored, "velero_backup_total") == [], "a backup that nobody made"
    assert value(monitored, 'count(coredns_build_info{namespace="kube-system"})'), "others are left alone"


def test_every_metric_that_rules_and_dashboards_ask_for_is_told(monitored: Nodes) -> None:
    wanted = {name for job in HERE for name in METRICS[job]}

    def missing() -> set[str]:
        names = "|".join(sorted(wanted))
        found = value(monitored, f'count by (__name__) ({{__name__=~"{names}"}})')
        return wanted - {one["metric"]["__name__"] for one in found}

    wait.until(lambda: not missing(), "all metrics", timeout=300, interval=2, state=lambda: str(missing()))


def test_a_crash_loop_reaches_the_webhook_and_a_pod_that_is_well_does_not(monitored: Nodes, webhook: Webhook) -> None:
    wait.until(lambda: webhook.firing("PodCrashLooping"), "the alert at the webhook", timeout=300, interval=0.5)
    for labels in webhook.firing("PodCrashLooping"):
        assert labels["namespace"] == BROKEN
        assert labels["pod"] == "loop"
        assert labels["severity"] == "warning"
        assert labels["environment"] == "dev", "which cluster it comes from"
    [message] = [one for one in webhook.told if one["commonLabels"].get("alertname") == "PodCrashLooping"][:1]
    assert message["receiver"] == "webhook"
    assert message["alerts"][0]["annotations"]["runbook"] == "docs/monitoring.md#podcrashlooping"


def test_a_drill_of_long_ago_reaches_the_webhook_and_a_new_one_ends_the_alert(
    monitored: Nodes, webhook: Webhook
) -> None:
    wait.until(lambda: webhook.firing("DrillTooOld"), "the alert at the webhook", timeout=300, interval=0.5)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    lease = ("coordination.k8s.io/v1", "Lease", last_drill.NAME)
    monitored.kube.patch(*lease, {"spec": {"renewTime": now}}, last_drill.NAMESPACE)

    def resolved() -> bool:
        return any(
            alert["labels"]["alertname"] == "DrillTooOld" and alert["status"] == "resolved"
            for message in webhook.told
            for alert in message["alerts"]
        )

    wait.until(resolved, "the alert to end", timeout=300, interval=0.5)


def test_every_rule_and_every_panel_can_be_answered(monitored: Nodes) -> None:
    """What parses may still fail: where two sides of an expression don't match one to one."""
    found = [rule for group in asked(monitored, "rules")["groups"] for rule in group["rules"]]
    assert len(found) > 15
    assert {rule["name"]: rule["lastError"] for rule in found if rule["health"] != "ok"} == {}
    panels = [one for file in watched.DASHBOARDS for one in watched.queries(file) if one.language == "prometheus"]
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda panel: value(monitored, panel.expression), panels)
    assert len(list(answers)) == len(panels) > 60, "an error of one would have been raised"


def test_the_watchdog_barks_to_nobody(monitored: Nodes, webhook: Webhook) -> None:
    [barks] = value(monitored, 'count(ALERTS{alertname="Watchdog",alertstate="firing"})')
    assert barks["value"][1] == "1"
    assert webhook.firing("Watchdog") == []
