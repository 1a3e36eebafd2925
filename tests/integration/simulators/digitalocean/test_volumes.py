"""Volumes, their snapshots, tags and projects, by pydo."""

from __future__ import annotations

from typing import Any

import pydo
import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from automation.simulators.digitalocean import DigitalOceanSimulator, Limits
from tests.integration.simulators.digitalocean.ocean import DROPLET, client_of

VOLUME = {"name": "data", "region": "fra1", "size_gigabytes": 10}


def made(client: pydo.Client, **more: Any) -> dict[str, Any]:
    volume: dict[str, Any] = client.volumes.create(VOLUME | more)["volume"]
    return volume


def droplet_of(client: pydo.Client, **more: Any) -> int:
    identifier: int = client.droplets.create(DROPLET | more)["droplet"]["id"]
    client.account.get()  # a request later it is active
    return identifier


def act(client: pydo.Client, volume: dict[str, Any], type_: str, **more: Any) -> dict[str, Any]:
    begun = client.volume_actions.post_by_id(volume["id"], {"type": type_, **more})["action"]
    ended: dict[str, Any] = client.volume_actions.get(volume["id"], begun["id"])["action"]
    return ended


def refused(client: pydo.Client, volume: dict[str, Any], type_: str, **more: Any) -> str:
    with pytest.raises(HttpResponseError) as error:
        client.volume_actions.post_by_id(volume["id"], {"type": type_, **more})
    assert error.value.status_code == 422
    return str(error.value.response.json()["message"])


def test_a_name_is_taken_once_in_a_region(client: pydo.Client) -> None:
    made(client)
    with pytest.raises(ResourceExistsError) as error:
        made(client)
    assert error.value.response.json()["id"] == "conflict"
    made(client, region="nyc3")
    assert len(client.volumes.list(name="data")["volumes"]) == 2
    assert len(client.volumes.list(name="data", region="nyc3")["volumes"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Upper"},
        {"name": "1st"},
        {"name": "x" * 65},
        {"name": None},
        {"region": "mars1"},
        {"region": None},
        {"size_gigabytes": 0},
        {"size_gigabytes": 16_385},
        {"size_gigabytes": "10"},
        {"filesystem_type": "ntfs"},
        {"filesystem_type": "xfs", "filesystem_label": "thirteen-long"},
    ],
)
def test_an_order_that_cannot_be(client: pydo.Client, wrong: dict[str, Any]) -> None:
    with pytest.raises(HttpResponseError) as error:
        made(client, **wrong)
    assert error.value.status_code == 422
    assert client.volumes.list()["volumes"] == []


def test_attach_and_detach(client: pydo.Client) -> None:
    volume, droplet = made(client), droplet_of(client)
    assert act(client, volume, "attach", droplet_id=droplet)["status"] == "completed"
    assert client.volumes.get(volume["id"])["volume"]["droplet_ids"] == [droplet]
    assert client.droplets.get(droplet)["droplet"]["volume_ids"] == [volume["id"]]
    assert "already attached" in refused(client, volume, "attach", droplet_id=droplet)
    with pytest.raises(ResourceExistsError):
        client.volumes.delete(volume["id"])
    act(client, volume, "detach", droplet_id=droplet)
    assert client.volumes.get(volume["id"])["volume"]["droplet_ids"] == []
    assert "Attachment not found" in refused(client, volume, "detach", droplet_id=droplet)
    client.volumes.delete(volume["id"])
    assert client.volumes.get(volume["id"])["id"] == "not_found"


def test_only_within_a_region(client: pydo.Client) -> None:
    volume, droplet = made(client, region="nyc3"), droplet_of(client)
    assert "same region" in refused(client, volume, "attach", droplet_id=droplet)


def test_seven_volumes_a_droplet(client: pydo.Client) -> None:
    droplet = droplet_of(client)
    for index in range(7):
        act(client, made(client, name=f"data-{index}"), "attach", droplet_id=droplet)
    assert "more than 7" in refused(client, made(client), "attach", droplet_id=droplet)


def test_one_event_at_a_time(slow_cloud: DigitalOceanSimulator) -> None:
    client = client_of(slow_cloud)
    droplet = client.droplets.create(DROPLET)["droplet"]["id"]
    one, two = made(client, name="one"), made(client, name="two")
    assert refused(client, one, "attach", droplet_id=droplet) == "Droplet already has a pending event."
    slow_cloud.advance(30)
    client.volume_actions.post_by_id(one["id"], {"type": "attach", "droplet_id": droplet})
    assert refused(client, two, "attach", droplet_id=droplet) == "Droplet already has a pending event."
    slow_cloud.advance(5)
    client.volume_actions.post_by_id(two["id"], {"type": "attach", "droplet_id": droplet})
    slow_cloud.advance(5)
    assert client.droplets.get(droplet)["droplet"]["volume_ids"] == [one["id"], two["id"]]


def test_a_volume_only_grows(client: pydo.Client) -> None:
    volume = made(client)
    act(client, volume, "resize", size_gigabytes=20)
    assert client.volumes.get(volume["id"])["volume"]["size_gigabytes"] == 20
    assert "greater than 20" in refused(client, volume, "resize", size_gigabytes=20)


def test_a_destroyed_droplet_lets_its_volumes_go(client: pydo.Client) -> None:
    volume, droplet = made(client), droplet_of(client)
    act(client, volume, "attach", droplet_id=droplet)
    client.droplets.destroy(droplet)
    assert client.volumes.get(volume["id"])["volume"]["droplet_ids"] == []
    client.volumes.delete(volume["id"])


def test_snapshots(client: pydo.Client) -> None:
    volume = made(client)
    snapshot = client.volume_snapshots.create(volume["id"], {"name": "monday", "tags": ["x"]})["snapshot"]
    assert (snapshot["resource_id"], snapshot["min_disk_size"]) == (volume["id"], 10)
    client.volumes.delete(volume["id"])
    (listed,) = client.snapshots.list(resource_type="volume")["snapshots"]
    assert listed["id"] == snapshot["id"]
    copy = client.volumes.create({"name": "copy", "region": "fra1", "size_gigabytes": 12, "snapshot_id": listed["id"]})
    assert copy["volume"]["size_gigabytes"] == 12
    with pytest.raises(HttpResponseError, match="smaller"):
        client.volumes.create({"name": "small", "region": "fra1", "size_gigabytes": 5, "snapshot_id": listed["id"]})
    client.volume_snapshots.delete_by_id(snapshot["id"])
    assert client.snapshots.list()["meta"]["total"] == 0


def test_the_limit_of_volumes() -> None:
    with DigitalOceanSimulator(limits=Limits(volumes=1)) as cloud:
        client = client_of(cloud)
        made(client)
        with pytest.raises(HttpResponseError, match="limit"):
            made(client, name="more")


# tags


def test_tags(client: pydo.Client) -> None:
    volume, droplet = made(client), droplet_of(client, tags=["blue"])
    client.tags.create({"name": "green"})
    named = [
        {"resource_id": volume["id"], "resource_type": "volume"},
        {"resource_id": str(droplet), "resource_type": "droplet"},
    ]
    client.tags.assign_resources("green", {"resources": named})
    client.tags.assign_resources("green", {"resources": named})  # again changes nothing
    assert client.droplets.get(droplet)["droplet"]["tags"] == ["blue", "green"]
    tag = client.tags.get("green")["tag"]
    assert (tag["resources"]["count"], tag["resources"]["volumes"]["count"]) == (2, 1)
    client.tags.unassign_resources("green", {"resources": named[:1]})
    assert client.volumes.get(volume["id"])["volume"]["tags"] == []
    client.tags.delete("green")
    assert client.droplets.get(droplet)["droplet"]["tags"] == ["blue"]
    assert client.tags.get("green")["id"] == "not_found"


def test_tags_that_cannot_be(client: pydo.Client) -> None:
    for name in ("no blanks", "", "x" * 256, "ünicode"):
        with pytest.raises(HttpResponseError):
            client.tags.create({"name": name})
    client.tags.create({"name": "Green"})
    assert client.tags.create({"name": "green"})["tag"]["name"] == "Green"  # as it was first written
    gone = {"resources": [{"resource_id": "1", "resource_type": "droplet"}]}
    assert client.tags.assign_resources("green", gone)["id"] == "not_found"


# projects


def inside(listed: dict[str, Any]) -> list[str]:
    """Return what is in a project, without the VPC that every region with droplets has."""
    return [it["urn"] for it in listed["resources"] if not it["urn"].startswith("do:vpc:")]


def test_projects(client: pydo.Client) -> None:
    droplet = f"do:droplet:{droplet_of(client)}"
    project = client.projects.create({"name": "shop", "purpose": "Sell", "environment": "Staging"})["project"]
    assert project["purpose"] == "Other: Sell"
    assert inside(client.projects.list_resources_default()) == [droplet]
    told = client.projects.assign_resources(project["id"], {"resources": [droplet, "do:droplet:1"]})
    assert [it["status"] for it in told["resources"]] == ["assigned", "not_found"]
    assert inside(client.projects.list_resources_default()) == []
    full = client.projects.delete(project["id"])  # pydo raises nothing for a 412 here
    assert full["id"] == "precondition_failed"
    assert "cannot delete a project with resources" in full["message"]
    default = client.projects.get_default()["project"]
    client.projects.assign_resources(default["id"], {"resources": [droplet]})
    client.projects.delete(project["id"])
    assert [it["id"] for it in client.projects.list()["projects"]] == [default["id"]]


def test_another_default_project(client: pydo.Client) -> None:
    droplet = f"do:droplet:{droplet_of(client)}"
    first = client.projects.get_default()["project"]
    project = client.projects.create({"name": "shop", "purpose": "IoT"})["project"]
    client.projects.patch(project["id"], {"is_default": True})
    assert client.projects.get_default()["project"]["id"] == project["id"]
    assert inside(client.projects.list_resources(first["id"])) == [droplet]
    volume = made(client)
    assert inside(client.projects.list_resources_default()) == [f"do:volume:{volume['id']}"]


def test_a_project_s_name_is_taken_once(client: pydo.Client) -> None:
    client.projects.create({"name": "shop", "purpose": "IoT"})
    with pytest.raises(ResourceExistsError):
        client.projects.create({"name": "shop", "purpose": "IoT"})
    with pytest.raises(HttpResponseError):
        client.projects.create({"name": "x", "purpose": "IoT", "environment": "Moon"})
