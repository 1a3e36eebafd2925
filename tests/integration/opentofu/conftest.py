from __future__ import annotations

from pathlib import Path

import pytest

from automation.toolchain import install
from tests.integration.opentofu.case import Case


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOGITOPS_CACHE", str(tmp_path / "cache"))
    for name in ("TF_PLUGIN_CACHE_DIR", "TF_CLI_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "opentofu" / "environments" / "local"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text("# a root\n")
    (folder / "environment.yaml").write_text("a: 1\n")
    return folder


@pytest.fixture(scope="session")
def conftest() -> Path:
    return install.path("conftest")


@pytest.fixture
def good(tmp_path: Path, conftest: Path) -> Case:
    return Case("good", tmp_path, conftest)


@pytest.fixture
def bad(tmp_path: Path, conftest: Path) -> Case:
    return Case("bad", tmp_path, conftest)
