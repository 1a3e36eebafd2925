from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.simulators.github import GitHubSimulator
from tests.unit.github.place import Place, origin


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return origin(tmp_path_factory.mktemp("origin") / "infra.git")


@pytest.fixture
def place(tmp_path: Path, repository: Path) -> Iterator[Place]:
    bare = tmp_path / "infra.git"
    shutil.copytree(repository, bare)
    with GitHubSimulator() as hub:
        yield Place(hub, bare)
        assert hub.unknown() == []
