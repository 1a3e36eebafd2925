"""/v2/droplets."""

from __future__ import annotations

from typing import Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import Answer, bad_request, not_found, unprocessable
from automation.simulators.digitalocean.calls import Call, Fields
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import actions, droplets, images, keys, volumes
from automation.simulators.digitalocean.models.tags import checked
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

ONE = "/v2/droplets/{droplet_id}"
PLANS, DAYS, HOURS = ("daily", "weekly"), ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), (0, 4, 8, 12, 16, 20)


def found(cloud: Cloud, call: Call) -> droplets.Droplet:
    """Return the droplet that the path names. Raises the 404."""
    droplet = cloud.state.all(droplets.Droplet).get(call.number("droplet_id"))
    if droplet is None:
        raise not_found()
    return droplet


@route("GET", "/v2/droplets", "droplet:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    tag, name, kind = call.query.get("tag_name"), call.query.get("name"), call.query.get("type")
    every = cloud.state.all(droplets.Droplet).values()
    if not tag and not name and kind in {None, "", "droplets"}:
        return page(cloud, call, "droplets", every)
    chosen = [it for it in every if (not tag or tag in it.tags) and (not name or it.name == name)]
    if kind == "gpus":
        chosen = [it for it in chosen if it.size.startswith("gpu-")]
    return page(cloud, call, "droplets", chosen)


@route("GET", ONE, "droplet:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer(b'{"droplet":' + cloud.encoded(found(cloud, call)) + b"}")


@route("POST", "/v2/droplets", "droplet:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    fields = call.fields
    many = fields.has("names")
    names = fields.items("names") if many else (fields.needed("name", limit=255, message=droplets.BAD_NAME),)
    if not names or len(names) > droplets.AT_ONCE:
        raise unprocessable(f"You can only create up to {droplets.AT_ONCE} droplets at once")
    if not all(isinstance(it, str) and len(it) <= 255 and droplets.NAME.fullmatch(it) for it in names):  # noqa: PLR2004
        raise unprocessable(droplets.BAD_NAME)
    made, begun = droplets.create(cloud, tuple(names), _order(cloud, fields))
    links = {"actions": [{"id": it.id, "rel": "create", "href": f"{call.base}/v2/actions/{it.id}"} for it in begun]}
    if many:
        return Answer({"droplets": made, "links": links}, 202)
    return Answer({"droplet": made[0], "links": links}, 202)


def _order(cloud: Cloud, fields: Fields) -> droplets.Order:
    image = fields.sent.get("image")
    if isinstance(image, bool) or not isinstance(image, int | str) or not image:
        raise unprocessable("You specified an invalid image for Droplet creation.")
    flags = ("backups", "ipv6", "monitoring")
    features = tuple(name for name in flags if fields.flag(name))
    if fields.flag("with_droplet_agent", default=True):
        features += ("droplet_agent",)
    plan, day, hour = backup_policy(fields, "backup_policy")
    return droplets.Order(
        region=fields.text("region"),
        size=fields.needed("size", message="You specified an invalid size for Droplet creation."),
        image=image,
        tags=checked(fields.texts("tags")),
        features=features,
        volumes=_volumes(cloud, fields),
        ssh_keys=_keys(cloud, fields),
        vpc_uuid=fields.text("vpc_uuid") or None,
        user_data=fields.text("user_data", "", limit=65_536) or "",
        public=fields.flag("public_networking", default=True),
        backup_plan=plan,
        backup_day=day,
        backup_hour=hour,
    )


def backup_policy(fields: Fields, name: str) -> tuple[str, str, int]:
    """Return plan, weekday and hour of the backups that a request asks for."""
    given = fields.object(name) or Fields({})
    hour = given.number("hour", 0, high=20) or 0
    if hour not in HOURS:
        raise unprocessable("backup_policy.hour is invalid")
    return given.text("plan", choices=PLANS) or "weekly", given.text("weekday", choices=DAYS) or "SUN", hour


def _volumes(cloud: Cloud, fields: Fields) -> tuple[str, ...]:
    """Return ids of volumes; clients send them bare, or as objects with an id or a name (godo)."""
    chosen = []
    for it in fields.items("volumes"):
        wanted = it.get("id") or it.get("name") if isinstance(it, dict) else it
        if not isinstance(wanted, str):
            raise unprocessable("volumes is invalid")
        known = cloud.state.all(volumes.Volume).get(wanted)
        by_name = volumes.named(cloud, wanted)
        if known is None and not by_name:
            raise unprocessable(f"volume {wanted} not found")
        volume = known or by_name[0]
        if volume.droplet_ids:
            raise unprocessable(volumes.ATTACHED)
        if volume.region != (fields.text("region") or "nyc3"):
            raise unprocessable("volume and droplet must be in the same region")
        chosen.append(volume.id)
    if len(chosen) > cloud.limits.volumes_a_droplet:
        raise unprocessable(f"cannot attach more than {cloud.limits.volumes_a_droplet} volumes to a single Droplet")
    return tuple(chosen)


def _keys(cloud: Cloud, fields: Fields) -> tuple[int, ...]:
    wanted = fields.items("ssh_keys")
    looked_up = [keys.find(cloud, it) if isinstance(it, int | str) else None for it in wanted]
    bad = [str(name) for name, key in zip(wanted, looked_up, strict=True) if key is None]
    if bad:
        raise unprocessable(f"{', '.join(bad)} are invalid key identifiers for Droplet creation.")
    return tuple(key.id for key in looked_up if key is not None)


@route("DELETE", ONE, "droplet:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    droplets.delete(cloud, found(cloud, call))
    return Answer(status=204)


@route("DELETE", "/v2/droplets", "droplet:delete")
def _delete_tagged(cloud: Cloud, call: Call) -> Answer:
    tag = call.query.get("tag_name")
    if not tag:
        raise bad_request("tag_name is required")
    for droplet in [it for it in cloud.state.all(droplets.Droplet).values() if tag in it.tags]:
        droplets.delete(cloud, droplet)
    return Answer(status=204)


@route("GET", f"{ONE}/snapshots", "droplet:read")
def _snapshots(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "snapshots", _images(cloud, found(cloud, call), "snapshot"))


@route("GET", f"{ONE}/backups", "droplet:read")
def _backups(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "backups", _images(cloud, found(cloud, call), "backup"))


def _images(cloud: Cloud, droplet: droplets.Droplet, kind: str) -> list[dict[str, Any]]:
    return [
        {**cloud.shown(it), "type": kind} for it in images.own(cloud) if it.droplet == droplet.id and it.type == kind
    ]


@route("GET", f"{ONE}/backups/policy", "droplet:read")
def _policy(cloud: Cloud, call: Call) -> Answer:
    return Answer({"policy": _shown_policy(cloud, found(cloud, call))})


@route("GET", "/v2/droplets/backups/policies", "droplet:read")
def _policies(cloud: Cloud, call: Call) -> Answer:  # noqa: ARG001 - all handlers take both
    every = cloud.state.all(droplets.Droplet).values()
    chosen = {str(it.id): _shown_policy(cloud, it) for it in every if "backups" in it.features}
    return Answer({"policies": chosen, "links": {}, "meta": {"total": len(chosen)}})


def _shown_policy(cloud: Cloud, droplet: droplets.Droplet) -> dict[str, Any]:
    enabled = "backups" in droplet.features
    shown: dict[str, Any] = {"droplet_id": droplet.id, "backup_enabled": enabled}
    if enabled:
        shown["backup_policy"] = droplets.policy(droplet)
        shown["next_backup_window"] = cloud.shown(droplet)["next_backup_window"]
    return shown


@route("GET", "/v2/droplets/backups/supported_policies", "droplet:read")
def _supported(cloud: Cloud, call: Call) -> Answer:  # noqa: ARG001 - all handlers take both
    common = {"possible_window_starts": list(HOURS), "window_length_hours": 4}
    weekly = {"name": "weekly", **common, "retention_period_days": 28, "possible_days": list(DAYS)}
    daily = {"name": "daily", **common, "retention_period_days": 7, "possible_days": []}
    return Answer({"supported_policies": [weekly, daily]})


@route("GET", f"{ONE}/kernels", "droplet:read")
def _kernels(cloud: Cloud, call: Call) -> Answer:
    found(cloud, call)
    return page(cloud, call, "kernels", [])


@route("GET", f"{ONE}/neighbors", "droplet:read")
def _neighbors(cloud: Cloud, call: Call) -> Answer:
    found(cloud, call)
    return Answer({"droplets": []})


@route("GET", f"{ONE}/actions", "droplet:read")
def _actions(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "actions", actions.of(cloud, "droplet", found(cloud, call).id))


@route("GET", f"{ONE}/firewalls", "firewall:read")
def _firewalls(cloud: Cloud, call: Call) -> Answer:
    droplet = found(cloud, call)
    return page(cloud, call, "firewalls", events.ask(cloud, "firewalls.of_droplet", [], droplet=droplet))
