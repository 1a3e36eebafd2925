from __future__ import annotations

from collections.abc import Iterator

import pytest

from automation.digitalocean.client import DigitalOcean
from automation.simulators.digitalocean import DigitalOceanSimulator, Limits

from .scripted import account


@pytest.fixture
def sky() -> Iterator[DigitalOceanSimulator]:
    """Serve a cloud without delays and limits of requests; asking what it doesn't know fails the test."""
    limits = Limits(droplets=1000, volumes=1000, reserved_ips=50, hour=None, minute=None)
    with DigitalOceanSimulator(limits=limits) as sky:
        yield sky
        assert sky.unknown() == []


@pytest.fixture
def cloud(sky: DigitalOceanSimulator) -> DigitalOcean:
    """Return our seam with a token of full access."""
    return account(sky.url, token=sky.token())
