"""/v2/volumes, their actions and snapshots."""

from __future__ import annotations

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import Answer, not_found, unprocessable
from automation.simulators.digitalocean.calls import Call, Fields
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import actions, volumes
from automation.simulators.digitalocean.models.tags import checked
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routes.actions import one_of
from automation.simulators.digitalocean.routing import route

_ONE = "/v2/volumes/{volume_id}"
_BAD_NAME = "name must start with a letter and be of lower case letters, digits and dashes, at most 64"
_LABELS = {"ext4": 16, "xfs": 12}  # characters


@route("GET", "/v2/volumes", "block_storage:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    name, region, tag = call.query.get("name"), call.query.get("region"), call.query.get("tag_name")
    every = cloud.state.all(volumes.Volume).values()
    if not name and not region and not tag:
        return page(cloud, call, "volumes", every)
    chosen = [it for it in every if (not name or it.name == name) and (not region or it.region == region)]
    return page(cloud, call, "volumes", [it for it in chosen if not tag or tag in it.tags])


@route("POST", "/v2/volumes", "block_storage:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    fields = call.fields
    snapshot = fields.text("snapshot_id") or None
    filesystem = fields.text("filesystem_type") or ""
    if filesystem and filesystem not in _LABELS:
        raise unprocessable("filesystem_type must be ext4 or xfs")
    volume = volumes.Volume(
        id=cloud.new_uuid(),
        name=fields.needed("name", limit=64, pattern=volumes.NAME, message=_BAD_NAME),
        region=(fields.text("region") or "") if snapshot else fields.needed("region"),
        size=fields.number("size_gigabytes", 0) or 0,
        created_at=cloud.now(),
        description=fields.text("description", "", limit=1024) or "",
        filesystem_type=filesystem,
        filesystem_label=fields.text("filesystem_label", "", limit=_LABELS.get(filesystem, 16)) or "",
        tags=checked(fields.texts("tags")),
    )
    return Answer({"volume": volumes.create(cloud, volume, snapshot_id=snapshot)}, 201)


@route("GET", _ONE, "block_storage:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer({"volume": volumes.find(cloud, call.words["volume_id"])})


@route("DELETE", _ONE, "block_storage:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    volumes.delete(cloud, volumes.find(cloud, call.words["volume_id"]))
    return Answer(status=204)


@route("DELETE", "/v2/volumes", "block_storage:delete")
def _delete_named(cloud: Cloud, call: Call) -> Answer:
    chosen = volumes.named(cloud, call.query.get("name", ""), call.query.get("region"))
    if not chosen:
        raise not_found("volume not found")
    volumes.delete(cloud, chosen[0])
    return Answer(status=204)


# actions


@route("GET", f"{_ONE}/actions", "block_storage_action:read")
def _actions(cloud: Cloud, call: Call) -> Answer:
    volume = volumes.find(cloud, call.words["volume_id"])
    return page(cloud, call, "actions", actions.of(cloud, "volume", volume.id))


@route("GET", f"{_ONE}/actions/{{action_id}}", "block_storage_action:read")
def _action(cloud: Cloud, call: Call) -> Answer:
    return one_of(cloud, call, "volume", call.words["volume_id"])


@route("POST", f"{_ONE}/actions", "block_storage_action:create")
def _act(cloud: Cloud, call: Call) -> Answer:
    return _begin(cloud, volumes.find(cloud, call.words["volume_id"]), call.fields)


@route("POST", "/v2/volumes/actions", "block_storage_action:create")
def _act_by_name(cloud: Cloud, call: Call) -> Answer:
    fields = call.fields
    chosen = volumes.named(cloud, fields.needed("volume_name"), fields.text("region"))
    if not chosen:
        raise not_found("volume not found")
    return _begin(cloud, chosen[0], fields)


def _begin(cloud: Cloud, volume: volumes.Volume, fields: Fields) -> Answer:
    type_ = fields.needed("type", choices=("attach", "detach", "resize", "attach_volume", "detach_volume"))
    if fields.text("region", volume.region) not in {volume.region, ""}:
        raise unprocessable("region does not match the volume's")
    if type_ == "resize":
        return Answer({"action": volumes.resize(cloud, volume, fields.number("size_gigabytes", 0) or 0)}, 202)
    droplet = fields.number("droplet_id", 0) or 0
    does = volumes.attach if type_.startswith("attach") else volumes.detach
    return Answer({"action": does(cloud, volume, droplet)}, 202)


# snapshots


@route("GET", f"{_ONE}/snapshots", "block_storage_snapshot:read")
def _snapshots(cloud: Cloud, call: Call) -> Answer:
    volume = volumes.find(cloud, call.words["volume_id"])
    every = cloud.state.all(volumes.VolumeSnapshot).values()
    return page(cloud, call, "snapshots", [it for it in every if it.volume == volume.id])


@route("POST", f"{_ONE}/snapshots", "block_storage_snapshot:create")
def _snapshot(cloud: Cloud, call: Call) -> Answer:
    volume = volumes.find(cloud, call.words["volume_id"])
    fields = call.fields
    taken = volumes.snapshot(cloud, volume, fields.needed("name", limit=255), checked(fields.texts("tags")))
    return Answer({"snapshot": taken}, 201)


def _found(cloud: Cloud, call: Call) -> volumes.VolumeSnapshot:
    taken = cloud.state.all(volumes.VolumeSnapshot).get(call.words["snapshot_id"])
    if taken is None:
        raise not_found("snapshot not found")
    return taken


@route("GET", "/v2/volumes/snapshots/{snapshot_id}", "block_storage_snapshot:read")
def _get_snapshot(cloud: Cloud, call: Call) -> Answer:
    return Answer({"snapshot": _found(cloud, call)})


@route("DELETE", "/v2/volumes/snapshots/{snapshot_id}", "block_storage_snapshot:delete")
def _delete_snapshot(cloud: Cloud, call: Call) -> Answer:
    taken = _found(cloud, call)
    cloud.state.remove(taken)
    events.tell(cloud, "resource.deleted", resource=taken)
    return Answer(status=204)
