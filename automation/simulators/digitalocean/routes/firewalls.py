"""/v2/firewalls."""

from __future__ import annotations

from automation.simulators.digitalocean.answers import Answer, unprocessable
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import checks, firewalls
from automation.simulators.digitalocean.models.tags import checked
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

_ONE = "/v2/firewalls/{firewall_id}"


def _found(cloud: Cloud, call: Call) -> firewalls.Firewall:
    return firewalls.one(cloud, call.words["firewall_id"])


@route("GET", "/v2/firewalls", "firewall:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "firewalls", cloud.state.all(firewalls.Firewall).values())


@route("POST", "/v2/firewalls", "firewall:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    fields = call.fields
    if not fields.items("inbound_rules") and not fields.items("outbound_rules"):
        raise unprocessable("must specify at least one rule")
    made = firewalls.replace(cloud, firewalls.Firewall(cloud.new_uuid(), "", cloud.now()), fields)
    return Answer({"firewall": made}, 202)


@route("GET", _ONE, "firewall:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer({"firewall": _found(cloud, call)})


@route("PUT", _ONE, "firewall:update")
def _replace(cloud: Cloud, call: Call) -> Answer:
    return Answer({"firewall": firewalls.replace(cloud, _found(cloud, call), call.fields)})


@route("DELETE", _ONE, "firewall:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    cloud.state.remove(_found(cloud, call))
    return Answer(status=204)


@route("POST", f"{_ONE}/droplets", "firewall:update")
def _add_droplets(cloud: Cloud, call: Call) -> Answer:
    firewall = _found(cloud, call)
    more = checks.numbers(call.fields, "droplet_ids")
    firewalls.reach(cloud, firewall, tuple(dict.fromkeys((*firewall.droplet_ids, *more))))
    return Answer(status=204)


@route("DELETE", f"{_ONE}/droplets", "firewall:update")
def _remove_droplets(cloud: Cloud, call: Call) -> Answer:
    firewall = _found(cloud, call)
    gone = checks.numbers(call.fields, "droplet_ids")
    firewalls.reach(cloud, firewall, tuple(it for it in firewall.droplet_ids if it not in gone))
    return Answer(status=204)


@route("POST", f"{_ONE}/tags", "firewall:update")
def _add_tags(cloud: Cloud, call: Call) -> Answer:
    firewall = _found(cloud, call)
    tags = tuple(dict.fromkeys((*firewall.tags, *checked(call.fields.texts("tags")))))
    if len(tags) > firewalls.MOST_TAGS:
        raise unprocessable(f"a firewall may have at most {firewalls.MOST_TAGS} tags")
    firewall.tags = tags
    return Answer(status=204)


@route("DELETE", f"{_ONE}/tags", "firewall:update")
def _remove_tags(cloud: Cloud, call: Call) -> Answer:
    firewall, gone = _found(cloud, call), call.fields.texts("tags")
    firewall.tags = tuple(it for it in firewall.tags if it not in gone)
    return Answer(status=204)


@route("POST", f"{_ONE}/rules", "firewall:update")
def _add_rules(cloud: Cloud, call: Call) -> Answer:
    firewalls.change_rules(cloud, _found(cloud, call), call.fields, remove=False)
    return Answer(status=204)


@route("DELETE", f"{_ONE}/rules", "firewall:update")
def _remove_rules(cloud: Cloud, call: Call) -> Answer:
    firewalls.change_rules(cloud, _found(cloud, call), call.fields, remove=True)
    return Answer(status=204)
