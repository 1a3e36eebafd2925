"""The real provider under real tofu against the simulated DigitalOcean: the whole life of resources.

The provider comes from the file-system mirror that DOGITOPS_PROVIDER_MIRROR names, else from the registry; where it is
in neither, the tests are skipped and say so.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from automation.simulators.digitalocean import Delays, DigitalOceanSimulator, Fault, Limits
from automation.toolchain import install

pytestmark = pytest.mark.e2e

VARIABLE = "DOGITOPS_PROVIDER_MIRROR"
CONFIGURATIONS = Path(__file__).with_name("digitalocean")
TERRAFORM = """
terraform {
  required_providers {
    digitalocean = { source = "digitalocean/digitalocean" }
  }
}
"""
# Kinds that are the simulator's records, or always there: not what tofu makes.
NOT_MADE = {"actions", "images", "tags", "projects", "vpcs"}


@dataclass
class Root:
    """A folder of configuration, whose provider talks to the simulator."""

    binary: Path
    folder: Path
    variables: dict[str, str]

    def tofu(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [str(self.binary), *words, "-no-color"],
            cwd=self.folder,
            env=os.environ | self.variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == code, f"tofu {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def apply(self, *words: str, code: int = 0) -> str:
        return self.tofu("apply", "-auto-approve", "-input=false", *words, code=code)

    def assert_nothing_to_do(self, *words: str) -> None:
        self.tofu("plan", "-detailed-exitcode", "-input=false", *words)  # 2 would be changes

    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the values in the state by address."""
        shown = json.loads(self.tofu("show", "-json"))
        found = shown.get("values", {}).get("root_module", {}).get("resources", [])
        return {it["address"]: it["values"] for it in found if it["mode"] == "managed"}


@pytest.fixture(scope="module")
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
    """Serve a cloud in which things take a hundredth of their time; what it doesn't know fails the test."""
    with DigitalOceanSimulator(delays=Delays.scaled(0.01), limits=Limits(hour=None, minute=None)) as running:
        yield running
        assert running.unknown() == []


def root_of(cloud: DigitalOceanSimulator, configuration: dict[str, str], folder: Path, text: str) -> Root:
    """Return a folder with that configuration, initialized."""
    variables = configuration | {
        "DIGITALOCEAN_TOKEN": cloud.token(),
        "DIGITALOCEAN_API_URL": cloud.url,
        "DIGITALOCEAN_REQUESTS_PER_SECOND": "0",
        "DIGITALOCEAN_HTTP_RETRY_WAIT_MIN": "0.1",
        "DIGITALOCEAN_HTTP_RETRY_WAIT_MAX": "1",
    }
    folder.mkdir(exist_ok=True)
    (folder / "main.tf").write_text(TERRAFORM + text)
    root = Root(install.ensure("tofu")["tofu"], folder, variables)
    root.tofu("init", "-input=false")
    return root


def left(cloud: DigitalOceanSimulator) -> dict[str, list[str]]:
    """Return what tofu should have destroyed."""
    found = {
        kind: [str(it.id) for it in every.values()]
        for kind, every in cloud.state.resources.items()
        if kind not in NOT_MADE and every
    }
    made = [it.name for it in cloud.state.resources.get("projects", {}).values() if not it.is_default]  # type: ignore[attr-defined]
    images = [it.name for it in cloud.state.resources.get("images", {}).values() if not it.deleted]  # type: ignore[attr-defined]
    return found | ({"projects": made} if made else {}) | ({"images": images} if images else {})


# Addresses that are taken out of the state and imported again, and the field that holds the id to import by.
IMPORTED = {
    "droplets": {
        "digitalocean_tag.owner": "id",
        "digitalocean_ssh_key.admin": "id",
        "digitalocean_droplet.batch[1]": "id",
        "digitalocean_volume.data": "id",
        "digitalocean_volume_snapshot.data": "id",
        "digitalocean_droplet_snapshot.web": "id",
        "digitalocean_project.e2e": "id",
    },
    "network": {
        "digitalocean_vpc.inner": "id",
        "digitalocean_droplet.web": "id",
        "digitalocean_firewall.web": "id",
        "digitalocean_loadbalancer.front": "id",
        "digitalocean_reserved_ip.web": "ip_address",
        "digitalocean_domain.example": "name",
        "digitalocean_record.www": "id",
        "digitalocean_container_registry.images": "name",
    },
    "kubernetes": {
        "digitalocean_kubernetes_cluster.main": "id",
        "digitalocean_kubernetes_node_pool.jobs": "id",
    },
}
BESIDE = {"digitalocean_record.www": "example.com,"}  # what an import's id starts with


@pytest.mark.parametrize("name", sorted(IMPORTED))
def test_the_whole_life(cloud: DigitalOceanSimulator, configuration: dict[str, str], tmp_path: Path, name: str) -> None:
    root = root_of(cloud, configuration, tmp_path / name, (CONFIGURATIONS / f"{name}.tf").read_text())
    root.apply()
    root.assert_nothing_to_do()
    before = root.resources()
    changed = "-var=changed=true"
    told = root.apply(changed)
    assert "must be replaced" not in told
    root.assert_nothing_to_do(changed)
    for address, field in IMPORTED[name].items():
        identifier = BESIDE.get(address, "") + str(root.resources()[address][field])
        root.tofu("state", "rm", address)
        root.tofu("import", "-input=false", changed, address, identifier)
    root.assert_nothing_to_do(changed)
    kept = {address for address in before if root.resources()[address]["id"] == before[address]["id"]}
    assert kept >= set(IMPORTED[name])
    root.apply("-destroy", changed)
    assert root.resources() == {}
    assert left(cloud) == {}


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
    assert left(cloud) == {}


def test_an_apply_survives_faults_before_the_effect(
    cloud: DigitalOceanSimulator, configuration: dict[str, str], tmp_path: Path
) -> None:
    root = root_of(cloud, configuration, tmp_path / "root", SMALL)
    faults = [
        Fault("429", "POST", "/v2/droplets", times=2, retry_after=1),
        Fault("5xx-before", "POST", "/v2/volumes", times=2, status=503),
        Fault("5xx-before", "GET", "/v2/droplets/*", times=2),
        Fault("cut", "GET", "/v2/volumes/*", times=2),
        Fault("cut", "POST", "/v2/droplets"),
        Fault("slow", "*", "/v2/droplets*", times=2, seconds=1),
    ]
    for fault in faults:
        cloud.faults.add(fault)
    root.apply()
    assert cloud.faults.met == {"429": 2, "5xx-before": 4, "cut": 3, "slow": 2}
    root.assert_nothing_to_do()
    root.apply("-destroy")
    assert left(cloud) == {}


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
    assert left(cloud) == {}


def test_a_volume_that_will_not_detach_is_told_and_destroyed_the_next_time(
    cloud: DigitalOceanSimulator, configuration: dict[str, str], tmp_path: Path
) -> None:
    root = root_of(cloud, configuration, tmp_path / "root", SMALL + ATTACHED)
    root.apply()
    cloud.faults.trouble("volume.detach", name="data")
    assert "detach volume" in root.apply("-destroy", code=1)
    assert "digitalocean_volume.data" in root.resources()
    root.apply("-destroy")
    assert left(cloud) == {}


def test_no_capacity_is_told_in_the_cloud_s_words(
    cloud: DigitalOceanSimulator, configuration: dict[str, str], tmp_path: Path
) -> None:
    root = root_of(cloud, configuration, tmp_path / "root", SMALL)
    cloud.faults.trouble("droplet.capacity", name="web-1")
    assert "Size is not available in this region" in root.apply(code=1)
    root.apply("-destroy")
    assert left(cloud) == {}


def test_a_create_whose_answer_is_lost_is_repeated_and_leaves_a_second_droplet(
    cloud: DigitalOceanSimulator, configuration: dict[str, str], tmp_path: Path
) -> None:
    """The provider repeats a POST after a 5xx: what only somebody who looks up by name and tag can find again."""
    root = root_of(cloud, configuration, tmp_path / "root", SMALL)
    cloud.faults.add(Fault("5xx-after", "POST", "/v2/droplets"))
    root.apply()
    assert len(cloud.state.resources["droplets"]) == 3
    root.apply("-destroy")
    assert list(left(cloud)) == ["droplets"]
