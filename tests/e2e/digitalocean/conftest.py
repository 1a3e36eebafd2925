"""The provider comes from the file-system mirror that DOGITOPS_PROVIDER_MIRROR names, else from the registry.

Where it is in neither, the tests are skipped and say so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from automation.simulators.digitalocean import DigitalOceanSimulator
from automation.toolchain import install
from tests.e2e.digitalocean.provider import TERRAFORM, Root, simulated

VARIABLE = "DOGITOPS_PROVIDER_MIRROR"


@pytest.fixture(scope="session")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables with which tofu finds the provider."""
    folder = tmp_path_factory.mktemp("tofu")
    variables = {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_PLUGIN_CACHE_DIR": str(folder)}
    mirror = os.environ.get(VARIABLE)
    if mirror:
        file = folder / "tofu.rc"
        file.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
        variables["TF_CLI_CONFIG_FILE"] = str(file)
    root = Root(install.ensure("tofu")["tofu"], folder / "try", variables)
    root.folder.mkdir()
    (root.folder / "main.tf").write_text(TERRAFORM)
    try:
        root.tofu("init", "-input=false")
    except AssertionError as error:
        place = f"the mirror {mirror}" if mirror else f"the registry (and {VARIABLE} names no mirror)"
        pytest.skip(f"the DigitalOcean provider can't be had from {place}: {str(error).strip().splitlines()[-1]}")
    return variables


@pytest.fixture
def cloud() -> Iterator[DigitalOceanSimulator]:
    """Serve a cloud."""
    with simulated() as running:
        yield running
