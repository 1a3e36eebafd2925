"""/v2/reserved_ips, and under its older name /v2/floating_ips."""

from __future__ import annotations

from typing import Any

from automation.simulators.digitalocean.answers import Answer, ApiError, unprocessable
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import actions, checks, reserved_ips
from automation.simulators.digitalocean.models.droplets import Droplet
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routes.actions import one_of
from automation.simulators.digitalocean.routing import route

_ALL, _ONE = "/v2/reserved_ips", "/v2/reserved_ips/{reserved_ip}"


def _found(cloud: Cloud, call: Call) -> reserved_ips.ReservedIp:
    return reserved_ips.one(cloud, call.words["reserved_ip"])


@route("GET", _ALL, "reserved_ip:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    found = cloud.state.all(reserved_ips.ReservedIp).values()
    return page(cloud, call, "reserved_ips", [reserved_ips.shape(cloud, it) for it in found])


@route("POST", _ALL, "reserved_ip:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    fields = call.fields
    droplet_id, region = fields.number("droplet_id"), fields.text("region")
    links: dict[str, Any] = {}
    droplet: Droplet | None = None
    if droplet_id is not None:
        droplet = cloud.state.all(Droplet).get(droplet_id)
        if droplet is None:
            raise unprocessable("Droplet not found")
        region = droplet.region
    if not region:
        raise unprocessable("A region or a droplet_id is required")
    ip = reserved_ips.create(cloud, region, checks.project(cloud, fields.text("project_id")))
    if droplet is not None:
        try:
            action = reserved_ips.assign(cloud, ip, droplet.id)
        except ApiError:
            cloud.state.remove(ip)
            raise
        links = {
            "droplets": [{"id": droplet.id, "rel": "droplet", "href": f"{call.base}/v2/droplets/{droplet.id}"}],
            "actions": [{"id": action.id, "rel": "assign_ip", "href": f"{call.base}/v2/actions/{action.id}"}],
        }
    return Answer({"reserved_ip": ip, "links": links}, 202)


@route("GET", _ONE, "reserved_ip:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer({"reserved_ip": _found(cloud, call)})


@route("DELETE", _ONE, "reserved_ip:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    reserved_ips.delete(cloud, _found(cloud, call))
    return Answer(status=204)


@route("GET", f"{_ONE}/actions", "reserved_ip:read")
def _actions(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "actions", actions.of(cloud, "reserved_ip", _found(cloud, call).number))


@route("POST", f"{_ONE}/actions", "reserved_ip:update")
def _act(cloud: Cloud, call: Call) -> Answer:
    ip, fields = _found(cloud, call), call.fields
    if fields.needed("type", choices={"assign", "unassign"}) == "unassign":
        action = reserved_ips.unassign(cloud, ip)
    else:
        droplet_id = fields.number("droplet_id")
        if droplet_id is None:
            raise unprocessable("droplet_id is required")
        action = reserved_ips.assign(cloud, ip, droplet_id)
    return Answer({"action": action}, 201)


@route("GET", f"{_ONE}/actions/{{action_id}}", "reserved_ip:read")
def _action(cloud: Cloud, call: Call) -> Answer:
    return one_of(cloud, call, "reserved_ip", _found(cloud, call).number)
