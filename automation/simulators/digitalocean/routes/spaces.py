"""/v2/spaces/keys."""

from __future__ import annotations

from automation.simulators.digitalocean.answers import Answer
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import spaces
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

_ONE = "/v2/spaces/keys/{access_key}"


@route("GET", "/v2/spaces/keys", "spaces_key:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    name, bucket, permission = (call.query.get(word) for word in ("name", "bucket", "permission"))
    found = [
        it
        for it in cloud.state.all(spaces.SpacesKey).values()
        if (not name or it.name == name)
        and (not bucket or any(grant.bucket == bucket for grant in it.grants))
        and (not permission or any(grant.permission == permission for grant in it.grants))
    ]
    found.sort(key=lambda it: it.name if call.query.get("sort") == "name" else it.created_at)
    if call.query.get("sort_direction", "desc") == "desc":
        found.reverse()
    return page(cloud, call, "keys", found)


@route("POST", "/v2/spaces/keys", "spaces_key:create_credentials")
def _create(cloud: Cloud, call: Call) -> Answer:
    key = spaces.create(cloud, call.fields)
    return Answer({"key": {**spaces.shape(cloud, key), "secret_key": key.secret}}, 201)


@route("GET", _ONE, "spaces_key:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer({"key": spaces.one(cloud, call.words["access_key"])})


@route("PUT", _ONE, "spaces_key:update")
def _replace(cloud: Cloud, call: Call) -> Answer:
    key = spaces.one(cloud, call.words["access_key"])
    spaces.change(key, call.fields, whole=True)
    return Answer({"key": key})


@route("PATCH", _ONE, "spaces_key:update")
def _change(cloud: Cloud, call: Call) -> Answer:
    key = spaces.one(cloud, call.words["access_key"])
    spaces.change(key, call.fields, whole=False)
    return Answer({"key": key})


@route("DELETE", _ONE, "spaces_key:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    cloud.state.remove(spaces.one(cloud, call.words["access_key"]))
    return Answer(status=204)
