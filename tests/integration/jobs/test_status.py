"""Status of environments: what a cluster, a bucket, GitHub and this machine tell, and what can't be seen from here."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation import daemon, objectstore
from automation.errors import ConfigurationError
from automation.jobs.status.overview import overview, rows
from automation.overview.document import Overview
from automation.recovery import evidence
from automation.site import Site
from automation.toolchain import install
from automation.workspace import Workspace
from tests.integration.jobs.looked import COMMIT, drilled, look
from tests.integration.kube.cluster import Cluster
from tests.integration.s3 import S3

pytestmark = pytest.mark.usefixtures("alone")


# What can't be seen


def test_what_cannot_be_seen_is_unknown_with_its_reason_and_never_good(workspace: Workspace, s3: S3) -> None:
    s3.refuse_with = "AccessDenied"
    found = look(workspace)
    assert found.standing == "unknown"
    for name, fact in found.facts:
        assert fact.standing == "unknown", name
        assert fact.told.startswith("unknown: ")
        assert len(fact.told) > len("unknown: ") + 10
    told = {name: fact.told for name, fact in found.facts}
    assert "was not taken over from here yet" in told["cluster"]
    assert "GITHUB_TOKEN is not set" in told["last apply"]
    assert "GITHUB_TOKEN is not set" in told["drift"]
    assert "refuses the keys (AccessDenied)" in told["last backup"]
    assert "no drill has left evidence" in told["last drill"]


@pytest.mark.parametrize(
    ("cluster", "told"),
    [
        ({"provider": "doks", "region": "fra1", "size": "s-2vcpu-4gb", "workers": 1}, "DIGITALOCEAN_TOKEN is not set"),
        ({"provider": "droplet"}, "DIGITALOCEAN_TOKEN is not set"),
    ],
    ids=["doks", "droplet"],
)
def test_a_cluster_elsewhere_is_unknown_without_a_token(
    workspace: Workspace, facts: dict[str, Any], cluster: dict[str, Any], told: str
) -> None:
    repository = {"path": "gitops", "repository": "https://github.com/octo-org/infra.git"}
    write(workspace, "there", {**facts, "cluster": {**cluster, "name": "dogitops-there"}, "gitops": repository})
    found = look(workspace)
    assert found.cluster.standing == "unknown"
    assert told in found.cluster.told
    assert found.applications.told == "unknown: the cluster could not be asked"


def test_a_cluster_on_this_machine_that_was_not_made_is_nothing_to_judge(
    workspace: Workspace, facts: dict[str, Any]
) -> None:
    write(workspace, "there", {**facts, "cluster": {"provider": "kind", "name": "dogitops-there"}})
    found = look(workspace)
    assert (found.standing, found.cluster.told) == ("neutral", "none on this machine")
    assert (found.applications.standing, found.applications.told) == ("neutral", "no cluster")
    assert found.backups.told == "none; no cluster to back up"


def test_nothing_is_started_and_nothing_is_made_for_a_look(workspace: Workspace, facts: dict[str, Any]) -> None:
    local = {key: value for key, value in facts.items() if key != "objectstore"}
    write(workspace, "local", {**local, "cluster": {"provider": "kind", "name": "dogitops-local"}})
    before = files(workspace)
    found = overview(workspace, ["local"]).environments[0]
    assert "S3 server does not run on this machine ('dogitops up local' starts it)" in found.backups.told
    assert "S3 server does not run" in found.apply.told
    assert found.drift.told == "no schedule looks ('dogitops drift local' does)"
    assert files(workspace) == before


def files(workspace: Workspace) -> list[str]:
    return sorted(str(one) for one in workspace.root.rglob("*") if one.is_file())


def write(workspace: Workspace, name: str, told: dict[str, Any] | str) -> None:
    folder = workspace.environments / name
    folder.mkdir(exist_ok=True)
    (folder / "environment.yaml").write_text(told if isinstance(told, str) else yaml.safe_dump(told))


def test_an_environment_that_cannot_be_read_hides_no_other(workspace: Workspace) -> None:
    write(workspace, "broken", "description: [")
    found = overview(workspace)
    assert [one.name for one in found.environments] == ["broken", "there"]
    assert "broken/environment.yaml is not valid YAML" in found.environments[0].cluster.told
    assert found.environments[0].standing == "unknown"


def test_a_name_that_there_is_not_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ConfigurationError, match=r"no environment 'tehre'\. Did you mean 'there'"):
        overview(workspace, ["tehre"])


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("https://github.com/octo-org/infra.git", "octo-org/infra"),
        ("https://ada:token@github.example/octo-org/infra/", "octo-org/infra"),
        ("git@github.com:octo-org/infra.git", "octo-org/infra"),
        ("/home/ada/code/infra", "repository"),
    ],
)
def test_it_is_called_after_its_repository_and_after_no_folders_of_a_machine(
    workspace: Workspace, origin: str, name: str
) -> None:
    for words in (("init", "-q"), ("remote", "add", "origin", origin)):
        subprocess.run(["git", "-C", str(workspace.root), *words], check=True)
    assert overview(workspace).repository == name


def test_a_table_has_a_row_for_each_fact_and_a_mark_for_how_it_stands(workspace: Workspace) -> None:
    found = rows(overview(workspace))
    assert [row[1] for row in found] == ["there", "", "", "", "", ""]
    assert [row[2] for row in found] == ["cluster", "applications", "last apply", "drift", "last backup", "last drill"]
    assert {row[0] for row in found} <= {"??", "--", "!!"}


# A cluster that answers


@pytest.fixture
def cluster(site: Site) -> Iterator[Cluster]:
    """Give a cluster with three nodes, Argo CD and Velero, known to the environment."""
    api = Cluster(site.kubeconfig)
    api.kinds["v1"]["Node"] = ("nodes", False)
    api.kinds["apps/v1"] = {"Deployment": ("deployments", True)}
    api.kinds["velero.io/v1"] = {"Backup": ("backups", True)}
    api.objects["/version"] = {"gitVersion": "v1.34.4", "kind": "none", "metadata": {"name": "none"}}
    threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    for number in range(3):
        node(api, f"n{number}")
    template = {"spec": {"containers": [{"image": "quay.io/argoproj/argocd:v3.1.9@sha256:abc"}]}}
    api.put("apps/v1", "Deployment", "argocd-server", "argocd", spec={"template": template})
    application(api, "root")
    images = ["velero/velero:v1.18.3", "registry.k8s.io/a:1@sha256:abc", "b:2", "b:2", "localhost:5000/c:3"]
    containers = {"spec": {"containers": [{"image": one} for one in images]}}
    api.put("apps/v1", "Deployment", "velero", "velero", spec={"template": containers})
    application(api, "velero", workload="velero")
    application(api, "traefik", source={"chart": "traefik", "targetRevision": "37.1.2"}, revision="37.1.2")
    yield api
    api.shutdown()
    api.server_close()


def node(api: Cluster, name: str, *, ready: str = "True") -> None:
    api.put("v1", "Node", name, status={"conditions": [{"type": "Ready", "status": ready}]})


def application(
    api: Cluster, name: str, *, sync: str = "Synced", health: str = "Healthy", source: dict[str, str] | None = None,
    revision: str = COMMIT, workload: str = "", message: str = "",
) -> None:  # fmt: skip
    conditions = [{"type": "SyncError", "message": message}] if message else []
    status = {
        "sync": {"status": sync, "revision": revision},
        "health": {"status": health},
        "resources": [{"kind": "Deployment", "namespace": workload, "name": workload}],
        "conditions": conditions,
    }
    spec = {"source": source or {"path": "gitops"}}
    api.put("argoproj.io/v1alpha1", "Application", name, "argocd", spec=spec, status=status)


def backup(api: Cluster, name: str, hours: float, now: datetime, phase: str = "Completed") -> None:
    began = now - timedelta(hours=hours)
    times = {"startTimestamp": began.isoformat(), "completionTimestamp": (began + timedelta(seconds=40)).isoformat()}
    api.put("velero.io/v1", "Backup", name, "velero", status={"phase": phase, **times})


def test_a_cluster_tells_of_nodes_versions_applications_and_backups(workspace: Workspace, cluster: Cluster) -> None:
    now = datetime.now(UTC)
    backup(cluster, "nightly-1", 25, now)
    backup(cluster, "nightly-2", 1.5, now)
    found = look(workspace, now=now)
    assert found.cluster.told == "dogitops-there (existing), 3 nodes, Kubernetes v1.34.4"
    assert (found.cluster.standing, found.cluster.nodes, found.cluster.ready) == ("good", 3, 3)
    assert found.applications.told == f"3 of 3 Synced and Healthy, Argo CD v3.1.9, commit {COMMIT[:7]}"
    assert [(one.name, one.version, one.revision) for one in found.applications.listed] == [
        ("root", "", COMMIT),
        ("traefik", "traefik 37.1.2", ""),
        ("velero", "a:1, b:2, c:3 and 1 more", COMMIT),
    ]
    assert (found.backups.standing, found.backups.told) == ("good", "1 hour ago (2 known)")
    assert [one.name for one in found.backups.listed] == ["nightly-2", "nightly-1"]
    assert cluster.writes == [], "it only looks"


def test_a_node_and_applications_that_are_not_well_are_bad(workspace: Workspace, cluster: Cluster) -> None:
    node(cluster, "n2", ready="Unknown")
    application(cluster, "sick", sync="OutOfSync", health="Degraded", message="quota\nexceeded \x1b[31m")
    found = look(workspace)
    assert found.standing == "bad"
    assert (found.cluster.standing, found.cluster.ready) == ("bad", 2)
    assert found.cluster.told == "dogitops-there (existing), 3 nodes, 2 Ready, Kubernetes v1.34.4"
    assert found.applications.standing == "bad"
    assert found.applications.told.startswith("3 of 4 Synced and Healthy")
    [sick] = [one for one in found.applications.listed if not one.good]
    assert sick.message == "quota exceeded \ufffd[31m"


def test_a_cluster_without_argo_cd_or_velero_is_bad(workspace: Workspace, cluster: Cluster) -> None:
    del cluster.kinds["argoproj.io/v1alpha1"]
    del cluster.kinds["velero.io/v1"]
    found = look(workspace)
    assert (found.applications.standing, found.applications.told) == ("bad", "Argo CD is not installed")
    assert (found.backups.standing, found.backups.told) == ("bad", "Velero is not installed")


def test_a_cluster_that_does_not_answer_is_not_called_good(workspace: Workspace, cluster: Cluster) -> None:
    cluster.shutdown()
    cluster.server_close()
    found = look(workspace)
    assert (found.cluster.standing, found.cluster.told) == ("unknown", "unknown: its API does not answer from here")
    (workspace.of("there") / "provider").write_text("kind")
    found = look(workspace)
    assert found.cluster.standing == "bad"
    assert found.cluster.told == "dogitops-there (kind) was made here, but its API does not answer"


@pytest.mark.parametrize(
    ("made", "standing", "told"),
    [
        ([], "bad", "none"),
        ([(3, "PartiallyFailed")], "bad", "none is whole (1 known)"),
        ([(27, "Completed")], "bad", "1 day ago (1 known), too old"),
        ([(1, "Failed"), (5, "Completed")], "bad", "5 hours ago (2 known), the attempt after it ended as Failed"),
        ([(0, "InProgress"), (5, "Completed")], "good", "5 hours ago (2 known)"),
        ([(-1, "Completed")], "bad", "in the future (1 known), its time is in the future"),
    ],
    ids=["none", "broken", "old", "failed since", "one at work", "of the future"],
)
def test_how_backups_stand(
    workspace: Workspace, cluster: Cluster, made: list[tuple[float, str]], standing: str, told: str
) -> None:
    now = datetime.now(UTC)
    for hours, phase in made:
        backup(cluster, f"b{hours}-{phase}".lower().replace(".", "-"), hours, now, phase)
    found = look(workspace, now=now).backups
    assert (found.standing, found.told, found.source) == (standing, told, "cluster")


# A bucket, where the cluster can't be asked


def velero(status: dict[str, Any]) -> bytes:
    return json.dumps({"spec": {}, "status": status}).encode()


def test_the_bucket_tells_of_backups_where_the_cluster_cannot(workspace: Workspace, site: Site) -> None:
    now = datetime.now(UTC)
    bucket = "dogitops-there-backups"
    site.store.ensure_bucket(bucket)
    at = "velero/backups/{}/velero-backup.json"
    began = (now - timedelta(hours=2)).isoformat()
    site.store.write(bucket, at.format("good"), velero({"phase": "Completed", "startTimestamp": began}))
    site.store.write(bucket, at.format("torn"), b"{")
    site.store.write(bucket, at.format("timeless"), velero({"phase": "Completed", "startTimestamp": "yesterday"}))
    found = look(workspace, now=now).backups
    assert (found.standing, found.source) == ("good", "bucket")
    assert found.told == "2 hours ago (3 known)"
    assert {one.name: one.phase for one in found.listed} == {
        "good": "Completed", "torn": "Unreadable", "timeless": "Completed",
    }  # fmt: skip


def test_a_local_server_that_runs_is_asked_and_one_that_was_ended_is_not_started(
    workspace: Workspace, facts: dict[str, Any]
) -> None:
    """A real S3 server, as environments on this machine have it."""
    local = {key: value for key, value in facts.items() if key != "objectstore"}
    write(workspace, "local", {**local, "cluster": {"provider": "kind", "name": "dogitops-local"}})
    folder = workspace.of("local") / "objectstore"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    store = objectstore.serve_local(folder, install.path("versitygw"), "127.0.0.1", port, "us-east-1")
    try:
        began = datetime.now(UTC)
        store.ensure_bucket("dogitops-there-state")
        store.write("dogitops-there-state", "environment.tfstate", b"{}")
        store.write("dogitops-there-state", "environment.tfstate.lock", b"{}")
        store.ensure_bucket("dogitops-there-backups")
        at = "velero/backups/one/velero-backup.json"
        told = {"phase": "Completed", "startTimestamp": (began - timedelta(hours=50)).isoformat()}
        store.write("dogitops-there-backups", at, velero(told))
        [found] = overview(workspace, ["local"]).environments
        assert (found.apply.standing, found.apply.told) == (
            "neutral", "less than a minute ago, when its state was written",
        )  # fmt: skip
        assert found.apply.at is not None
        assert abs(found.apply.at - began) < timedelta(minutes=5)
        assert (found.backups.standing, found.backups.told) == (
            "neutral",
            "2 days ago (1 known); no cluster to back up",
        )
    finally:
        objectstore.stop_local(folder)
    [found] = overview(workspace, ["local"]).environments
    assert found.backups.standing == "unknown"
    assert daemon.find(folder, objectstore.SERVER) is None


# Drills


def test_the_last_ten_drills_here_newest_first(workspace: Workspace, site: Site) -> None:
    now = datetime.now(UTC)
    phases = [{"name": "wipe", "started": 0, "seconds": 4.5}]
    for days in range(12):
        drilled(site, days + 0.5, now, rto_seconds=124, rpo_seconds=10.3, phases=phases)
    found = look(workspace, now=now).drills
    assert (found.standing, found.told) == ("good", "passed 12 hours ago; RTO 2 min 04 s, RPO 10.3 s")
    assert [one.run for one in found.listed] == [f"r{days + 0.5}" for days in range(10)]
    assert [(one.name, one.seconds) for one in found.listed[0].phases] == [("wipe", 4.5)]


@pytest.mark.parametrize(
    ("days", "more", "told"),
    [
        (36, {}, "too old: 35 days are allowed"),
        (-1, {}, "which is in the future"),
        (1, {"verdict": "failed", "reasons": ["3 are lost"]}, "failed 1 day ago; RTO 1.0 s, RPO 1.0 s: 3 are lost"),
        (1, {"environment": "production"}, "is of the environment production, not of there"),
    ],
    ids=["old", "of the future", "failed", "of another environment"],
)
def test_a_newest_drill_that_proves_nothing_is_bad(
    workspace: Workspace, site: Site, days: float, more: dict[str, Any], told: str
) -> None:
    now = datetime.now(UTC)
    drilled(site, days, now, **more)
    found = look(workspace, now=now)
    assert (found.standing, found.drills.standing) == ("bad", "bad")
    assert told in found.drills.told


def test_evidence_that_is_not_verified_is_named_and_nothing_of_it_is_shown(workspace: Workspace, site: Site) -> None:
    now = datetime.now(UTC)
    drilled(site, 3, now)
    forged = drilled(site, 2, now)
    forged.write_text(forged.read_text().replace('"rto_seconds": 1.0', '"rto_seconds": 0.5'))
    foreign = drilled(site, 1, now, key=evidence.SigningKey.kept_in(site.kept / "other.pem"))
    found = look(workspace, now=now).drills
    assert [one.run for one in found.listed] == ["r3"]
    assert [(one.where, one.why) for one in found.unverified] == [
        (foreign.name, "it was signed by another key."),
        (forged.name, "it was changed after it was signed."),
    ]
    assert (found.standing, found.told) == (
        "bad", f"the newest evidence ({foreign.name}) is not verified: it was signed by another key.",
    )  # fmt: skip


# Documents from elsewhere


def test_what_was_seen_elsewhere_is_taken_in_and_the_rest_is_looked_at_here(
    workspace: Workspace, facts: dict[str, Any], tmp_path: Path, cluster: Cluster
) -> None:
    write(workspace, "other", {**facts, "cluster": {"provider": "kind", "name": "dogitops-other"}})
    seen = overview(workspace, ["there"])
    folder = tmp_path / "seen"
    folder.mkdir()
    (folder / "there.json").write_text(seen.to_json())
    asked = len(cluster.writes)
    cluster.shutdown()
    cluster.server_close()
    both = overview(workspace, seen=folder)
    assert [one.name for one in both.environments] == ["other", "there"]
    assert both.environments[1] == seen.environments[0]
    assert both.environments[1].cluster.standing == "good"
    assert both.environments[0].standing == "neutral"
    assert len(cluster.writes) == asked
    assert Overview.model_validate_json(both.to_json()) == both


def test_a_document_that_is_none_is_named(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "there.json").write_text('{"version": 2}')
    with pytest.raises(ConfigurationError, match=r"there\.json is no document of 'dogitops status --json'"):
        overview(workspace, seen=tmp_path)
