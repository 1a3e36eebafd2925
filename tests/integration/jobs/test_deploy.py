"""A version is pinned in Git, and the command waits until the cluster runs it."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.errors import ConfigurationError, DeadlineExceeded
from automation.gitops.manifests import render
from automation.jobs.delivery import deploy
from automation.jobs.sites import open_site
from automation.site import Site
from automation.toolchain import install
from automation.workspace import Workspace
from tests.integration.kube.cluster import Cluster

ROOT = Path(__file__).resolve().parents[3]
IMAGE = "registry.digitalocean.com/dogitops-todo-registry/todo-backend"


def git(root: Path, *words: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", "-C", root, *who, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def facts(facts: dict[str, Any]) -> dict[str, Any]:
    checks = {"load_balancer": "ingress/traefik", "application": {"ingress": "todo-app-prod/todo-app"}}
    return {**facts, "gitops": {"path": "gitops/clusters/todo"}, "checks": checks}


@pytest.fixture
def site(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Give the environment in a repository of its own with what the cluster "todo" runs."""
    shutil.copytree(ROOT / "gitops", workspace.root / "gitops")
    (workspace.root / ".gitignore").write_text(".dogitops/\n")
    git(workspace.root, "init", "--quiet")
    git(workspace.root, "add", "--all")
    git(workspace.root, "commit", "--quiet", "--message", "First")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "A")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.org")
    return open_site("there", workspace=workspace)


@pytest.fixture
def api(site: Site) -> Iterator[Cluster]:
    with Cluster(site.kubeconfig) as server:
        server.kinds["apps/v1"] = {"Deployment": ("deployments", True)}
        server.kinds["networking.k8s.io/v1"] = {"Ingress": ("ingresses", True)}
        server.kinds["v1"] = {**server.kinds["v1"], "Service": ("services", True)}
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def runs(api: Cluster, site: Site, *, ready: int = 1) -> None:
    """Put into the cluster what stands in Git, rolled out."""
    status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready}
    for one in render(install.path("kustomize"), site.workspace.root / "gitops/clusters/todo/todo"):
        if one["kind"] == "Deployment":
            metadata = {**one["metadata"], "generation": 1}
            api.put("apps/v1", "Deployment", metadata.pop("name"), "todo-app-prod", metadata=metadata, spec=one["spec"])
            api.find("Deployment", one["metadata"]["name"])["status"] = dict(status)
        elif one["kind"] == "Ingress":
            api.put("networking.k8s.io/v1", "Ingress", "todo-app", "todo-app-prod", spec=one["spec"])
    api.put("argoproj.io/v1alpha1", "Application", "todo", "argocd")
    balanced = {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}
    api.put("v1", "Service", "traefik", "ingress", status=balanced)


def test_a_version_is_pinned_for_all_images_and_nothing_else_changes(site: Site) -> None:
    app = deploy.application(site)
    assert (app.entry.application, app.versions[IMAGE]) == ("todo", "1.0.0")
    assert deploy.pin(site, app, "1.4.2")
    assert set(deploy.application(site).versions.values()) == {"1.4.2"}
    assert not deploy.is_committed(site, app)
    changed = [
        line for line in git(site.workspace.root, "diff", "--unified=0").splitlines() if line[:2] in {"+ ", "- "}
    ]
    assert changed == ["-    newTag: 1.0.0", "+    newTag: 1.4.2"] * 3
    assert not deploy.pin(site, app, "1.4.2"), "again: nothing to do"
    images = [
        container["image"]
        for one in render(install.path("kustomize"), app.file.parent)
        if one["kind"] == "Deployment"
        for container in one["spec"]["template"]["spec"]["containers"]
    ]
    assert len(images) == 3
    assert all(image.endswith(":1.4.2") for image in images)


def test_only_that_file_is_committed(site: Site) -> None:
    root = site.workspace.root
    (root / "gitops" / "README.md").write_text("being worked on\n")
    app = deploy.application(site)
    deploy.pin(site, app, "1.4.2")
    made = deploy.commit(site, app, "1.4.2")
    assert git(root, "show", "--name-only", "--format=%s", made).split("\n\n") == [
        "Deploy todo 1.4.2 to there",
        "gitops/clusters/todo/todo/kustomization.yaml",
    ]
    assert deploy.is_committed(site, app)
    assert git(root, "status", "--porcelain") == "M gitops/README.md"


@pytest.mark.parametrize("version", ["latest", "", "1.0 ", "main", "1.0;rm", "../1"])
def test_what_is_no_version_is_refused(site: Site, version: str) -> None:
    before = deploy.application(site).file.read_text()
    with pytest.raises(ConfigurationError, match="is no version that can be pinned"):
        deploy.pin(site, deploy.application(site), version)
    assert deploy.application(site).file.read_text() == before


def test_an_application_that_there_is_not_is_named(site: Site) -> None:
    with pytest.raises(ConfigurationError, match=r"no application 'tood'\. Did you mean 'todo'"):
        deploy.application(site, "tood")


def test_it_waits_until_the_cluster_runs_what_git_says_and_shows_where(
    site: Site, api: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "PATIENCE", 0.2)
    runs(api, site)
    app = deploy.application(site)
    assert deploy.wait_until_deployed(site, app) == [
        ("frontend", "https://todo.example.com/"),
        ("API", "https://todo.example.com/api/health"),
    ]
    asked = api.find("Application", "todo")["metadata"]["annotations"]
    assert asked == {"argocd.argoproj.io/refresh": "normal"}
    deploy.pin(site, app, "1.4.2")
    with pytest.raises(DeadlineExceeded, match=rf"todo-backend is still described with {IMAGE}:1\.0\.0"):
        deploy.wait_until_deployed(site, app)
    runs(api, site, ready=0)
    with pytest.raises(DeadlineExceeded, match="todo-frontend: 0 of 1 pods are ready"):
        deploy.wait_until_deployed(site, app)
    del api.objects["/apis/apps/v1/namespaces/todo-app-prod/deployments/event-service"]
    with pytest.raises(DeadlineExceeded, match="event-service is missing"):
        deploy.wait_until_deployed(site, app)


def test_without_an_address_it_says_so(site: Site, api: Cluster) -> None:
    runs(api, site)
    api.find("Service", "traefik")["status"] = {}
    [(_, told), _] = deploy.wait_until_deployed(site, deploy.application(site))
    assert told == "(no load balancer: through the cluster's API)"


def test_the_version_of_every_environment_is_pinned() -> None:
    for cluster in ("todo", "workbench"):
        told = yaml.safe_load((ROOT / f"gitops/clusters/{cluster}/todo/kustomization.yaml").read_text())
        assert len(told["images"]) == 3
