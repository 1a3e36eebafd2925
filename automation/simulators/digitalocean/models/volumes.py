"""Volumes: made, attached to droplets of their region, detached, made larger; and their snapshots."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import conflict, not_found, unprocessable
from automation.simulators.digitalocean.model import Resource, kind
from automation.simulators.digitalocean.models import actions, tags
from automation.simulators.digitalocean.models.droplets import PENDING, Droplet

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

NAME = re.compile(r"[a-z]([a-z0-9\-]*[a-z0-9])?")
LARGEST = 16_384  # GiB
ATTACHED = "This volume is already attached"  # csi-digitalocean looks for these words, and for the next
NOT_ATTACHED = "Attachment not found"


@kind("volumes", urn="volume", tag="volume")
@dataclass(slots=True)
class Volume(Resource):
    """``pending`` is the action that it is busy with."""

    id: str
    name: str
    region: str
    size: int  # GiB
    created_at: str
    description: str = ""
    droplet_ids: tuple[int, ...] = ()
    filesystem_type: str = ""
    filesystem_label: str = ""
    tags: tuple[str, ...] = ()
    pending: int | None = None


@kind("volume_snapshots", tag="volume_snapshot")
@dataclass(slots=True)
class VolumeSnapshot(Resource):
    """A snapshot of a volume, which need not be there any more."""

    id: str
    name: str
    volume: str
    region: str
    size: int  # GiB
    created_at: str
    tags: tuple[str, ...] = ()
    filesystem_type: str = ""
    filesystem_label: str = ""


def find(cloud: Cloud, identifier: str) -> Volume:
    """Return the volume of that id. Raises the 404."""
    found = cloud.state.all(Volume).get(identifier)
    if found is None:
        raise not_found(f"volume {identifier} not found")
    return found


def named(cloud: Cloud, name: str, region: str | None = None) -> list[Volume]:
    """Return the volumes of a name, in a region or anywhere."""
    found = cloud.state.all(Volume).values()
    return [it for it in found if it.name == name and (region is None or it.region == region)]


def create(cloud: Cloud, volume: Volume, *, snapshot_id: str | None = None) -> Volume:
    """Keep a volume. Raises the 409 of a name that its region has already, the 404 and the 422s."""
    if snapshot_id:
        snapshot = cloud.state.all(VolumeSnapshot).get(snapshot_id)
        if snapshot is None:
            raise not_found("snapshot not found")
        volume.region = volume.region or snapshot.region
        volume.size = volume.size or snapshot.size
        volume.filesystem_type, volume.filesystem_label = snapshot.filesystem_type, snapshot.filesystem_label
        if volume.region != snapshot.region:
            raise unprocessable("snapshot is in another region")
        if volume.size < snapshot.size:
            raise unprocessable("size_gigabytes must not be smaller than the snapshot")
    region = cloud.catalogue.regions.get(volume.region)
    if region is None or not region.available:
        raise unprocessable("invalid region: it does not exist or has no block storage")
    if not 1 <= volume.size <= LARGEST:
        raise unprocessable(f"size_gigabytes must be between 1 and {LARGEST}")
    if named(cloud, volume.name, volume.region):
        raise conflict("already exists")
    if len(cloud.state.all(Volume)) >= cloud.limits.volumes:
        raise unprocessable("failed to create volume: volume limit exceeded")
    volume.tags = tags.ensure(cloud, volume.tags)
    return cloud.state.add(volume)


def delete(cloud: Cloud, volume: Volume) -> None:
    """Delete a volume. Raises the 409 of one that is attached."""
    if volume.droplet_ids or volume.pending or cloud.faults.troubled("volume.delete", volume.name):
        raise conflict("failed to delete volume: volume is attached or busy")
    cloud.state.remove(volume)
    events.tell(cloud, "resource.deleted", resource=volume)


def _busy(cloud: Cloud, droplet: Droplet, volume: Volume) -> None:
    if droplet.pending or volume.pending:
        raise unprocessable(PENDING)
    _ = cloud


def _droplet(cloud: Cloud, identifier: int) -> Droplet:
    droplet = cloud.state.all(Droplet).get(identifier)
    if droplet is None:
        raise not_found("droplet not found")
    return droplet


def attach(cloud: Cloud, volume: Volume, droplet_id: int) -> actions.Action:
    """Start to attach a volume. Raises the 404 and 422s."""
    droplet = _droplet(cloud, droplet_id)
    if volume.droplet_ids:
        raise unprocessable(ATTACHED)
    if volume.region != droplet.region:
        raise unprocessable("volume and droplet must be in the same region")
    if len(droplet.volume_ids) >= cloud.limits.volumes_a_droplet:
        raise unprocessable(f"cannot attach more than {cloud.limits.volumes_a_droplet} volumes to a single Droplet")
    _busy(cloud, droplet, volume)
    return _begin(cloud, "attach_volume", "volume.attached", volume, droplet)


def detach(cloud: Cloud, volume: Volume, droplet_id: int) -> actions.Action:
    """Start to detach a volume. Raises the 404 and 422s."""
    droplet = _droplet(cloud, droplet_id)
    if droplet_id not in volume.droplet_ids:
        raise unprocessable(NOT_ATTACHED)
    _busy(cloud, droplet, volume)
    return _begin(cloud, "detach_volume", "volume.detached", volume, droplet)


def _begin(cloud: Cloud, type_: str, step: str, volume: Volume, droplet: Droplet) -> actions.Action:
    given = {"volume": volume.id, "droplet": droplet.id}
    delay = cloud.delays.attach
    action = actions.begin(cloud, type_, "volume", volume.id, volume.region, delay=delay, step=step, **given)
    volume.pending = droplet.pending = action.id
    return action


def resize(cloud: Cloud, volume: Volume, size: int) -> actions.Action:
    """Start to make a volume larger. Raises the 422s."""
    if volume.pending:
        raise unprocessable("Volume already has a pending event.")
    if size <= volume.size or size > LARGEST:
        raise unprocessable(f"size_gigabytes must be greater than {volume.size} and at most {LARGEST}")
    delay, where = cloud.delays.attach, volume.region
    given = {"volume": volume.id, "size": size}
    action = actions.begin(cloud, "resize", "volume", volume.id, where, delay=delay, step="volume.resized", **given)
    volume.pending = action.id
    return action


def _settled(cloud: Cloud, volume: str, droplet: int) -> tuple[Volume, Droplet]:
    found, where = cloud.state.all(Volume).get(volume), cloud.state.all(Droplet).get(droplet)
    if found is not None:
        found.pending = None
    if where is not None:
        where.pending = None
    if found is None or where is None:
        raise events.StepFailed
    return found, where


@events.step("volume.attached")
def _attached(cloud: Cloud, action: int, volume: str, droplet: int) -> None:  # noqa: ARG001 - all steps take the action
    found, where = _settled(cloud, volume, droplet)
    if cloud.faults.troubled("volume.attach", found.name):
        raise events.StepFailed
    join(found, where)


def join(volume: Volume, droplet: Droplet) -> None:
    """Attach a volume, now."""
    volume.droplet_ids, droplet.volume_ids = (droplet.id,), (*droplet.volume_ids, volume.id)


@events.step("volume.detached")
def _detached(cloud: Cloud, action: int, volume: str, droplet: int) -> None:  # noqa: ARG001 - all steps take the action
    found, where = _settled(cloud, volume, droplet)
    if cloud.faults.troubled("volume.detach", found.name):
        raise events.StepFailed
    found.droplet_ids = ()
    where.volume_ids = tuple(it for it in where.volume_ids if it != volume)


@events.step("volume.resized")
def _resized(cloud: Cloud, action: int, volume: str, size: int) -> None:  # noqa: ARG001 - all steps take the action
    found = cloud.state.all(Volume).get(volume)
    if found is None:
        raise events.StepFailed
    found.size, found.pending = size, None


@events.listens("droplet.active")
def _with_droplet(cloud: Cloud, droplet: Droplet, volumes: list[str]) -> None:
    for identifier in volumes:
        volume = cloud.state.all(Volume).get(identifier)
        if volume is not None and not volume.droplet_ids:
            join(volume, droplet)


@events.listens("droplet.deleted")
def _without_droplet(cloud: Cloud, droplet: Droplet) -> None:
    for identifier in droplet.volume_ids:
        volume = cloud.state.all(Volume).get(identifier)
        if volume is not None:
            volume.droplet_ids = ()
            volume.pending = None


def snapshot(cloud: Cloud, volume: Volume, name: str, tag_names: tuple[str, ...]) -> VolumeSnapshot:
    """Take a snapshot. Raises the 409 of a name that is taken (an assumption: no evidence for it)."""
    if any(it.name == name for it in cloud.state.all(VolumeSnapshot).values()):
        raise conflict("already exists", "already_exists")
    taken = VolumeSnapshot(cloud.new_uuid(), name, volume.id, volume.region, volume.size, cloud.now())
    taken.tags = tags.ensure(cloud, tag_names)
    taken.filesystem_type, taken.filesystem_label = volume.filesystem_type, volume.filesystem_label
    return cloud.state.add(taken)


@events.shape(Volume)
def _shape(cloud: Cloud, volume: Volume) -> dict[str, Any]:
    return {
        "id": volume.id,
        "name": volume.name,
        "created_at": volume.created_at,
        "description": volume.description,
        "droplet_ids": list(volume.droplet_ids),
        "region": cloud.catalogue.regions[volume.region].brief,
        "size_gigabytes": volume.size,
        "filesystem_type": volume.filesystem_type,
        "filesystem_label": volume.filesystem_label,
        "tags": list(volume.tags),
    }


@events.shape(VolumeSnapshot)
def _snapshot_shape(cloud: Cloud, taken: VolumeSnapshot) -> dict[str, Any]:  # noqa: ARG001 - all shapes take the cloud
    return {
        "id": taken.id,
        "name": taken.name,
        "created_at": taken.created_at,
        "regions": [taken.region],
        "resource_id": taken.volume,
        "resource_type": "volume",
        "min_disk_size": taken.size,
        "size_gigabytes": round(taken.size * 0.1, 2),
        "tags": list(taken.tags),
    }
