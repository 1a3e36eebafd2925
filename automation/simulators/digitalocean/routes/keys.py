"""/v2/account/keys."""

from __future__ import annotations

from automation.simulators.digitalocean.answers import Answer, not_found
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import keys
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

_ONE = "/v2/account/keys/{key}"


def _found(cloud: Cloud, call: Call) -> keys.Key:
    found = keys.find(cloud, call.words["key"])
    if found is None:
        raise not_found()
    return found


@route("GET", "/v2/account/keys", "ssh_key:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "ssh_keys", cloud.state.all(keys.Key).values())


@route("POST", "/v2/account/keys", "ssh_key:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    fields = call.fields
    key = keys.create(cloud, fields.needed("name", limit=255), fields.needed("public_key"))
    return Answer({"ssh_key": key}, 201)


@route("GET", _ONE, "ssh_key:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer({"ssh_key": _found(cloud, call)})


@route("PUT", _ONE, "ssh_key:update")
def _rename(cloud: Cloud, call: Call) -> Answer:
    key = _found(cloud, call)
    key.name = call.fields.text("name", limit=255) or key.name
    return Answer({"ssh_key": key})


@route("DELETE", _ONE, "ssh_key:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    cloud.state.remove(_found(cloud, call))
    return Answer(status=204)
