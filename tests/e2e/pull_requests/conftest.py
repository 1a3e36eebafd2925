"""The project that the tests of pull requests work on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.objectstore import ObjectStore
from automation.simulators.github import GitHubSimulator
from tests.e2e.pulls import Project, make_project, served_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with served_store(tmp_path_factory.mktemp("objectstore")) as served:
        yield served


@pytest.fixture
def project(tmp_path: Path, tree: Path, store: ObjectStore) -> Iterator[Project]:
    """Yield the project, applied once; whatever a test does with it, no planted secret may be seen anywhere."""
    with GitHubSimulator() as hub:
        made = make_project(tmp_path, tree, hub, store)
        made.terminal("plan", "sandbox")
        made.terminal("apply", "sandbox")
        yield made
        assert hub.unknown() == []
        assert made.leaks() == []
