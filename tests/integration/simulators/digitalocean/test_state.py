"""The state in a file, the clock, and the lists of what there is."""

from __future__ import annotations

import stat
from pathlib import Path

import pydo
import pytest

from automation.errors import ConfigurationError
from automation.prices import prices
from automation.simulators.digitalocean import Delays, DigitalOceanSimulator, VirtualClock
from automation.simulators.digitalocean.answers import Answer
from automation.simulators.digitalocean.cloud import Cloud, ready
from automation.simulators.digitalocean.routing import route
from tests.integration.simulators.digitalocean.ocean import DROPLET, client_of


def test_a_saved_state_goes_on_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "state.json"
    slow = Delays.lifelike()
    with DigitalOceanSimulator(clock=VirtualClock(), delays=slow, state=file) as cloud:
        token = cloud.token()
        client = client_of(cloud, token)
        volume = client.volumes.create({"name": "data", "region": "fra1", "size_gigabytes": 10, "tags": ["x"]})
        project = client.projects.create({"name": "shop", "purpose": "IoT"})["project"]
        client.projects.assign_resources(project["id"], {"resources": [f"do:volume:{volume['volume']['id']}"]})
        first = client.droplets.create(DROPLET)["droplet"]
        cloud.advance(20)
        limited = cloud.token(["droplet:read"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with DigitalOceanSimulator(clock=VirtualClock(), delays=slow, state=file) as cloud:
        client = client_of(cloud, token)
        assert client.volumes.list()["volumes"] == [volume["volume"]]
        assert len(client.projects.list_resources(project["id"])["resources"]) == 1
        cloud.advance(9)
        assert client.droplets.get(first["id"])["droplet"]["status"] == "new"
        cloud.advance(1)
        assert client.droplets.get(first["id"])["droplet"]["status"] == "active"
        second = client_of(cloud).droplets.create(DROPLET)["droplet"]
        assert second["id"] > first["id"]
        with pytest.raises(Exception, match="not authorized"):
            client_of(cloud, limited).volumes.list()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"tokens": 1}', '{"format": 1, "resources": {"x": []}}'])
def test_a_file_that_is_no_state(tmp_path: Path, content: str) -> None:
    file = tmp_path / "state.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match="is not a state of the DigitalOcean simulator"):
        DigitalOceanSimulator(state=file)
    assert file.read_text() == content


def test_a_state_that_was_cut_off_is_refused_and_kept(
    tmp_path: Path, cloud: DigitalOceanSimulator, client: pydo.Client
) -> None:
    client.droplets.create(DROPLET)
    file = tmp_path / "state.json"
    cloud.save(file)
    whole = file.read_bytes()
    for length in (1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ConfigurationError, match="is not a state of the DigitalOcean simulator") as refused:
            DigitalOceanSimulator(state=file)
        assert "remove this one" in str(refused.value.hint)
        assert file.read_bytes() == whole[:length]


def test_saving_and_loading_by_hand(tmp_path: Path, cloud: DigitalOceanSimulator, client: pydo.Client) -> None:
    client.tags.create({"name": "before"})
    cloud.save(tmp_path / "state.json")
    client.tags.create({"name": "after"})
    cloud.load(tmp_path / "state.json")
    assert [it["name"] for it in client.tags.list()["tags"]] == ["before"]


def test_steps_happen_at_their_own_time() -> None:
    ready()
    cloud = Cloud(clock=VirtualClock(start=1000.0))
    seen = []
    from automation.simulators.digitalocean import events  # noqa: PLC0415 - a step of this test's own

    @events.step("test.step")
    def _step(cloud: Cloud, name: str) -> None:
        seen.append((name, cloud.clock.now()))
        if name == "first":
            cloud.later(3, "test.step", name="third")

    cloud.later(10, "test.step", name="second")
    cloud.later(5, "test.step", name="first")
    cloud.advance(20)
    assert seen == [("first", 1005.0), ("third", 1008.0), ("second", 1010.0)]
    assert cloud.clock.now() == 1020.0


def test_prices_are_those_of_the_price_list(client: pydo.Client) -> None:
    listed = {it["slug"]: it for it in client.sizes.list(per_page=200)["sizes"]}
    assert {slug: it["price_monthly"] for slug, it in listed.items()} == prices()["sizes"]
    small = listed["s-1vcpu-1gb"]
    assert (small["memory"], small["vcpus"], small["disk"], small["price_hourly"]) == (1024, 1, 25, 0.00893)


def test_regions_and_images(client: pydo.Client) -> None:
    regions = {it["slug"]: it for it in client.regions.list(per_page=200)["regions"]}
    assert regions["fra1"]["available"]
    assert not regions["ams2"]["available"]
    assert "s-1vcpu-1gb" in regions["fra1"]["sizes"]
    assert "gpu-h100x1-80gb" not in regions["fra1"]["sizes"]
    slugs = {it["slug"] for it in client.images.list(type="distribution", per_page=200)["images"]}
    assert {"ubuntu-24-04-x64", "debian-13-x64"} <= slugs
    image = client.images.get("ubuntu-24-04-x64")["image"]
    assert client.images.get(image["id"])["image"] == image
    assert client.images.list(type="application", per_page=200)["meta"]["total"] > 100
    assert client.images.list(private=True)["images"] == []


def test_a_route_is_there_once() -> None:
    ready()
    with pytest.raises(ValueError, match="GET /v2/images is routed twice"):
        route("GET", "/v2/images")(lambda cloud, call: Answer())
