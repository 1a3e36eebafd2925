from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.simulators.github import GitHubSimulator
from automation.simulators.github.model import State
from tests.integration.github.place import Place, origin


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return origin(tmp_path_factory.mktemp("origin") / "infra.git")


@pytest.fixture(scope="session")
def hub() -> Iterator[GitHubSimulator]:
    with GitHubSimulator() as hub:
        yield hub


@pytest.fixture
def place(tmp_path: Path, repository: Path, hub: GitHubSimulator) -> Iterator[Place]:
    """Give a GitHub that knows one repository with one pull request, and nothing of earlier tests."""
    bare = tmp_path / "infra.git"
    shutil.copytree(repository, bare)
    with hub.world.store.lock:
        hub.world.store.state = State()
        hub.world._gits.clear()
    yield Place(hub, bare)
    assert hub.unknown() == []
