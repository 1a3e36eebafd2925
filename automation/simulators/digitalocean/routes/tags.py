"""/v2/tags."""

from __future__ import annotations

from collections.abc import Iterator

from automation.simulators.digitalocean.answers import Answer, not_found, unprocessable
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import tags
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

_ONE = "/v2/tags/{tag}"


def _found(cloud: Cloud, call: Call) -> tags.Tag:
    wanted = call.words["tag"].lower()
    for tag in cloud.state.all(tags.Tag).values():
        if tag.id.lower() == wanted:
            return tag
    raise not_found()


def _named(cloud: Cloud, call: Call) -> Iterator[tags.Tagged]:
    resources = call.fields.objects("resources")
    if not resources:
        raise unprocessable("resources is required")
    for it in resources:
        identifier = it.sent.get("resource_id")
        if isinstance(identifier, bool) or not isinstance(identifier, int | str):
            raise unprocessable("resource_id is required")
        found = tags.find_resource(cloud, it.needed("resource_type"), str(identifier))
        if found is None:
            raise not_found()
        yield found


@route("GET", "/v2/tags", "tag:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "tags", [cloud.shown(it) for it in cloud.state.all(tags.Tag).values()])


@route("POST", "/v2/tags", "tag:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    (name,) = tags.ensure(cloud, (call.fields.needed("name"),))
    return Answer({"tag": cloud.state.all(tags.Tag)[name]}, 201)


@route("GET", _ONE, "tag:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer({"tag": _found(cloud, call)})


@route("DELETE", _ONE, "tag:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    tags.drop(cloud, _found(cloud, call).id)
    return Answer(status=204)


@route("POST", f"{_ONE}/resources", "tag:create")
def _tag(cloud: Cloud, call: Call) -> Answer:
    name = _found(cloud, call).id
    for it in list(_named(cloud, call)):
        it.tags = tuple(dict.fromkeys((*it.tags, name)))
    return Answer(status=204)


@route("DELETE", f"{_ONE}/resources", "tag:delete")
def _untag(cloud: Cloud, call: Call) -> Answer:
    name = _found(cloud, call).id
    for it in list(_named(cloud, call)):
        it.tags = tuple(tag for tag in it.tags if tag != name)
    return Answer(status=204)
