"""/v2/images: the public ones, and the account's snapshots, backups and custom images."""

from __future__ import annotations

from typing import Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import Answer, not_found, unprocessable
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.catalogue import PublicImage
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import actions, images
from automation.simulators.digitalocean.models.droplets import Droplet
from automation.simulators.digitalocean.models.tags import checked, ensure
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routes.actions import one_of
from automation.simulators.digitalocean.routing import route

_ONE = "/v2/images/{image_id}"
DISTRIBUTIONS = (
    "Arch Linux",
    "CentOS",
    "CoreOS",
    "Debian",
    "Fedora",
    "Fedora Atomic",
    "FreeBSD",
    "Gentoo",
    "openSUSE",
    "RancherOS",
    "Rocky Linux",
    "Ubuntu",
    "Unknown",
)


@route("GET", "/v2/images", "image:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    kind, tag = call.query.get("type"), call.query.get("tag_name")
    own: list[images.Image] = images.own(cloud)
    if tag:
        return page(cloud, call, "images", [it for it in own if tag in it.tags])
    if call.query.get("private") == "true":
        return page(cloud, call, "images", own)
    public = [it for it in cloud.catalogue.images.values() if kind is None or it.application == (kind == "application")]
    everything: list[Any] = [it.json for it in public]
    return page(cloud, call, "images", everything if kind in {"distribution", "application"} else [*everything, *own])


def _found(cloud: Cloud, call: Call) -> images.Image | PublicImage:
    found = images.find(cloud, call.words["image_id"])
    if found is None:
        raise not_found()
    return found


def _mine(cloud: Cloud, call: Call) -> images.Image:
    found = _found(cloud, call)
    if isinstance(found, PublicImage):
        raise not_found()
    return found


@route("GET", _ONE, "image:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    found = _found(cloud, call)
    return Answer({"image": found.json if isinstance(found, PublicImage) else found})


@route("POST", "/v2/images", "image:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    fields = call.fields
    region = fields.needed("region")
    if region not in cloud.catalogue.regions:
        raise unprocessable("region is invalid")
    image = images.Image(
        id=cloud.new_id(),
        name=fields.needed("name", limit=255),
        type="custom",
        distribution=fields.text("distribution", choices=DISTRIBUTIONS) or "Unknown",
        regions=(),
        created_at=cloud.now(),
        min_disk=0,
        size_gigabytes=0.0,
        description=fields.text("description", "", limit=1024) or "",
        tags=checked(fields.texts("tags")),
        status="NEW",
    )
    if not fields.needed("url").startswith(("http://", "https://", "ftp://")):
        raise unprocessable("url is invalid")
    image.tags = ensure(cloud, image.tags)
    cloud.state.add(image)
    cloud.later(cloud.delays.snapshot, "image.available", image=image.id, region=region)
    return Answer({"image": image}, 202)


@events.step("image.available")
def _available(cloud: Cloud, image: int, region: str) -> None:
    found = cloud.state.all(images.Image).get(image)
    if found is not None:
        found.status, found.regions, found.min_disk, found.size_gigabytes = "available", (region,), 10, 1.0


@route("PUT", _ONE, "image:update")
def _change(cloud: Cloud, call: Call) -> Answer:
    image, fields = _mine(cloud, call), call.fields
    image.name = fields.text("name", limit=255) or image.name
    image.distribution = fields.text("distribution", choices=DISTRIBUTIONS) or image.distribution
    image.description = fields.text("description", image.description, limit=1024) or ""
    for droplet in cloud.state.all(Droplet).values():
        if droplet.image == image.id:
            droplet.image = image.id  # what is kept of its JSON holds the image
    return Answer({"image": image})


@route("DELETE", _ONE, "image:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    images.delete(cloud, _mine(cloud, call))
    return Answer(status=204)


@route("GET", f"{_ONE}/actions", "image:read")
def _actions(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "actions", actions.of(cloud, "image", _found(cloud, call).id))


@route("GET", f"{_ONE}/actions/{{action_id}}", "image:read")
def _action(cloud: Cloud, call: Call) -> Answer:
    answer = one_of(cloud, call, "image", _found(cloud, call).id)
    return Answer(answer.body["action"])


@route("POST", f"{_ONE}/actions", "image:update")
def _act(cloud: Cloud, call: Call) -> Answer:
    image, fields = _mine(cloud, call), call.fields
    type_ = fields.needed("type", choices=("transfer", "convert"))
    region = fields.needed("region") if type_ == "transfer" else ""
    if region and region not in cloud.catalogue.regions:
        raise unprocessable("region is invalid")
    where = region or (image.regions[0] if image.regions else "nyc3")
    delay, what = cloud.delays.snapshot, {"image": image.id, "type_": type_, "region": region}
    action = actions.begin(cloud, type_, "image", image.id, where, delay=delay, step="image.did", **what)
    return Answer(cloud.shown(action), 201)


@events.step("image.did")
def _did(cloud: Cloud, action: int, image: int, type_: str, region: str) -> None:  # noqa: ARG001 - steps take the action
    found = cloud.state.all(images.Image).get(image)
    if found is None or found.deleted:
        raise events.StepFailed
    if type_ == "transfer":
        found.regions = tuple(dict.fromkeys((*found.regions, region)))
    elif found.type == "backup":
        found.type = "snapshot"
