"""What becomes of an apply and a destroy by the real provider with a fault: the last column of docs/faults.md."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from automation import wait
from automation.digitalocean import inventory
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.transport import Patience
from automation.jobs.infrastructure.reap import Reaper, reap
from automation.secret import Secret
from automation.simulators.digitalocean import DigitalOceanSimulator
from tests import faults
from tests.e2e.digitalocean.provider import APPLY, Root, asked_for, root_of, simulated
from tests.integration.simulators.digitalocean.ocean import standing

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

DROPLET = """
resource "digitalocean_droplet" "web" {
  name   = "dogitops-web"
  region = "fra1"
  size   = "s-1vcpu-1gb"
  image  = "ubuntu-24-04-x64"
  tags   = ["dogitops"]
}

resource "digitalocean_volume" "data" {
  name       = "dogitops-data"
  region     = "fra1"
  size       = 10
  tags       = ["dogitops"]
  depends_on = [digitalocean_droplet.web]
}
"""
ATTACHED = """
resource "digitalocean_volume_attachment" "data" {
  droplet_id = digitalocean_droplet.web.id
  volume_id  = digitalocean_volume.data.id
}
"""
CLUSTER = """
resource "digitalocean_kubernetes_cluster" "main" {
  name    = "dogitops-main"
  region  = "fra1"
  version = "1.34.5-do.3"
  ha      = false
  tags    = ["dogitops"]

  node_pool {
    name       = "default"
    size       = "s-2vcpu-4gb"
    node_count = 1
  }
}
"""
BALANCER = """
resource "digitalocean_loadbalancer" "front" {
  name   = "dogitops-front"
  region = "fra1"

  forwarding_rule {
    entry_port      = 80
    entry_protocol  = "http"
    target_port     = 80
    target_protocol = "http"
  }
}
"""
SIDE_BY_SIDE = 6
A_WHILE = 60.0


def text_of(row: str) -> str:
    if row.startswith("cluster"):
        return CLUSTER
    if row == faults.NEVER_ACTIVE:
        return BALANCER
    return DROPLET + ATTACHED if row.startswith("volume") else DROPLET


def error_in(output: str) -> str:
    """Return the first error that tofu tells."""
    found = re.search(r"Error: (.+)", output)
    assert found is not None, output
    return faults.told(found[1])


def lived(root: Root, cloud: DigitalOceanSimulator, row: str) -> str:
    """Apply and destroy, with the fault; without it, what failed is done again. Return what happened."""
    said = []
    for words in (APPLY, (*APPLY, "-destroy")):
        code, output = root.tried(*words)
        if not code:
            continue
        cloud.faults.clear()
        said.append(f"{'the destroy ' if '-destroy' in words else ''}fails: {error_in(output)}")
        code, output = root.tried(*words)
        said.append(f"The next run {'fails, too: ' + error_in(output) if code else 'succeeds.'}")
    assert cloud.faults.met, f"{row}: the fault never happened"
    return " ".join(said) or "goes on"


def interrupted(root: Root, cloud: DigitalOceanSimulator) -> str:
    """Apply, and interrupt it once it waits; then destroy."""
    with root.start(*APPLY) as child:
        wait.until(lambda: standing(cloud).get("load_balancers"), "the load balancer", timeout=60, interval=0.2)
        child.send_signal(signal.SIGINT)
        output, _ = child.communicate(timeout=120)
    assert child.returncode == 1, output
    cloud.faults.clear()
    root.apply("-destroy")
    return f"waits for it; interrupted, it fails: {error_in(output)} The destroy removes it."


def outcome_of(root: Root, cloud: DigitalOceanSimulator, row: str) -> str:
    """Return what becomes of an apply, after a reap that leaves nothing."""
    if row.startswith("volume"):
        root.apply()
    faults.ROWS[row](cloud)
    outcome = interrupted(root, cloud) if row == faults.NEVER_ACTIVE else lived(root, cloud, row)
    cloud.faults.clear()
    cloud.advance(A_WHILE)  # so that deletions end
    account = DigitalOcean(Secret(cloud.token()), cloud.url, Patience(poll=0.2))
    left = [item for item in inventory.look(account) if item.kind != "tag"]
    reap(Reaper(account, everything=True, now=datetime.now(UTC)), confirm=lambda _: True)
    cloud.advance(A_WHILE)
    assert standing(cloud) == {}, "orphaned"
    return outcome + (f" Left: {', '.join(sorted(item.kind for item in left))}." if left else "")


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, configuration: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[str]]]:
    """Begin all rows that are asked for, several beside each other: the provider waits most of the time."""
    with ExitStack() as clouds, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        ready = {}
        for row in asked_for(request, "row"):  # one after another: they share a cache
            cloud = clouds.enter_context(simulated())
            ready[row] = cloud, root_of(cloud, configuration, tmp_path_factory.mktemp("root"), text_of(row))
        yield {row: pool.submit(outcome_of, root, cloud, row) for row, (cloud, root) in ready.items()}


@pytest.mark.parametrize("row", faults.ROWS)
def test_the_table_of_faults_is_what_happens(outcomes: dict[str, Future[str]], row: str) -> None:
    faults.compare(row, faults.PROVIDER, outcomes[row].result())
