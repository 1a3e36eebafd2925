"""/v2/snapshots: those of droplets, whose ids are numbers, and those of volumes."""

from __future__ import annotations

from typing import Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import Answer, not_found
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import images
from automation.simulators.digitalocean.models.volumes import VolumeSnapshot
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

_ONE = "/v2/snapshots/{snapshot_id}"


def shown(image: images.Image) -> dict[str, Any]:
    """Return the snapshot of a droplet as this API shows it."""
    return {
        "id": str(image.id),
        "name": image.name,
        "created_at": image.created_at,
        "regions": list(image.regions),
        "resource_id": str(image.droplet),
        "resource_type": "droplet",
        "min_disk_size": image.min_disk,
        "size_gigabytes": image.size_gigabytes,
        "tags": list(image.tags),
    }


@route("GET", "/v2/snapshots", "snapshot:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    kind = call.query.get("resource_type")
    found: list[Any] = []
    if kind in {None, "", "droplet"}:
        found += [shown(it) for it in images.own(cloud) if it.type == "snapshot"]
    if kind in {None, "", "volume"}:
        found += cloud.state.all(VolumeSnapshot).values()
    return page(cloud, call, "snapshots", found)


def _found(cloud: Cloud, call: Call) -> images.Image | VolumeSnapshot:
    word = call.words["snapshot_id"]
    if word.isascii() and word.isdigit():
        image = images.find(cloud, word)
        if isinstance(image, images.Image) and image.type == "snapshot":
            return image
    volume_snapshot = cloud.state.all(VolumeSnapshot).get(word)
    if volume_snapshot is None:
        raise not_found()
    return volume_snapshot


@route("GET", _ONE, "snapshot:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    found = _found(cloud, call)
    return Answer({"snapshot": shown(found) if isinstance(found, images.Image) else found})


@route("DELETE", _ONE, "snapshot:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    found = _found(cloud, call)
    if isinstance(found, images.Image):
        images.delete(cloud, found)
    else:
        cloud.state.remove(found)
        events.tell(cloud, "resource.deleted", resource=found)
    return Answer(status=204)
