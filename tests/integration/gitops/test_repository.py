from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation import daemon
from automation.errors import ConfigurationError
from automation.gitops import repository
from tests.integration.gitops.conftest import git


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "services"
    yield folder
    repository.stop(folder)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_serve_starts_once_and_stops(clone: Path, services: Path, port: int, tmp_path: Path) -> None:
    url = repository.serve(services, clone, "127.0.0.1", port)
    assert url == f"http://127.0.0.1:{port}/repository.git"
    first = daemon.find(services, repository.SERVER)
    git(tmp_path, "clone", "--quiet", url, "copy")
    assert repository.serve(services, clone / "gitops", "127.0.0.1", port) == url
    again = daemon.find(services, repository.SERVER)
    assert first is not None
    assert again is not None
    assert first.pid == again.pid
    assert repository.stop(services)
    assert not daemon.accepts("127.0.0.1", port)


def test_serve_listens_on_the_address_given_only(clone: Path, services: Path, port: int) -> None:
    repository.serve(services, clone, "127.0.0.2", port)
    assert daemon.accepts("127.0.0.2", port)
    assert not daemon.accepts("127.0.0.1", port)


def test_a_busy_port_is_named(clone: Path, services: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {taken}"):
            repository.serve(services, clone, "127.0.0.1", taken)


def test_a_shallow_clone_is_refused(clone: Path, services: Path, port: int, tmp_path: Path) -> None:
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "Second")
    git(tmp_path, "clone", "--quiet", "--depth=1", clone.as_uri(), "shallow")
    with pytest.raises(ConfigurationError, match="shallow") as caught:
        repository.serve(services, tmp_path / "shallow", "127.0.0.1", port)
    assert "unshallow" in (caught.value.hint or "")


def test_a_folder_that_is_no_repository_is_refused(services: Path, port: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not in a Git repository"):
        repository.serve(services, tmp_path, "127.0.0.1", port)


def test_a_repository_without_commits_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "empty")
    with pytest.raises(ConfigurationError, match="no commit"):
        repository.head(tmp_path / "empty")


def test_head_is_the_commit_that_is_checked_out(clone: Path) -> None:
    assert repository.head(clone) == git(clone, "rev-parse", "HEAD")
    git(clone, "checkout", "--quiet", "--detach")
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "On no branch")
    assert repository.head(clone) == git(clone, "rev-parse", "HEAD") != git(clone, "rev-parse", "main")


def test_uncommitted_names_what_will_not_reach_the_cluster(clone: Path) -> None:
    assert repository.uncommitted(clone) == []
    (clone / "gitops" / "a.yaml").write_text("a: 2\n")
    (clone / "gitops" / "new folder").mkdir()
    (clone / "gitops" / "new folder" / "ä.yaml").write_text("")
    (clone / "elsewhere").write_text("not for the cluster")
    assert repository.uncommitted(clone) == ["gitops/a.yaml", "gitops/new folder/ä.yaml"]
    git(clone, "add", ".")
    git(clone, "mv", "-f", "gitops/a.yaml", "gitops/b.yaml")
    assert "gitops/b.yaml" in repository.uncommitted(clone)
    git(clone, "commit", "--quiet", "-m", "All")
    assert repository.uncommitted(clone) == []
