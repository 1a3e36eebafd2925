"""/v2/actions."""

from __future__ import annotations

from automation.simulators.digitalocean.answers import Answer, not_found
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import actions
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route


def one_of(cloud: Cloud, call: Call, resource_type: str, resource_id: int | str) -> Answer:
    """Answer with the action that the path names, if it is one on that resource."""
    found = cloud.state.all(actions.Action).get(call.number("action_id"))
    if found is None or (found.resource_type, found.resource_id) != (resource_type, resource_id):
        raise not_found()
    return Answer({"action": found})


@route("GET", "/v2/actions", "actions:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "actions", list(reversed(cloud.state.all(actions.Action).values())))


@route("GET", "/v2/actions/{action_id}", "actions:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    found = cloud.state.all(actions.Action).get(call.number("action_id"))
    if found is None:
        raise not_found()
    return Answer({"action": found})
