"""The settings of Prometheus, Alertmanager and the rest, as their own tools and each other see them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.monitoring.watched import PLATFORM, ROOT

ALERTMANAGER = PLATFORM / "alertmanager"


def test_prometheus_takes_its_settings(promtool: Path) -> None:
    file = PLATFORM / "prometheus" / "prometheus.yaml"
    done = run(promtool, "check", "config", "--syntax-only", "--lint=all", "--lint-fatal", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_loki_takes_its_settings(loki: Path) -> None:
    done = run(loki, "-verify-config", f"-config.file={PLATFORM / 'loki' / 'loki.yaml'}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("receiver", ["nobody", "webhook"])
def test_alertmanager_takes_its_settings(receiver: str, amtool: Path) -> None:
    done = run(amtool, "check-config", ALERTMANAGER / f"{receiver}.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("labels", "nobody", "webhook"),
    [
        (("alertname=PodCrashLooping", "severity=warning"), "nobody", "webhook"),
        (("alertname=NodeNotReady", "severity=critical"), "nobody", "webhook"),
        (("alertname=Watchdog", "severity=none"), "nobody", "nobody"),
    ],
)
def test_alerts_go_to_their_receiver(labels: tuple[str, ...], nobody: str, webhook: str, amtool: Path) -> None:
    for settings, expected in (("nobody", nobody), ("webhook", webhook)):
        file = ALERTMANAGER / f"{settings}.yaml"
        done = run(
            amtool, "config", "routes", "test", f"--config.file={file}", f"--verify.receivers={expected}", *labels
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_both_settings_of_alertmanager_differ_in_the_receiver_alone() -> None:
    one, two = (yaml.safe_load((ALERTMANAGER / f"{name}.yaml").read_text()) for name in ("nobody", "webhook"))
    assert two["route"].pop("receiver") == "webhook"
    assert one["route"].pop("receiver") == "nobody"
    assert two["receivers"].pop() == {
        "name": "webhook",
        "webhook_configs": [{"url_file": "/etc/alertmanager-receiver/url", "send_resolved": True}],
    }
    assert one == two


def test_each_scraped_name_is_a_service_with_that_port() -> None:
    settings = yaml.safe_load((PLATFORM / "prometheus" / "prometheus.yaml").read_text())
    targets = [
        target
        for job in settings["scrape_configs"]
        for static in job.get("static_configs", ())
        for target in static["targets"]
    ]
    ours = {
        (one["metadata"]["name"], port["port"])
        for component in ("prometheus", "alertmanager", "kube-state-metrics")
        for one in yaml.safe_load_all((PLATFORM / component / "server.yaml").read_text())
        if one["kind"] == "Service"
        for port in one["spec"]["ports"]
    }
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    argocd = {
        (f"{one['metadata']['name']}.argocd.svc", port["port"])
        for one in yaml.load_all((PLATFORM / "argocd" / "upstream.yaml").read_text(), loader)
        if one and one["kind"] == "Service"
        for port in one["spec"]["ports"]
    }
    there = ours | argocd | {("localhost", 9090), ("kubernetes.default.svc", 443)}
    assert len(targets) >= 8
    assert {(name, int(port)) for name, _, port in (target.partition(":") for target in targets)} <= there


def test_what_is_exported_is_what_may_be_read() -> None:
    """Each kind that kube-state-metrics is told to export is one that it may list, and no other."""
    server = (PLATFORM / "kube-state-metrics" / "server.yaml").read_text()
    asked = set(re.findall(r"--resources=(\S+)", server)[0].split(","))
    roles = yaml.safe_load_all((PLATFORM / "kube-state-metrics" / "rbac.yaml").read_text())
    [role] = [one for one in roles if one["kind"] == "ClusterRole"]
    assert asked == {name for rule in role["rules"] for name in rule["resources"]}
    assert not asked & {"secrets", "configmaps"}, "what they hold would pass through it"


def test_nobody_here_may_change_anything() -> None:
    for component in ("prometheus", "kube-state-metrics", "alloy"):
        for one in yaml.safe_load_all((PLATFORM / component / "rbac.yaml").read_text()):
            verbs = {verb for rule in one.get("rules", ()) for verb in rule["verbs"]}
            assert verbs <= {"get", "list", "watch"}, component
            assert not any("secrets" in rule.get("resources", ()) for rule in one.get("rules", ())), component


@pytest.mark.parametrize("cluster", ["dev", "staging"])
def test_what_stores_and_answers_runs_on_the_nodes_for_monitoring_alone(cluster: str, kustomize: Path) -> None:
    pool = {"key": "workload", "operator": "Equal", "value": "monitoring", "effect": "NoSchedule"}
    assert "modules/prototype" in (ROOT / "opentofu" / "environments" / cluster / "main.tf").read_text()
    main = (ROOT / "opentofu" / "modules" / "prototype" / "main.tf").read_text()
    assert 'taints = [{ key = "workload", value = "monitoring", effect = "NoSchedule" }]' in main
    found = [one for part in ("monitoring", "loki") for one in rendered(kustomize, cluster, part)]
    stores = [one for one in found if one["kind"] in {"Deployment", "StatefulSet"}]
    names = {one["metadata"]["name"] for one in stores}
    assert names == {"prometheus", "alertmanager", "kube-state-metrics", "grafana", "loki"}
    for one in stores:
        spec = one["spec"]["template"]["spec"]
        assert spec["tolerations"] == [pool], one["metadata"]["name"]
        [term] = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        assert term == {"matchExpressions": [{"key": "workload", "operator": "In", "values": ["monitoring"]}]}


@pytest.mark.parametrize("cluster", ["todo", "production", "workbench"])
def test_clusters_without_such_nodes_ask_for_none(cluster: str, kustomize: Path) -> None:
    found = rendered(kustomize, cluster, "monitoring")
    assert not [one for one in found if "affinity" in one.get("spec", {}).get("template", {}).get("spec", {})]


@pytest.mark.parametrize("cluster", ["dev", "staging", "todo", "production", "workbench"])
def test_alerts_say_which_cluster_they_come_from(cluster: str, kustomize: Path) -> None:
    [server] = [one for one in rendered(kustomize, cluster, "monitoring") if one["metadata"]["name"] == "prometheus"
                and one["kind"] == "StatefulSet"]  # fmt: skip
    [container] = server["spec"]["template"]["spec"]["containers"]
    assert {"name": "ENVIRONMENT", "value": cluster} in container["env"]


def test_every_node_has_its_collectors() -> None:
    for file in ("alloy/agent.yaml", "node-exporter/agent.yaml"):
        [agent] = [one for one in yaml.safe_load_all((PLATFORM / file).read_text()) if one["kind"] == "DaemonSet"]
        assert agent["spec"]["template"]["spec"]["tolerations"] == [{"operator": "Exists", "effect": "NoSchedule"}]


def rendered(kustomize: Path, cluster: str, part: str) -> list[dict[str, Any]]:
    done = run(kustomize, "build", ROOT / "gitops" / "clusters" / cluster / part)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, timeout=60)
