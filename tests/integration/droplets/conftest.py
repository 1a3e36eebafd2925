from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.droplets import keys
from automation.droplets.keys import KeyPair
from tests.integration.droplets.server import SshServer

LOGIN, BOOT = keys.new_pair("admin"), keys.new_pair("boot")


@pytest.fixture
def boot_key() -> KeyPair:
    return BOOT


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    made = SshServer(tmp_path / "machine", LOGIN, BOOT)
    yield made
    made.stop()
