"""Droplets and what is done to them, by pydo."""

from __future__ import annotations

from typing import Any

import pydo
import pytest
from azure.core.exceptions import HttpResponseError

from automation.simulators.digitalocean import DigitalOceanSimulator, Limits, VirtualClock
from tests.integration.simulators.digitalocean.ocean import DROPLET, ask, client_of

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl admin"


@pytest.fixture
def droplet(client: pydo.Client) -> dict[str, Any]:
    """Make a droplet, and return it as it is when it is active."""
    made = client.droplets.create(DROPLET)["droplet"]
    shown: dict[str, Any] = client.droplets.get(made["id"])["droplet"]
    return shown


def act(client: pydo.Client, droplet: dict[str, Any], type_: str, **more: Any) -> dict[str, Any]:
    """Do something to a droplet, and return the action as it ended."""
    begun = client.droplet_actions.post(droplet["id"], {"type": type_, **more})["action"]
    assert begun["status"] == "in-progress"
    ended: dict[str, Any] = client.droplet_actions.get(droplet["id"], begun["id"])["action"]
    return ended


def refused(client: pydo.Client, droplet: dict[str, Any], type_: str, **more: Any) -> str:
    """Return the message of the 422 that an action is answered with."""
    with pytest.raises(HttpResponseError) as error:
        client.droplet_actions.post(droplet["id"], {"type": type_, **more})
    assert error.value.status_code == 422
    return str(error.value.response.json()["message"])


def test_a_droplet_becomes_active_in_its_time(slow_cloud: DigitalOceanSimulator) -> None:
    client = client_of(slow_cloud)
    made = client.droplets.create(DROPLET | {"tags": ["a", "b"]})
    droplet, link = made["droplet"], made["links"]["actions"][0]
    assert (droplet["status"], droplet["locked"], droplet["networks"]) == ("new", True, {"v4": [], "v6": []})
    assert link["rel"] == "create"
    slow_cloud.advance(29)
    assert client.droplets.get(droplet["id"])["droplet"]["status"] == "new"
    assert client.actions.get(link["id"])["action"]["completed_at"] is None
    slow_cloud.advance(1)
    droplet = client.droplets.get(droplet["id"])["droplet"]
    assert (droplet["status"], droplet["locked"]) == ("active", False)
    assert {it["type"] for it in droplet["networks"]["v4"]} == {"public", "private"}
    action = client.actions.get(link["id"])["action"]
    assert (action["status"], action["resource_id"]) == ("completed", droplet["id"])
    assert action["completed_at"] == "2026-01-01T00:00:30Z"


def test_what_a_droplet_was_ordered_with(client: pydo.Client) -> None:
    key = client.ssh_keys.create({"name": "admin", "public_key": KEY})["ssh_key"]
    volume = client.volumes.create({"name": "data", "region": "fra1", "size_gigabytes": 10})["volume"]
    more = {"ssh_keys": [key["fingerprint"]], "volumes": [volume["id"]], "ipv6": True, "backups": True}
    made = client.droplets.create(DROPLET | more)["droplet"]
    droplet = client.droplets.get(made["id"])["droplet"]
    assert set(droplet["features"]) == {"backups", "ipv6", "droplet_agent", "private_networking"}
    assert droplet["volume_ids"] == [volume["id"]]
    assert droplet["size"]["price_monthly"] == 6
    assert droplet["image"]["slug"] == "ubuntu-24-04-x64"
    assert droplet["networks"]["v6"]
    assert droplet["next_backup_window"]["start"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"region": "mars1"}, "invalid region"),
        ({"region": "ams2"}, "invalid region"),
        ({"size": "s-9vcpu"}, "invalid size"),
        ({"size": 5}, "invalid size"),
        ({"image": "windows-95"}, "invalid image"),
        ({"image": None}, "invalid image"),
        ({"image": True}, "invalid image"),
        ({"image": 1}, "invalid image"),
        ({"name": "under_score"}, "hostname characters"),
        ({"name": ""}, "hostname characters"),
        ({"name": "x" * 256}, "hostname characters"),
        ({"ssh_keys": [1]}, "invalid key identifiers"),
        ({"ssh_keys": [None]}, "invalid key identifiers"),
        ({"tags": ["no blanks"]}, "Tag name"),
        ({"tags": "a"}, "array"),
        ({"volumes": ["nothing"]}, "not found"),
        ({"backups": "yes"}, "boolean"),
        ({"backup_policy": {"hour": 3}}, "hour"),
        ({"size": "gpu-h100x1-80gb"}, "not available"),
    ],
)
def test_an_order_that_cannot_be(
    cloud: DigitalOceanSimulator, client: pydo.Client, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(HttpResponseError) as error:
        client.droplets.create(DROPLET | wrong)
    assert error.value.status_code == 422
    assert words in error.value.response.json()["message"]
    assert client.droplets.list()["droplets"] == []
    assert cloud.state.resources.get("tags", {}) == {}


def test_the_limit_of_droplets() -> None:
    with DigitalOceanSimulator(limits=Limits(droplets=3)) as cloud:
        client = client_of(cloud)
        assert client.account.get()["account"]["droplet_limit"] == 3
        many = {name: value for name, value in DROPLET.items() if name != "name"} | {"names": ["a", "b"]}
        made = client.droplets.create(many)
        assert [it["name"] for it in made["droplets"]] == ["a", "b"]
        assert len(made["links"]["actions"]) == 2
        with pytest.raises(HttpResponseError, match="will exceed your droplet limit"):
            client.droplets.create(many)
        assert client.droplets.list()["meta"]["total"] == 2


def test_lists_by_name_and_tag(client: pydo.Client) -> None:
    client.droplets.create(DROPLET | {"name": "a", "tags": ["x"]})
    client.droplets.create(DROPLET | {"name": "b", "tags": ["x", "y"]})
    assert [it["name"] for it in client.droplets.list(tag_name="x")["droplets"]] == ["a", "b"]
    assert [it["name"] for it in client.droplets.list(tag_name="y")["droplets"]] == ["b"]
    assert [it["name"] for it in client.droplets.list(name="a")["droplets"]] == ["a"]
    client.droplets.destroy_by_tag(tag_name="y")
    assert [it["name"] for it in client.droplets.list()["droplets"]] == ["a"]


def test_a_droplet_is_destroyed_in_its_time(slow_cloud: DigitalOceanSimulator) -> None:
    client = client_of(slow_cloud)
    droplet = client.droplets.create(DROPLET)["droplet"]
    slow_cloud.advance(30)
    client.droplets.destroy(droplet["id"])
    assert client.droplets.get(droplet["id"])["droplet"]["locked"]
    assert refused(client, droplet, "power_off") == "Droplet already has a pending event."
    slow_cloud.advance(5)
    assert client.droplets.get(droplet["id"])["id"] == "not_found"


def test_resizing_needs_a_droplet_that_is_off(client: pydo.Client, droplet: dict[str, Any]) -> None:
    assert "powered off" in refused(client, droplet, "resize", size="s-2vcpu-4gb")
    assert act(client, droplet, "power_off")["status"] == "completed"
    assert client.droplets.get(droplet["id"])["droplet"]["status"] == "off"
    assert "already powered off" in refused(client, droplet, "power_off")
    assert "invalid size" in refused(client, droplet, "resize", size="s-9vcpu")
    act(client, droplet, "resize", size="s-2vcpu-4gb", disk=False)
    resized = client.droplets.get(droplet["id"])["droplet"]
    assert (resized["size_slug"], resized["memory"], resized["disk"]) == ("s-2vcpu-4gb", 4096, 25)
    act(client, droplet, "resize", size="s-4vcpu-8gb", disk=True)
    assert client.droplets.get(droplet["id"])["droplet"]["disk"] == 160
    assert "smaller disk" in refused(client, droplet, "resize", size="s-1vcpu-1gb")
    act(client, droplet, "power_on")
    assert client.droplets.get(droplet["id"])["droplet"]["status"] == "active"


def test_snapshot_and_rebuild(client: pydo.Client, droplet: dict[str, Any]) -> None:
    action = act(client, droplet, "snapshot", name="before")
    (snapshot,) = client.droplets.list_snapshots(droplet["id"])["snapshots"]
    assert (snapshot["name"], snapshot["created_at"]) == ("before", action["started_at"])
    shown = client.snapshots.get(str(snapshot["id"]))["snapshot"]
    assert (shown["resource_type"], shown["resource_id"]) == ("droplet", str(droplet["id"]))
    assert client.droplets.get(droplet["id"])["droplet"]["snapshot_ids"] == [snapshot["id"]]
    act(client, droplet, "rebuild", image=snapshot["id"])
    assert client.droplets.get(droplet["id"])["droplet"]["image"]["id"] == snapshot["id"]
    client.snapshots.delete(str(snapshot["id"]))
    after = client.droplets.get(droplet["id"])["droplet"]
    assert (after["snapshot_ids"], after["image"]["name"]) == ([], "before")
    with pytest.raises(HttpResponseError, match="invalid image"):
        client.droplets.create(DROPLET | {"image": snapshot["id"]})


def test_a_snapshot_is_for_its_region(client: pydo.Client, droplet: dict[str, Any]) -> None:
    act(client, droplet, "snapshot", name="before")
    (image,) = client.images.list(private=True)["images"]
    with pytest.raises(HttpResponseError, match="not available in the selected region"):
        client.droplets.create(DROPLET | {"image": image["id"], "region": "nyc3"})
    client.image_actions.post(image["id"], {"type": "transfer", "region": "nyc3"})
    client.droplets.create(DROPLET | {"image": image["id"], "region": "nyc3"})


def test_other_actions(client: pydo.Client, droplet: dict[str, Any]) -> None:
    act(client, droplet, "rename", name="web-2")
    act(client, droplet, "enable_ipv6")
    act(client, droplet, "enable_backups", backup_policy={"plan": "daily", "hour": 8})
    act(client, droplet, "reboot")
    shown = client.droplets.get(droplet["id"])["droplet"]
    assert shown["name"] == "web-2"
    assert {"ipv6", "backups"} <= set(shown["features"])
    policy = client.droplets.get_backup_policy(droplet["id"])["policy"]
    assert policy["backup_policy"] == {
        "plan": "daily",
        "hour": 8,
        "window_length_hours": 4,
        "retention_period_days": 7,
    }
    act(client, droplet, "disable_backups")
    assert "hostname" in refused(client, droplet, "rename", name="no blanks")
    assert "not a valid action" in refused(client, droplet, "explode")
    types = [it["type"] for it in client.droplet_actions.list(droplet["id"])["actions"]]
    assert types == ["disable_backups", "reboot", "enable_backups", "enable_ipv6", "rename", "create"]


def test_actions_on_all_droplets_of_a_tag(client: pydo.Client) -> None:
    for name in ("a", "b"):
        client.droplets.create(DROPLET | {"name": name, "tags": ["x"]})
    client.droplets.create(DROPLET | {"name": "c"})
    begun = client.droplet_actions.post_by_tag({"type": "power_off"}, tag_name="x")["actions"]
    assert len(begun) == 2
    states = {it["name"]: it["status"] for it in client.droplets.list()["droplets"]}
    assert states == {"a": "off", "b": "off", "c": "active"}


def test_keys(client: pydo.Client) -> None:
    key = client.ssh_keys.create({"name": "admin", "public_key": KEY})["ssh_key"]
    with pytest.raises(HttpResponseError, match="already in use"):
        client.ssh_keys.create({"name": "other", "public_key": KEY})
    for nonsense in ("ssh-ed25519", "ssh-rsa ???", "hello", ""):
        with pytest.raises(HttpResponseError) as error:
            client.ssh_keys.create({"name": "bad", "public_key": nonsense})
        assert error.value.status_code == 422
    assert client.ssh_keys.update(key["id"], {"name": "root"})["ssh_key"]["name"] == "root"
    assert client.ssh_keys.get(key["fingerprint"])["ssh_key"]["id"] == key["id"]
    client.ssh_keys.delete(key["id"])
    assert client.ssh_keys.list()["ssh_keys"] == []


def test_what_a_droplet_learns_about_itself(cloud: DigitalOceanSimulator, client: pydo.Client) -> None:
    key = client.ssh_keys.create({"name": "admin", "public_key": KEY})["ssh_key"]
    order = DROPLET | {"user_data": "#cloud-config\n", "ssh_keys": [key["id"]], "tags": ["x"], "ipv6": True}
    made = client.droplets.create(order)["droplet"]
    status, _, told = ask(cloud, "GET", "/metadata/v1.json")
    assert status == 200
    assert (told["droplet_id"], told["hostname"], told["region"], told["tags"]) == (made["id"], "web", "fra1", ["x"])
    assert told["public_keys"] == [KEY]
    address = client.droplets.get(made["id"])["droplet"]["networks"]["v4"][1]["ip_address"]
    paths = {
        "id": str(made["id"]),
        "hostname": "web",
        "region": "fra1",
        "user-data": "#cloud-config\n",
        "interfaces/public/0/ipv4/address": address,
        "interfaces/public/": "0/",
        "tags/": "x",
        "public-keys": KEY,
    }
    import urllib.request  # noqa: PLC0415 - plain text, without a token

    for path, text in paths.items():
        with urllib.request.urlopen(f"{cloud.url}/metadata/v1/{path}") as answer:  # noqa: S310 - our own server
            assert answer.read().decode() == text
    assert ask(cloud, "GET", "/metadata/v1/unheard/of")[0] == 404
    client.droplets.create(DROPLET)
    assert ask(cloud, "GET", "/metadata/v1/id")[0] == 404  # which of the two?
    with cloud.lock:
        cloud.state.notes["metadata"] = {"127.0.0.1": made["id"]}
    assert ask(cloud, "GET", "/metadata/v1/id")[2] == made["id"]


def test_ids_come_from_the_seed() -> None:
    ids = []
    for seed in (1, 1, 2):
        with DigitalOceanSimulator(seed=seed, clock=VirtualClock()) as cloud:
            volume = client_of(cloud).volumes.create({"name": "a", "region": "fra1", "size_gigabytes": 1})
            ids.append(volume["volume"]["id"])
    assert ids[0] == ids[1] != ids[2]
