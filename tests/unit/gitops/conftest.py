from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from automation.gitops.manifests import Manifest
from automation.toolchain.cache import Damaged
from automation.toolchain.install import Installer
from tests.unit.gitops.everything import renderings


@pytest.fixture(scope="session")
def kustomize() -> Path:
    """Return the pinned kustomize, as it lies in the cache; else the machine's own."""
    installer = Installer.default()
    try:
        entry = installer.cache.find(installer.key("kustomize"))
    except Damaged:
        entry = None
    found = entry.binaries["kustomize"] if entry else shutil.which("kustomize")
    if found is None:
        pytest.skip("kustomize is not here yet: dogitops tools install kustomize")
    return Path(found)


@pytest.fixture(scope="session")
def rendered(kustomize: Path) -> dict[str, list[Manifest]]:
    """Return every folder of gitops/, rendered."""
    return renderings(kustomize)
