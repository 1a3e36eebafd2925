"""The main job on a real cluster, in the order of a user's day: each test stands on the one before."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest
import testinfra

from automation import wait
from automation.gitops import argocd
from automation.gitops.installation import API
from automation.kube import Kube, pod_is_ready
from automation.recovery import evidence
from tests.e2e.conftest import CLUSTER, Clone, git

pytestmark = pytest.mark.e2e


def test_a_plan_is_shown_and_saved(clone: Clone) -> None:
    told = clone.ok("plan", "local")
    assert "Plan: 2 to add" in told
    assert "+ terraform_data.cluster" in told
    assert "dogitops apply local" in told
    assert (clone.kept / "plans" / "environment.tfplan").stat().st_mode & 0o077 == 0


def test_an_apply_refuses_what_was_not_planned(clone: Clone) -> None:
    file = clone.root / "opentofu/environments/local/main.tf"
    before = file.read_text()
    file.write_text(before + "\n# a change after the plan\n")
    done = clone.run("apply", "local")
    file.write_text(before)
    assert done.code == 1
    assert "has changed since the plan" in done.output
    assert "Traceback" not in done.output


def test_the_apply_makes_exactly_what_was_planned_and_once(clone: Clone) -> None:
    told = clone.ok("apply", "local")
    assert re.search(rf"cluster\W+{CLUSTER}", told)
    again = clone.run("apply", "local")
    assert again.code == 2
    assert "no saved plan" in again.output
    assert "No changes" in clone.ok("plan", "local")


def test_the_node_from_inside(clone: Clone) -> None:
    node = testinfra.get_host(f"docker://{CLUSTER}-control-plane")
    assert node.service("kubelet").is_running
    assert node.service("containerd").is_running
    assert node.file("/etc/kubernetes/admin.conf").mode == 0o600
    assert node.socket("tcp://6443").is_listening
    assert node.file("/etc/containerd/certs.d/quay.io/hosts.toml").contains("17482")


def test_a_bootstrap_killed_half_way_finishes_when_started_again(clone: Clone) -> None:
    killed = clone.kill_when(lambda line: "Handing the repository" in line, "bootstrap", "local")
    assert killed.code == -signal.SIGKILL
    told = clone.ok("bootstrap", "local")
    for application in ("argocd", "velero", "ledger", "metrics-server", "local-storage"):
        assert re.search(rf"{application}\W+Synced\W+Healthy", told), told


def test_argo_cd_finds_what_bootstrap_started_as_it_would_have_made_it(clone: Clone) -> None:
    asked = "jsonpath={range .items[*]}{.metadata.name}={.status.operationState.phase} {end}"
    told = clone.kubectl("-n", "argocd", "get", "applications", "-l", "dogitops.io/zone=platform", "-o", asked)
    platform = ("argocd", "local-storage", "metrics-server", "tenants", "velero")
    assert dict(one.split("=") for one in told.split()) == dict.fromkeys(platform, ""), "none needed a sync"
    deployment = json.loads(
        clone.kubectl("-n", "velero", "get", "deployment", "velero", "-o", "json", "--show-managed-fields")
    )
    # Or what a later commit removes would stay.
    assert {it["manager"] for it in deployment["metadata"]["managedFields"] if it["operation"] == "Apply"} == {
        "argocd-controller"
    }


def test_a_commit_reaches_the_cluster_by_sync_alone(clone: Clone) -> None:
    file = clone.root / "gitops/apps/ledger/e2e.yaml"
    file.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-a-commit\n  namespace: ledger\n"
        "data:\n  text: carried by sync\n"
    )
    kustomization = clone.root / "gitops/apps/ledger/kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("resources:\n", "resources:\n  - e2e.yaml\n", 1))
    clone.commit("Add a ConfigMap")
    found = wait.until(
        lambda: clone.kubectl("-n", "ledger", "get", "configmap", "-o", "name").count("from-a-commit"),
        "the committed ConfigMap",
        timeout=180,
        interval=3,
    )
    assert found == 1


def test_metrics_are_served(clone: Clone) -> None:
    assert wait.until(lambda: metrics(clone), "metrics", timeout=120, interval=3)


@pytest.mark.thorough
def test_what_is_deleted_by_hand_comes_back_without_a_commit(clone: Clone) -> None:
    kube = clone.kube
    delivered(clone, "ledger")
    gone = (("apps/v1", "Deployment", "writer"), ("v1", "ConfigMap", "from-a-commit"), ("v1", "Service", "redis"))
    before = {one: uid(kube, *one, "ledger") for one in gone}
    for one in gone:
        assert kube.delete(*one, "ledger", timeout=120)

    def back() -> bool:
        return all(uid(kube, *one, "ledger") not in {"", before[one]} for one in gone)

    wait.until(back, "what was deleted to come back", timeout=400, interval=0.5)
    argocd.wait_until_synced(kube, {"ledger"}, timeout=400)
    assert kube.wait_for_pods("ledger", "app.kubernetes.io/name=writer", timeout=120)


@pytest.mark.thorough
def test_a_commit_that_takes_a_database_and_a_schedule_away_takes_neither_data_nor_schedule(clone: Clone) -> None:
    kube = clone.kube
    claim = ("v1", "PersistentVolumeClaim", "data-redis-0", "ledger")
    schedule = ("velero.io/v1", "Schedule", "daily", "velero")
    before, entries = [uid(kube, *claim), uid(kube, *schedule)], last_entry(kube)
    without(clone.root / "gitops/apps/ledger/kustomization.yaml", "  - redis.yaml\n", "  - e2e.yaml\n")
    without(clone.root / "gitops/clusters/local/velero/kustomization.yaml", "  - schedule.yaml\n")
    removed = clone.commit("Take the database and the schedule away")
    for name in ("ledger", "velero"):
        argocd.refresh(kube, name)

    def pruned() -> bool:
        database = kube.get("apps/v1", "StatefulSet", "redis", "ledger")
        return not (database or kube.get("v1", "ConfigMap", "from-a-commit", "ledger"))

    def skipped() -> bool:
        status = kube.get(API, "Application", "velero", "argocd")["status"]
        synced = (status.get("operationState") or {}).get("syncResult", {})
        results = {(one["kind"], one["name"]): one["status"] for one in synced.get("resources", ())}
        return synced.get("revision") == removed and results.get(("Schedule", "daily")) == "PruneSkipped"

    wait.until(pruned, "what may go to be gone", timeout=400, interval=0.5)
    wait.until(skipped, "the schedule to be left alone", timeout=400, interval=0.5)
    assert [uid(kube, *claim), uid(kube, *schedule)] == before
    revert(clone, "ledger", "velero")
    assert [uid(kube, *claim), uid(kube, *schedule)] == before
    assert last_entry(kube) >= entries > 0, "the database has its data again"


@pytest.mark.thorough
def test_a_bad_commit_is_refused_before_it_is_synced_and_taken_back_by_a_revert(clone: Clone) -> None:
    kube = clone.kube
    file = clone.root / "gitops/platform/metrics-server/server.yaml"
    image = "registry.k8s.io/metrics-server/no-such-image:latest"
    bad = re.sub(r"image: \S+", f"image: {image}", file.read_text())
    # After ten minutes, by default, a rollout that does not go on is a failed one.
    file.write_text(bad.replace("  replicas: 1\n", "  replicas: 1\n  progressDeadlineSeconds: 20\n", 1))
    line = 1 + file.read_text().partition(image)[0].count("\n")
    refused = clone.run("gitops", "validate", "local")
    assert refused.code == 2
    assert f"gitops/platform/metrics-server/server.yaml:{line}" in refused.output
    assert f"the image '{image}' is not pinned" in " ".join(refused.output.split())

    before = serving(kube)
    assert before
    pushed = clone.commit("Past the checks")
    argocd.refresh(kube, "metrics-server")
    seen: list[argocd.ApplicationState] = []

    def degraded() -> bool:
        seen[:] = [one for one in argocd.applications(kube) if one.name == "metrics-server"]
        return [(one.revision, one.health) for one in seen] == [(pushed, "Degraded")]

    wait.until(degraded, "the application to be Degraded", timeout=400, interval=0.5, state=lambda: str(seen))
    assert "Deployment metrics-server is Degraded" in seen[0].message
    shown = clone.run("status", "local", "--no-drill")
    assert shown.code == 1
    assert re.search(r"application metrics-server\W+Synced, Degraded", shown.output)
    assert serving(kube) == before, "the pods of before serve on"
    assert metrics(clone)

    revert(clone, "metrics-server")
    assert serving(kube) == before, "and were never replaced"
    assert metrics(clone)


@pytest.mark.thorough
def test_a_schedule_in_git_makes_backups_without_anybody_s_command(clone: Clone) -> None:
    kube = clone.kube

    def phases() -> dict[str, str]:
        found = kube.list("velero.io/v1", "Backup", "velero", "velero.io/schedule-name=daily")
        return {one["metadata"]["name"]: one.get("status", {}).get("phase", "New") for one in found}

    before = phases()
    file = clone.root / "gitops/clusters/local/velero/schedule.yaml"
    file.write_text(re.sub(r"^  schedule: .+$", '  schedule: "* * * * *"', file.read_text(), flags=re.MULTILINE))
    clone.commit("Back up every minute")
    argocd.refresh(kube, "velero")

    def made() -> str:
        return next((name for name, phase in phases().items() if phase == "Completed" and name not in before), "")

    name = wait.until(made, "a backup by the schedule", timeout=600, interval=1, state=lambda: str(phases()))
    volumes = kube.list("velero.io/v1", "PodVolumeBackup", "velero", f"velero.io/backup-name={name}")
    assert [(one["spec"]["volume"], one["status"]["phase"]) for one in volumes] == [("data", "Completed")]
    assert volumes[0]["status"]["progress"]["bytesDone"] > 0
    revert(clone, "velero")
    ended = {"Completed", "Failed", "PartiallyFailed", "FailedValidation"}
    wait.until(lambda: set(phases().values()) <= ended, "the last one to end", timeout=400, interval=1)


def test_a_deleted_namespace_is_restored_from_a_backup(clone: Clone) -> None:
    clone.ok("gitops", "pause", "local")
    clone.ok("backup", "local", "--name", "by-hand")
    before = clone.kubectl("-n", "ledger", "get", "all,pvc,secret", "-o", "name")
    clone.kubectl("delete", "namespace", "ledger", "--wait=true", "--timeout=100s")
    clone.ok("restore", "local", "--backup", "by-hand")
    after = clone.kubectl("-n", "ledger", "get", "pvc,secret,service", "-o", "name")
    assert set(after.split()) <= set(before.split()) | {"service/redis"}
    assert "persistentvolumeclaim/" in after


def test_an_unknown_backup_is_named_with_the_known_ones(clone: Clone) -> None:
    done = clone.run("restore", "local", "--backup", "by-hnd")
    assert done.code == 2, done.output
    assert "by-hand" in done.output
    assert "Waiting until the cluster knows" not in done.output, "the bucket says it at once"
    clone.ok("gitops", "resume", "local")


def test_a_drill_killed_after_the_wipe_resumes_and_proves_that_nothing_was_lost(clone: Clone) -> None:
    killed = clone.kill_when(lambda line: "Bootstrapping from Git" in line, "drill", "local", "--yes")
    assert killed.code == -signal.SIGKILL
    told = clone.ok("drill", "local", "--yes", timeout=1500)
    assert "Going on after: start, write, inventory, backup, wipe" in told
    newest = newest_evidence(clone)
    assert newest.verdict == "passed"
    assert newest.data
    assert newest.data.entries == 200
    assert newest.data.missing == 0
    assert newest.rto_seconds
    assert newest.coverage


def test_the_evidence_is_signed_and_a_changed_one_is_refused(clone: Clone) -> None:
    assert "Passed: recovery drill" in clone.ok("evidence", "local")
    file = max((clone.kept / "evidence").glob("*.json"), key=lambda path: path.stat().st_mtime)
    forged = file.with_name("forged.json")
    forged.write_text(file.read_text().replace('"passed"', '"failed"'))
    done = clone.run("evidence", "local", "--file", str(forged))
    forged.unlink()
    assert done.code == 5


@pytest.mark.thorough
def test_a_planted_loss_turns_the_drill_red(clone: Clone) -> None:
    done = clone.run("drill", "local", "--yes", "--plant-loss", "entry", timeout=1500)
    assert done.code == 5, done.output
    assert "Traceback" not in done.output
    newest = newest_evidence(clone)
    assert newest.verdict == "failed"
    assert newest.data
    assert newest.data.missing == 1


def test_interrupted_it_says_how_to_go_on(clone: Clone) -> None:
    stopped = clone.kill_when(
        lambda line: "Waiting until every application" in line, "bootstrap", "local", sign=signal.SIGINT
    )
    assert stopped.code == 130
    assert "dogitops bootstrap local" in stopped.output
    assert "dogitops destroy local" in stopped.output


def test_destroying_asks_first_and_leaves_nothing(clone: Clone) -> None:
    refused = clone.run("destroy", "local")
    assert refused.code == 3
    assert containers()
    clone.ok("destroy", "local", "--yes", "--delete-backups")
    assert not containers()
    assert CLUSTER not in docker("network", "ls", "--format", "{{.Name}}").split()
    assert not (clone.kept / "kubeconfig").exists()
    assert CLUSTER not in kubeconfig_of_user()
    for record in (clone.kept / "services").glob("*.json"):
        pytest.fail(f"{record.name} is still recorded as running")


def delivered(clone: Clone, *applications: str) -> None:
    """Have Argo CD look at Git now, as a webhook does; wait until what is committed is there and well."""
    for name in applications:
        argocd.refresh(clone.kube, name)
    head = git(clone.root, "rev-parse", "HEAD")
    argocd.wait_until_synced(clone.kube, applications, timeout=400, revision=head)


def revert(clone: Clone, *applications: str) -> None:
    git(clone.root, "revert", "--no-edit", "HEAD")
    delivered(clone, *applications)


def without(file: Path, *lines: str) -> None:
    for line in lines:
        assert line in file.read_text()
        file.write_text(file.read_text().replace(line, "", 1))


def uid(kube: Kube, api_version: str, kind: str, name: str, namespace: str) -> str:
    """Return what tells an object from a later one of its name; empty where there is none, or none that stays."""
    metadata = (kube.get(api_version, kind, name, namespace) or {}).get("metadata", {})
    return "" if metadata.get("deletionTimestamp") else metadata.get("uid", "")


def last_entry(kube: Kube) -> int:
    pods = kube.wait_for_pods("ledger", "app.kubernetes.io/name=redis", timeout=200)
    return int(kube.execute("ledger", pods[0]["metadata"]["name"], ["redis-cli", "GET", "writer:last"]))


def serving(kube: Kube) -> set[str]:
    pods = kube.list("v1", "Pod", "kube-system", "k8s-app=metrics-server")
    return {pod["metadata"]["uid"] for pod in pods if pod_is_ready(pod)}


def metrics(clone: Clone) -> list[dict]:
    return json.loads(clone.kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes"))["items"]


def newest_evidence(clone: Clone) -> evidence.Evidence:
    path = evidence.newest(clone.kept / "evidence")
    assert path is not None
    return evidence.read(path)


def containers() -> str:
    return docker("ps", "-aq", "--filter", f"label=io.x-k8s.kind.cluster={CLUSTER}")


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def kubeconfig_of_user() -> str:
    file = Path.home() / ".kube" / "config"
    return file.read_text() if file.exists() else ""
