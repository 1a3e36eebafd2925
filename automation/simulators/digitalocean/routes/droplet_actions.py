"""/v2/droplets/{id}/actions, and /v2/droplets/actions for all droplets of a tag."""

from __future__ import annotations

from typing import Any

from automation.simulators.digitalocean.answers import Answer, bad_request
from automation.simulators.digitalocean.calls import Call, Fields
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import droplet_actions
from automation.simulators.digitalocean.models.droplets import Droplet
from automation.simulators.digitalocean.routes.actions import one_of
from automation.simulators.digitalocean.routes.droplets import ONE, backup_policy, found
from automation.simulators.digitalocean.routing import route


def _asked(fields: Fields) -> tuple[str, dict[str, Any]]:
    type_ = fields.needed("type", message="Unprocessable: an action needs a type")
    given = {name: fields.sent[name] for name in ("size", "image", "name") if fields.has(name)}
    given["disk"] = fields.flag("disk")
    if type_ in {"enable_backups", "change_backup_policy"} and fields.has("backup_policy"):
        given["plan"], given["day"], given["hour"] = backup_policy(fields, "backup_policy")
    return type_, given


@route("POST", f"{ONE}/actions", "droplet:update")
def _act(cloud: Cloud, call: Call) -> Answer:
    droplet = found(cloud, call)
    return Answer({"action": droplet_actions.begin(cloud, droplet, *_asked(call.fields))}, 201)


@route("POST", "/v2/droplets/actions", "droplet:update")
def _act_on_tagged(cloud: Cloud, call: Call) -> Answer:
    tag = call.query.get("tag_name")
    if not tag:
        raise bad_request("tag_name is required")
    type_, given = _asked(call.fields)
    chosen = [it for it in cloud.state.all(Droplet).values() if tag in it.tags]
    return Answer({"actions": [droplet_actions.begin(cloud, it, type_, given) for it in chosen]}, 201)


@route("GET", f"{ONE}/actions/{{action_id}}", "droplet:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return one_of(cloud, call, "droplet", found(cloud, call).id)
