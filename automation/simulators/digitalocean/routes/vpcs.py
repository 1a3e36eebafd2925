"""/v2/vpcs and /v2/vpc_peerings."""

from __future__ import annotations

from automation.simulators.digitalocean.answers import Answer, not_found
from automation.simulators.digitalocean.calls import Call, Fields
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.model import Resource
from automation.simulators.digitalocean.models import vpcs
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

_ONE, _PEERING = "/v2/vpcs/{vpc_id}", "/v2/vpc_peerings/{peering_id}"
_NAME = "Name may only contain alphanumeric characters, dashes, and periods"


@route("GET", "/v2/vpcs", "vpc:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "vpcs", cloud.state.all(vpcs.Vpc).values())


@route("POST", "/v2/vpcs", "vpc:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    fields = call.fields
    name = fields.needed("name", pattern=vpcs.NAME, message=_NAME)
    region = fields.needed("region")
    description = fields.text("description", "", limit=vpcs.DESCRIPTION) or ""
    return Answer({"vpc": vpcs.create(cloud, name, region, fields.text("ip_range"), description)}, 201)


@route("GET", _ONE, "vpc:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer({"vpc": vpcs.one(cloud, call.words["vpc_id"])})


@route("PUT", _ONE, "vpc:update")
def _replace(cloud: Cloud, call: Call) -> Answer:
    call.fields.needed("name", pattern=vpcs.NAME, message=_NAME)
    return _update(cloud, call)


@route("PATCH", _ONE, "vpc:update")
def _update(cloud: Cloud, call: Call) -> Answer:
    vpc, fields = vpcs.one(cloud, call.words["vpc_id"]), call.fields
    name = fields.text("name", pattern=vpcs.NAME, message=_NAME)
    description = fields.text("description", limit=vpcs.DESCRIPTION)
    default = fields.flag("default", default=vpc.default)
    if name:
        vpcs.rename(cloud, vpc, name)
    if description is not None:
        vpc.description = description
    if default and not vpc.default:
        vpcs.make_default(cloud, vpc)
    return Answer({"vpc": vpc})


@route("DELETE", _ONE, "vpc:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    vpcs.delete(cloud, vpcs.one(cloud, call.words["vpc_id"]))
    return Answer(status=204)


@route("GET", f"{_ONE}/members", "vpc:read")
def _members(cloud: Cloud, call: Call) -> Answer:
    vpc = vpcs.one(cloud, call.words["vpc_id"])
    wanted = call.query.get("resource_type", "")
    found = [it for it in vpcs.members(cloud, vpc.id) if wanted in {"", it.URN}]
    return page(cloud, call, "members", [_member(it) for it in found])


def _member(it: Resource) -> dict[str, object]:
    return {"urn": it.urn, "name": getattr(it, "name", str(it.id)), "created_at": getattr(it, "created_at", "")}


# peerings


def _one(cloud: Cloud, peering_id: str) -> vpcs.Peering:
    found = cloud.state.all(vpcs.Peering).get(peering_id)
    if found is None:
        raise not_found()
    return found


def _peer(cloud: Cloud, fields: Fields, vpc_ids: tuple[str, ...]) -> vpcs.Peering:
    return vpcs.peer(cloud, fields.needed("name", pattern=vpcs.PEERING_NAME), vpc_ids)


@route("GET", f"{_ONE}/peerings", "vpc_peering:read")
def _peerings_of(cloud: Cloud, call: Call) -> Answer:
    vpc = vpcs.one(cloud, call.words["vpc_id"])
    found = [it for it in cloud.state.all(vpcs.Peering).values() if vpc.id in it.vpc_ids]
    return page(cloud, call, "peerings", found)


@route("POST", f"{_ONE}/peerings", "vpc_peering:create")
def _peer_with(cloud: Cloud, call: Call) -> Answer:
    vpc, fields = vpcs.one(cloud, call.words["vpc_id"]), call.fields
    return Answer({"peering": _peer(cloud, fields, (vpc.id, fields.needed("vpc_id")))}, 202)


@route("PATCH", f"{_ONE}/peerings/{{peering_id}}", "vpc_peering:update")
def _rename_one_of(cloud: Cloud, call: Call) -> Answer:
    vpcs.one(cloud, call.words["vpc_id"])
    peering = _one(cloud, call.words["peering_id"])
    peering.name = call.fields.needed("name", pattern=vpcs.PEERING_NAME)
    return Answer({"peering": peering})


@route("GET", "/v2/vpc_peerings", "vpc_peering:read")
def _peerings(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "vpc_peerings", cloud.state.all(vpcs.Peering).values())


@route("POST", "/v2/vpc_peerings", "vpc_peering:create")
def _create_peering(cloud: Cloud, call: Call) -> Answer:
    return Answer({"vpc_peering": _peer(cloud, call.fields, call.fields.texts("vpc_ids"))}, 202)


@route("GET", _PEERING, "vpc_peering:read")
def _get_peering(cloud: Cloud, call: Call) -> Answer:
    return Answer({"vpc_peering": _one(cloud, call.words["peering_id"])})


@route("PATCH", _PEERING, "vpc_peering:update")
def _rename_peering(cloud: Cloud, call: Call) -> Answer:
    peering = _one(cloud, call.words["peering_id"])
    peering.name = call.fields.needed("name", pattern=vpcs.PEERING_NAME)
    return Answer({"vpc_peering": peering})


@route("DELETE", _PEERING, "vpc_peering:delete")
def _delete_peering(cloud: Cloud, call: Call) -> Answer:
    peering = _one(cloud, call.words["peering_id"])
    peering.status = "DELETING"
    cloud.later(cloud.delays.delete, "peering.gone", peering=peering.id)
    return Answer({"vpc_peering": peering}, 202)
