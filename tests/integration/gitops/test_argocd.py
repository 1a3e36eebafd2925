from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.errors import ConfigurationError, DeadlineExceeded
from automation.gitops import argocd
from automation.gitops.installation import API, bootstrap_manifests, cluster_secret
from tests.integration.kube.cluster import Cluster, Manifest

ROOT = Path(__file__).parents[3]
COMMIT = "a" * 40


def application(api: Cluster, name: str, zone: str = "platform", *, automated: bool = True, **status: Any) -> Manifest:
    told = {"sync": {"status": "Synced", "revision": COMMIT}, "health": {"status": "Healthy"}, **status}
    spec = {"syncPolicy": {"automated": {"enabled": automated}}, "destination": {"namespace": name}}
    labels = {"labels": {"dogitops.io/zone": zone}}
    return api.put(API, "Application", name, "argocd", metadata=labels, spec=spec, status=told)


def table_of_contents(api: Cluster, zone: str, *names: str) -> None:
    elements = [{"application": name, "zone": zone, "namespace": name, "path": name} for name in names]
    generators = [{"matrix": {"generators": [{"clusters": {}}, {"list": {"elements": elements}}]}}]
    api.put(API, "ApplicationSet", zone, "argocd", spec={"generators": generators})


def cluster(api: Cluster, automation: str = "enabled") -> None:
    secret = cluster_secret("local", "http://git/repository.git", "HEAD", automation)
    api.put("v1", "Secret", "in-cluster", "argocd", metadata=secret["metadata"])


def whole(api: Cluster) -> None:
    cluster(api)
    table_of_contents(api, "platform", "velero")
    table_of_contents(api, "charts")
    table_of_contents(api, "apps", "ledger")
    application(api, "root", "bootstrap")
    application(api, "velero")
    application(api, "ledger", "apps")


def test_there_are_no_applications_before_argo_cd_is_installed(api: Cluster) -> None:
    del api.kinds[API]
    assert argocd.applications(api.kube) == []


def test_all_done(api: Cluster) -> None:
    whole(api)
    done = argocd.wait_until_synced(api.kube, timeout=0)
    assert [state.name for state in done] == ["ledger", "root", "velero"]
    assert argocd.wait_until_synced(api.kube, timeout=0, revision=COMMIT) == done


def test_an_application_that_is_not_made_yet_is_waited_for(api: Cluster) -> None:
    whole(api)
    table_of_contents(api, "apps", "ledger", "shop")
    with pytest.raises(DeadlineExceeded, match=r"3 of 4 applications; shop is missing"):
        argocd.wait_until_synced(api.kube, timeout=0)


def test_a_table_of_contents_that_is_not_there_yet_is_waited_for(api: Cluster) -> None:
    cluster(api)
    application(api, "root", "bootstrap")
    with pytest.raises(DeadlineExceeded, match="ApplicationSet platform is missing"):
        argocd.wait_until_synced(api.kube, timeout=0)


def test_what_is_not_healthy_is_named_with_its_reason(api: Cluster) -> None:
    whole(api)
    unhealthy = {"status": "Progressing", "message": "Waiting for rollout"}
    application(
        api,
        "velero",
        health={"status": "Progressing"},
        resources=[
            {"kind": "DaemonSet", "name": "node-agent", "health": unhealthy},
            {"kind": "Service", "name": "fine", "health": {"status": "Healthy"}},
        ],
    )
    conditions = [{"type": "Ready", "status": "False"}]
    waiting = {"waiting": {"reason": "ImagePullBackOff"}}
    api.put("v1", "Pod", "node-agent-x", "velero", status={"conditions": conditions, "containerStatuses": []})
    api.find("Pod", "node-agent-x")["status"]["containerStatuses"] = [{"state": waiting}]
    with pytest.raises(DeadlineExceeded) as caught:
        argocd.wait_until_synced(api.kube, timeout=0)
    assert "velero is Synced, Progressing (DaemonSet node-agent is Progressing: Waiting for rollout)" in str(
        caught.value
    )
    assert "velero/node-agent-x: ImagePullBackOff" in str(caught.value)
    assert "fine" not in str(caught.value)


def test_an_older_commit_is_not_enough(api: Cluster) -> None:
    whole(api)
    application(api, "ledger", "apps", sync={"status": "Synced", "revision": "b" * 40})
    with pytest.raises(DeadlineExceeded, match="ledger is at bbbbbbbb"):
        argocd.wait_until_synced(api.kube, timeout=0, revision=COMMIT)


def test_a_running_operation_is_waited_for(api: Cluster) -> None:
    whole(api)
    application(api, "ledger", "apps", operationState={"phase": "Running", "message": "applying"})
    with pytest.raises(DeadlineExceeded, match=r"ledger is Synced, Healthy, syncing \(applying\)"):
        argocd.wait_until_synced(api.kube, timeout=0)


def test_argo_cd_is_asked_to_look_again_after_an_error(api: Cluster) -> None:
    """It came up before what it needs; by itself it looks again only at its next interval."""
    whole(api)
    error = {"type": "ComparisonError", "message": "dial tcp: connection refused"}
    application(api, "root", "bootstrap", sync={"status": "Unknown"}, conditions=[error])
    application(api, "velero", health={"status": "Progressing"})
    with pytest.raises(DeadlineExceeded, match=r"root is Unknown, Healthy \(dial tcp: connection refused\)"):
        argocd.wait_until_synced(api.kube, timeout=0)
    assert api.writes == [("PATCH", "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/root")]
    assert api.find("Application", "root")["metadata"]["annotations"] == {"argocd.argoproj.io/refresh": "normal"}


def test_only_what_is_expected_is_waited_for(api: Cluster) -> None:
    whole(api)
    application(api, "ledger", "apps", health={"status": "Degraded"})
    assert [one.name for one in argocd.wait_until_synced(api.kube, ["velero"], timeout=0)] == ["velero"]


def test_a_paused_zone_is_not_waited_for(api: Cluster) -> None:
    whole(api)
    application(api, "ledger", "apps", automated=False, sync={"status": "OutOfSync"})
    argocd.pause_apps(api.kube, timeout=0)
    assert [one.name for one in argocd.wait_until_synced(api.kube, timeout=0)] == ["root", "velero"]


def test_pausing_waits_for_the_controller_to_follow(api: Cluster) -> None:
    whole(api)
    with pytest.raises(DeadlineExceeded, match="the applications to be paused"):
        argocd.pause_apps(api.kube, timeout=0)
    assert api.find("Secret", "in-cluster")["metadata"]["annotations"]["dogitops.io/apps-automation"] == "paused"
    timer = threading.Timer(0.3, application, (api, "ledger", "apps"), {"automated": False})
    timer.start()
    assert argocd.pause_apps(api.kube, timeout=10) == ["ledger"]
    assert argocd.apps_paused(api.kube)
    # A sync that was under way when the zone was paused could still overwrite what is being restored.
    application(api, "ledger", "apps", automated=False, operationState={"phase": "Running"})
    with pytest.raises(DeadlineExceeded):
        argocd.pause_apps(api.kube, timeout=0)


def test_resuming_waits_for_the_controller_to_follow(api: Cluster) -> None:
    whole(api)
    application(api, "ledger", "apps", automated=False)
    with pytest.raises(DeadlineExceeded, match="the applications to be enabled"):
        argocd.resume_apps(api.kube, timeout=0)
    application(api, "ledger", "apps")
    assert argocd.resume_apps(api.kube, timeout=0) == ["ledger"]
    assert not argocd.apps_paused(api.kube)


def test_a_cluster_without_argo_cd_can_not_be_paused(api: Cluster) -> None:
    with pytest.raises(ConfigurationError, match="does not know its cluster"):
        argocd.pause_apps(api.kube)


def test_refresh_asks_at_once(api: Cluster) -> None:
    application(api, "ledger", "apps")
    argocd.refresh(api.kube, "ledger")
    assert api.find("Application", "ledger")["metadata"]["annotations"] == {"argocd.argoproj.io/refresh": "normal"}


def test_handing_over_fills_in_the_cluster(api: Cluster) -> None:
    argocd.hand_over(api.kube, ROOT, "local", url="http://elsewhere/repository.git", revision="main")
    source = api.find("Application", "root")["spec"]["source"]
    assert source == {
        "repoURL": "http://elsewhere/repository.git",
        "targetRevision": "main",
        "path": "gitops/clusters/local",
    }
    assert api.find("AppProject", "bootstrap")["spec"]["sourceRepos"] == ["http://elsewhere/repository.git"]


def test_by_default_bootstrap_is_what_stands_in_git() -> None:
    project, root = bootstrap_manifests(
        ROOT, "gitops/clusters/local", "http://git.dogitops-system.svc.cluster.local/repository.git", "HEAD"
    )
    assert project == yaml.safe_load((ROOT / "gitops/bootstrap/project.yaml").read_text())
    assert root == yaml.safe_load((ROOT / "gitops/bootstrap/root.yaml").read_text())


def test_a_cluster_that_git_does_not_describe_is_refused(api: Cluster) -> None:
    with pytest.raises(ConfigurationError, match="gitops/clusters/nowhere"):
        argocd.hand_over(api.kube, ROOT, "nowhere")


def small_argocd(root: Path) -> None:
    """Write a repository whose Argo CD is two objects, and whose table of contents has one line."""
    own = root / "gitops/clusters/small/argocd"
    own.mkdir(parents=True)
    (own / "all.yaml").write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: argocd}\n---\n"
        "apiVersion: v1\nkind: Secret\nmetadata: {name: argocd-secret, namespace: argocd}\ntype: Opaque\n"
    )
    (own / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    own_entry = {"application": "argocd", "zone": "platform", "namespace": "argocd"}
    elements = [{**own_entry, "path": "gitops/clusters/small/argocd"}]
    generators = [{"matrix": {"generators": [{"list": {"elements": elements}}]}}]
    one = {"apiVersion": API, "kind": "ApplicationSet", "metadata": {"name": "platform"}}
    (own.parent / "sets.yaml").write_text(yaml.safe_dump({**one, "spec": {"generators": generators}}))
    (own.parent / "kustomization.yaml").write_text("resources: [sets.yaml]\n")


def test_what_is_installed_is_as_argo_cd_would_apply_it(api: Cluster, kustomize: Path, tmp_path: Path) -> None:
    small_argocd(tmp_path)
    argocd.install(api.kube, tmp_path, "small", kustomize=kustomize)
    marks = {
        kind: api.find(kind, name)["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"]
        for kind, name in (("Namespace", "argocd"), ("Secret", "argocd-secret"))
    }
    assert marks == {"Namespace": "argocd:/Namespace:argocd/argocd", "Secret": "argocd:/Secret:argocd/argocd-secret"}
    assert api.managers["/api/v1/namespaces/argocd"] == "argocd-controller"
    assert api.managers["/api/v1/namespaces/argocd/secrets/in-cluster"] == "dogitops"


def test_installing_again_keeps_keys_and_the_pause(api: Cluster, kustomize: Path, tmp_path: Path) -> None:
    small_argocd(tmp_path)
    argocd.install(api.kube, tmp_path, "small", kustomize=kustomize)
    redis, own = (api.find("Secret", name)["data"] for name in ("argocd-redis", "argocd-secret"))
    assert set(redis) == {"auth"}
    assert set(own) == {"server.secretkey"}
    told = api.find("Secret", "in-cluster")["metadata"]
    assert told["labels"]["argocd.argoproj.io/secret-type"] == "cluster"
    assert told["labels"]["dogitops.io/environment"] == "small"
    assert told["annotations"]["dogitops.io/apps-automation"] == "enabled"

    argocd.install(api.kube, tmp_path, "small", kustomize=kustomize, apps_automation="paused")
    argocd.install(api.kube, tmp_path, "small", kustomize=kustomize)
    assert api.find("Secret", "in-cluster")["metadata"]["annotations"]["dogitops.io/apps-automation"] == "paused"
    assert api.find("Secret", "argocd-redis")["data"] == redis
    assert api.find("Secret", "argocd-secret")["data"] == own


def test_a_table_of_contents_without_argo_cd_is_refused(api: Cluster, kustomize: Path, tmp_path: Path) -> None:
    small_argocd(tmp_path)
    sets = tmp_path / "gitops/clusters/small/sets.yaml"
    sets.write_text(sets.read_text().replace("application: argocd", "application: other"))
    with pytest.raises(ConfigurationError, match="no entry 'argocd'"):
        argocd.install(api.kube, tmp_path, "small", kustomize=kustomize)


def test_namespaces_of_all_entries_come_before_what_stands_in_them(
    api: Cluster, kustomize: Path, tmp_path: Path
) -> None:
    small_argocd(tmp_path)
    texts = {
        "rules": "apiVersion: v1\nkind: Secret\nmetadata: {name: rules, namespace: late}\n",
        "late": "apiVersion: v1\nkind: Namespace\nmetadata: {name: late}\n",
    }
    for name, text in texts.items():
        folder = tmp_path / "gitops/platform" / name
        folder.mkdir(parents=True)
        (folder / "all.yaml").write_text(text)
        (folder / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    sets = tmp_path / "gitops/clusters/small/sets.yaml"
    told = yaml.safe_load(sets.read_text())
    elements = told["spec"]["generators"][0]["matrix"]["generators"][0]["list"]["elements"]
    for name in texts:
        elements.append({**elements[0], "application": name, "path": f"gitops/platform/{name}"})
    sets.write_text(yaml.safe_dump(told))
    assert argocd.start_platform(api.kube, tmp_path, "small", kustomize=kustomize) == ["rules", "late"]
    written = list(api.managers)
    assert written.index("/api/v1/namespaces/late") < written.index("/api/v1/namespaces/late/secrets/rules")
