from __future__ import annotations

from collections.abc import Iterator

import pydo
import pytest

from automation.simulators.digitalocean import Delays, DigitalOceanSimulator, VirtualClock
from tests.integration.simulators.digitalocean.ocean import client_of


@pytest.fixture
def quiet_cloud() -> Iterator[DigitalOceanSimulator]:
    """Serve a cloud without delays, whose clock a test moves; it may be asked what it doesn't know."""
    with DigitalOceanSimulator(clock=VirtualClock()) as cloud:
        yield cloud


@pytest.fixture
def cloud(quiet_cloud: DigitalOceanSimulator) -> Iterator[DigitalOceanSimulator]:
    """Serve a cloud; asking what it doesn't know fails the test."""
    yield quiet_cloud
    assert quiet_cloud.unknown() == []


@pytest.fixture
def slow_cloud() -> Iterator[DigitalOceanSimulator]:
    """Serve a cloud in which things take their time, by a clock that a test moves."""
    with DigitalOceanSimulator(clock=VirtualClock(), delays=Delays.lifelike()) as cloud:
        yield cloud
        assert cloud.unknown() == []


@pytest.fixture
def client(cloud: DigitalOceanSimulator) -> pydo.Client:
    """Return pydo with full access."""
    return client_of(cloud)
