from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.gitops import validation
from automation.gitops.server import Server
from automation.gitops.view import View
from automation.toolchain import install
from automation.toolchain.release import reachable
from tests.integration.gitops import charts as of_mail
from tests.integration.kube.cluster import Cluster
from tests.unit.gitops.conftest import kustomize

__all__ = ["kustomize"]  # a fixture, for the tests beside this file


def git(folder: Path, *arguments: str) -> str:
    options = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *options, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Make a repository with one commit."""
    folder = tmp_path / "clone"
    (folder / "gitops").mkdir(parents=True)
    (folder / "gitops" / "a.yaml").write_text("a: 1\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "First")
    return folder


@pytest.fixture
def served(clone: Path, tmp_path: Path) -> Iterator[str]:
    """Give the URL of the clone, served by a real server in a thread."""
    with Server(("127.0.0.1", 0), View(clone / ".git", tmp_path / "view")) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/repository.git"
        server.shutdown()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Cluster]:
    """Give a stand-in for a cluster's API."""
    with Cluster(tmp_path / "kubeconfig") as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a chart repository with the chart ``mail`` in it."""
    with of_mail.served(tmp_path_factory.mktemp("charts")) as address:
        yield address


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> validation.Tools:
    """Give the programs that look at manifests, with a place of their own for what they keep."""
    paths = install.ensure("kustomize", "kubeconform", "helm")
    kept = tmp_path_factory.mktemp("kept")
    return validation.Tools(paths["kustomize"], paths["kubeconform"], paths["helm"], kept, "1.34.4", reachable)


@pytest.fixture
def repository(tmp_path: Path, charts: str) -> Path:
    """Make the small repository, in which nothing is wrong."""
    root = tmp_path / "repository"
    shutil.copytree(of_mail.FIXTURES / "repository", root)
    for name in ("gitops/clusters/small/kustomization.yaml", "gitops/platform/mail/chart.yaml"):
        (root / name).write_text((root / name).read_text().replace("CHARTS", charts))
    return root
