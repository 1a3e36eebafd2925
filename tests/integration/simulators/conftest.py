from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from github.Repository import Repository

from automation import process
from automation.simulators.github import GitHubSimulator
from tests.integration.simulators.hub import EVERYTHING, NAME, client


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a bare repository with a first commit on main; it is only copied."""
    path = tmp_path_factory.mktemp("template") / "origin.git"
    process.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path])
    hub = GitHubSimulator()  # it need not listen for this
    hub.add_repository(NAME, str(path))
    hub.push(NAME, "main", {"README.md": "one\ntwo\n", "roots/a/main.tf": "a = 1\n"}, "First")
    return path


@pytest.fixture
def origin(template: Path, tmp_path: Path) -> Path:
    """Copy the bare repository with a first commit on main."""
    return Path(shutil.copytree(template, tmp_path / "origin.git"))


@pytest.fixture
def quiet_hub(origin: Path) -> Iterator[GitHubSimulator]:
    """Serve one repository; the simulator may be asked what it doesn't know."""
    with GitHubSimulator() as hub:
        hub.add_repository(NAME, str(origin))
        hub.set_role(NAME, "alice", "maintain")
        hub.set_role(NAME, "bob", "read")
        yield hub


@pytest.fixture
def hub(quiet_hub: GitHubSimulator) -> Iterator[GitHubSimulator]:
    """Serve one repository; asking what it doesn't know fails the test."""
    yield quiet_hub
    assert quiet_hub.unknown() == []


@pytest.fixture
def repo(hub: GitHubSimulator) -> Repository:
    """Return the repository as a job with every permission sees it."""
    return client(hub, hub.create_token(permissions=EVERYTHING)).get_repo(NAME)


@pytest.fixture
def number(hub: GitHubSimulator) -> int:
    """Return the number of alice's open pull request."""
    hub.push(NAME, "change", {"roots/a/main.tf": "a = 2\n"}, "Raise a", login="alice")
    return hub.open_pull_request(NAME, "change", title="Raise a", body="because", login="alice")
