from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from automation.toolchain.cache import Damaged
from automation.toolchain.install import Installer


def tool(binary: str) -> Path:
    """Return a pinned program, as it lies in the cache; else the machine's own; else skip the test."""
    installer = Installer.default()
    name = installer.catalogue.tool_of(binary)
    try:
        entry = installer.cache.find(installer.key(name))
    except Damaged:
        entry = None
    found = entry.binaries[binary] if entry else shutil.which(binary)
    if found is None:
        pytest.skip(f"{binary} is not here yet: dogitops tools install {name}")
    return Path(found)


@pytest.fixture(scope="session")
def promtool() -> Path:
    return tool("promtool")


@pytest.fixture(scope="session")
def amtool() -> Path:
    return tool("amtool")


@pytest.fixture(scope="session")
def logcli() -> Path:
    return tool("logcli")


@pytest.fixture(scope="session")
def loki() -> Path:
    return tool("loki")


@pytest.fixture(scope="session")
def kustomize() -> Path:
    return tool("kustomize")
