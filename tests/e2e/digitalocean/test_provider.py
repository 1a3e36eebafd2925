"""The real provider under real tofu against the simulated DigitalOcean: the whole life of resources."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from automation.simulators.digitalocean import DigitalOceanSimulator, Fault
from tests.e2e.digitalocean.provider import Root, asked_for, buckets, root_of, simulated
from tests.integration.simulators.digitalocean.ocean import standing

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]
CONFIGURATIONS = Path(__file__).parent
# Addresses that are taken out of the state and imported again, and what by: the resource's values in braces. Those that
# are not here, the provider can't import.
IMPORTED = {
    "databases": {
        "digitalocean_database_cluster.main": "{id}",
        "digitalocean_database_db.shop": "{cluster_id},{name}",
        "digitalocean_database_firewall.main": "{cluster_id}",
        "digitalocean_database_user.shop": "{cluster_id},{name}",
    },
    "droplets": {
        "digitalocean_tag.owner": "{id}",
        "digitalocean_ssh_key.admin": "{id}",
        "digitalocean_droplet.batch[1]": "{id}",
        "digitalocean_volume.data": "{id}",
        "digitalocean_volume_snapshot.data": "{id}",
        "digitalocean_droplet_snapshot.web": "{id}",
        "digitalocean_project.e2e": "{id}",
    },
    "network": {
        "digitalocean_vpc.inner": "{id}",
        "digitalocean_droplet.web": "{id}",
        "digitalocean_firewall.web": "{id}",
        "digitalocean_loadbalancer.front": "{id}",
        "digitalocean_reserved_ip.web": "{ip_address}",
        "digitalocean_reserved_ip_assignment.spare": "{ip_address},{droplet_id}",
        "digitalocean_domain.example": "{name}",
        "digitalocean_record.www": "example.com,{id}",
        "digitalocean_container_registry.images": "{name}",
    },
    "kubernetes": {
        "digitalocean_kubernetes_cluster.main": "{id}",
        "digitalocean_kubernetes_node_pool.jobs": "{id}",
    },
    "spaces": {
        "digitalocean_spaces_bucket.data": "{region},{name}",
    },
}
# The provider makes up another id for these whenever it imports them.
RENAMED = {"digitalocean_database_firewall.main", "digitalocean_reserved_ip_assignment.spare"}


def life(root: Root, cloud: DigitalOceanSimulator, name: str) -> None:
    """Apply, change, import and destroy."""
    there = standing(cloud)
    root.apply()
    root.assert_nothing_to_do()
    before = root.resources()
    changed = "-var=changed=true"
    told = root.apply(changed)
    assert "must be replaced" not in told
    root.assert_nothing_to_do(changed)
    for address, identifier in IMPORTED[name].items():
        values = root.resources()[address]
        root.tofu("state", "rm", address)
        root.tofu("import", "-input=false", changed, address, identifier.format_map(values))
    root.assert_nothing_to_do(changed)
    after = root.resources()
    kept = {address for address in before if after[address]["id"] == before[address]["id"]}
    assert kept >= set(IMPORTED[name]) - RENAMED
    root.apply("-destroy", changed)
    assert root.resources() == {}
    assert standing(cloud) == there


@pytest.fixture(scope="module")
def lives(
    request: pytest.FixtureRequest, configuration: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[None]]]:
    """Begin all lives that are asked for beside each other: the provider waits most of the time."""
    with ExitStack() as clouds, ThreadPoolExecutor() as pool:
        ready = {}
        for name in asked_for(request, "name"):  # one after another: they share a cache
            cloud, folder = clouds.enter_context(simulated()), tmp_path_factory.mktemp(name)
            variables = clouds.enter_context(buckets(cloud, folder / "buckets"))
            text = (CONFIGURATIONS / f"{name}.tf").read_text()
            ready[name] = cloud, root_of(cloud, configuration | variables, folder / "root", text)
        yield {name: pool.submit(life, root, cloud, name) for name, (cloud, root) in ready.items()}


@pytest.mark.parametrize("name", sorted(IMPORTED))
def test_the_whole_life(lives: dict[str, Future[None]], name: str) -> None:
    lives[name].result()


SMALL = """
resource "digitalocean_droplet" "web" {
  count  = 2
  name   = "web-${count.index}"
  region = "fra1"
  size   = "s-1vcpu-1gb"
  image  = "ubuntu-24-04-x64"
}

resource "digitalocean_volume" "data" {
  name   = "data"
  region = "fra1"
  size   = 10
}
"""
ATTACHED = """
resource "digitalocean_volume_attachment" "data" {
  droplet_id = digitalocean_droplet.web[0].id
  volume_id  = digitalocean_volume.data.id
}
"""


def test_what_was_deleted_behind_our_back_is_made_again(
    cloud: DigitalOceanSimulator, configuration: dict[str, str], tmp_path: Path
) -> None:
    root = root_of(cloud, configuration, tmp_path / "root", SMALL)
    root.apply()
    gone = root.resources()["digitalocean_droplet.web[1]"]["id"]
    with cloud.lock:
        del cloud.state.resources["droplets"][int(gone)]
    assert "1 to add" in root.tofu("plan", "-detailed-exitcode", "-input=false", code=2)
    root.apply()
    assert root.resources()["digitalocean_droplet.web[1]"]["id"] != gone
    root.apply("-destroy")
    assert standing(cloud) == {}


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("volume.attach", "Error waiting for attach volume"), ("truncated", "unexpected EOF")],
)
def test_an_apply_that_failed_is_finished_by_the_next(
    cloud: DigitalOceanSimulator, configuration: dict[str, str], tmp_path: Path, trouble: str, words: str
) -> None:
    root = root_of(cloud, configuration, tmp_path / "root", SMALL + ATTACHED)
    if trouble == "truncated":
        cloud.faults.add(Fault(trouble, "GET", "/v2/actions/*"))
    else:
        cloud.faults.trouble(trouble, name="data")
    assert words in root.apply(code=1)
    root.apply()
    root.assert_nothing_to_do()
    root.apply("-destroy")
    assert standing(cloud) == {}
