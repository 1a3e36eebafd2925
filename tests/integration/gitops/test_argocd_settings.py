"""What gitops/ tells Argo CD of itself, asked of the real program: who may what, who is told, what is well."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.gitops.manifests import Manifest, render
from automation.toolchain.cache import Damaged
from automation.toolchain.install import Installer

ROOT = Path(__file__).parents[3]

# The program asks no cluster for any of this, but wants to know one.
KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: none, user: {}}]
contexts: [{name: none, context: {cluster: none, user: none, namespace: argocd}}]
current-context: none
"""


class Program:
    """Argo CD's program with the settings of ``gitops/platform/argocd``, in ``folder``."""

    def __init__(self, binary: Path, folder: Path, manifests: list[Manifest]) -> None:
        self.binary, self.folder, self.policies = binary, folder, ""
        for one in manifests:
            if one["kind"] == "ConfigMap":
                (folder / f"{one['metadata']['name']}.yaml").write_text(yaml.safe_dump(one))
        (folder / "kubeconfig").write_text(KUBECONFIG)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.binary, "admin", *words],
            cwd=self.folder,
            env={**os.environ, "KUBECONFIG": str(self.folder / "kubeconfig"), "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def __call__(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def may(self, who: str, what: str, kind: str, which: str) -> bool:
        done = self.run("settings", "rbac", "can", who, what, kind, which, "--policy-file", "argocd-rbac-cm.yaml")
        assert done.stdout.strip() in {"Yes", "No"}, done.stderr
        return done.stdout.strip() == "Yes"

    def health(self, manifest: dict[str, Any]) -> str:
        (self.folder / "one.yaml").write_text(yaml.safe_dump(manifest))
        out = self("settings", "resource-overrides", "health", "./one.yaml", "--argocd-cm-path", "argocd-cm.yaml")
        return out.partition("STATUS:")[2].split()[0]

    def notify(self, *words: str, app: dict[str, Any], keys: str = ":empty") -> str:
        (self.folder / "app.yaml").write_text(yaml.safe_dump(app))
        maps = ("--config-map", "argocd-notifications-cm.yaml", "--secret", keys, "-n", "argocd")
        return self("notifications", *words, *maps)


@pytest.fixture(scope="module")
def argocd(kustomize: Path, tmp_path_factory: pytest.TempPathFactory) -> Program:
    installer = Installer.default()
    try:
        entry = installer.cache.find(installer.key("argocd"))
    except Damaged:
        entry = None
    if entry is None:
        pytest.skip("argocd is not here yet: dogitops tools install argocd")
    manifests = render(kustomize, ROOT / "gitops" / "platform" / "argocd")
    return Program(entry.binaries["argocd"], tmp_path_factory.mktemp("argocd"), manifests)


def test_the_settings_are_valid(argocd: Program) -> None:
    assert "❌" not in argocd("settings", "validate", "--argocd-cm-path", "argocd-cm.yaml")
    assert "Policy is valid." in argocd("settings", "rbac", "validate", "--policy-file", "argocd-rbac-cm.yaml")


@pytest.mark.parametrize(
    ("who", "what", "kind", "which", "may"),
    [
        ("stranger", "get", "applications", "apps/ledger", False),
        ("dogitops:viewers", "get", "applications", "apps/ledger", True),
        ("dogitops:viewers", "get", "logs", "apps/ledger", True),
        ("dogitops:viewers", "sync", "applications", "apps/ledger", False),
        ("dogitops:operators", "get", "applications", "platform/velero", True),
        ("dogitops:operators", "sync", "applications", "platform/velero", True),
        ("dogitops:operators", "action/apps/Deployment/restart", "applications", "apps/ledger", True),
        ("dogitops:operators", "override", "applications", "apps/ledger", False),
        ("dogitops:operators", "delete", "applications", "apps/ledger", False),
        ("dogitops:operators", "create", "exec", "apps/ledger", False),
        ("dogitops:administrators", "delete", "applications", "platform/velero", True),
    ],
)
def test_groups_may_what_they_are_for(
    argocd: Program, who: str, what: str, kind: str, which: str, *, may: bool
) -> None:
    assert argocd.may(who, what, kind, which) is may


VELERO, KAFKA, CERTIFICATES = "velero.io/v1", "kafka.strimzi.io/v1", "cert-manager.io/v1"
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


@pytest.mark.parametrize(
    ("kind", "told", "health"),
    [
        ((VELERO, "BackupStorageLocation"), {}, "Progressing"),
        ((VELERO, "BackupStorageLocation"), {"status": {"phase": "Available"}}, "Healthy"),
        ((VELERO, "BackupStorageLocation"), {"status": {"phase": "Unavailable"}}, "Degraded"),
        ((VELERO, "Schedule"), {"status": {"phase": "New"}}, "Progressing"),
        ((VELERO, "Schedule"), {"status": {"phase": "Enabled"}}, "Healthy"),
        ((VELERO, "Schedule"), {"spec": {"paused": True}, "status": {"phase": "Enabled"}}, "Suspended"),
        ((VELERO, "Schedule"), {"status": {"phase": "FailedValidation", "validationErrors": ["no"]}}, "Degraded"),
        ((KAFKA, "KafkaNodePool"), {"status": {"observedGeneration": 1}}, "Progressing"),
        ((KAFKA, "KafkaNodePool"), {"status": {"observedGeneration": 2}}, "Healthy"),
        ((KAFKA, "Kafka"), {"status": READY}, "Healthy"),
        ((CERTIFICATES, "ClusterIssuer"), {"status": READY}, "Healthy"),
    ],
)
def test_custom_kinds_are_well_when_their_controllers_say_so(
    argocd: Program, kind: tuple[str, str], told: dict[str, Any], health: str
) -> None:
    metadata = {"name": "one", "namespace": "one", "generation": 2}
    assert argocd.health({"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, **told}) == health


def application(phase: str, health: str, **source: object) -> dict[str, Any]:
    """Return an Application after a sync; ``source`` is where it comes from, or ``sources``."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "ledger", "namespace": "argocd"},
        "spec": {"project": "apps", **source},
        "status": {
            "health": {"status": health},
            "sync": {"status": "Synced", "revision": "abc"},
            "operationState": {
                "phase": phase,
                "startedAt": "2026-01-01T00:00:00Z",
                "message": 'one "quoted" line',
                "syncResult": {"revision": "abc"},
            },
        },
    }


OURS = {"repoURL": "https://github.com/OWNER/dogitops.git"}


@pytest.mark.parametrize(
    ("trigger", "app", "fires"),
    [
        ("on-trouble", application("Failed", "Healthy", source=OURS), True),
        ("on-trouble", application("Succeeded", "Degraded", source=OURS), True),
        ("on-trouble", application("Succeeded", "Healthy", source=OURS), False),
        ("on-synced", application("Succeeded", "Healthy", source=OURS), True),
        ("on-synced", application("Running", "Progressing", source=OURS), False),
        ("on-synced", application("Succeeded", "Healthy", sources=[OURS]), False),
    ],
)
def test_trouble_and_syncs_are_told_and_nothing_else(
    argocd: Program, trigger: str, app: dict[str, Any], *, fires: bool
) -> None:
    table = argocd.notify("trigger", "run", trigger, "./app.yaml", app=app)
    assert any(line.split()[-1] == "true" for line in table.splitlines()[1:]) is fires, table


def test_what_is_told_of_trouble_is_json_whatever_the_message(argocd: Program) -> None:
    app = application("Failed", "Degraded", source=OURS)
    words = ("template", "notify", "trouble", "./app.yaml", "--recipient", "console:stdout")
    told = yaml.safe_load(argocd.notify(*words, app=app).partition("webhook:")[2])
    assert json.loads(told["alerts"]["body"])["message"] == 'one "quoted" line'


@pytest.fixture
def addressee() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give an address, and all that was sent to it."""
    told: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/alerts", told
        server.shutdown()
        thread.join()


def test_trouble_is_told_to_the_address_that_the_secret_names(
    argocd: Program, addressee: tuple[str, list[dict[str, Any]]]
) -> None:
    url, told = addressee
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "argocd-notifications-secret", "namespace": "argocd"},
        "stringData": {"alerts-url": url},
    }
    (argocd.folder / "secret.yaml").write_text(yaml.safe_dump(secret))
    app = application("Failed", "Degraded", source=OURS)
    words = ("template", "notify", "trouble", "./app.yaml", "--recipient", "alerts")
    argocd.notify(*words, app=app, keys="./secret.yaml")
    assert told == [
        {
            "application": "ledger",
            "project": "apps",
            "health": "Degraded",
            "sync": "Synced",
            "revision": "abc",
            "message": 'one "quoted" line',
        }
    ]


def test_nobody_is_told_before_a_cluster_subscribes(kustomize: Path, tmp_path: Path) -> None:
    def subscriptions(extra: str) -> str | None:
        (tmp_path / "kustomization.yaml").write_text(
            f"resources: [{os.path.relpath(ROOT, tmp_path.resolve())}/gitops/platform/argocd]\n{extra}"
        )
        maps = {one["metadata"]["name"]: one for one in render(kustomize, tmp_path) if one["kind"] == "ConfigMap"}
        assert "oidc.config" in maps["argocd-cm"]["data"] or "oidc" not in extra
        found: str | None = maps["argocd-notifications-cm"]["data"].get("subscriptions")
        return found

    assert subscriptions("") is None
    folder = f"{os.path.relpath(ROOT, tmp_path.resolve())}/gitops/platform/argocd"
    switched = subscriptions(f"components: [{folder}/notify, {folder}/oidc]\n")
    told = {one["recipients"][0]: one["triggers"] for one in yaml.safe_load(switched or "[]")}
    assert told == {"alerts": ["on-trouble"], "github": ["on-synced"]}
