"""/v2/load_balancers."""

from __future__ import annotations

from automation.simulators.digitalocean.answers import Answer, unprocessable
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import checks, load_balancers
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

_ONE = "/v2/load_balancers/{lb_id}"


def _found(cloud: Cloud, call: Call) -> load_balancers.LoadBalancer:
    return load_balancers.one(cloud, call.words["lb_id"])


@route("GET", "/v2/load_balancers", "load_balancer:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    found = cloud.state.all(load_balancers.LoadBalancer).values()
    # Shown anew each time: which droplets carry its tag is not written on a load balancer.
    return page(cloud, call, "load_balancers", [load_balancers.shape(cloud, it) for it in found])


@route("POST", "/v2/load_balancers", "load_balancer:create")
def _create(cloud: Cloud, call: Call) -> Answer:
    return Answer({"load_balancer": load_balancers.create(cloud, call.fields)}, 202)


@route("GET", _ONE, "load_balancer:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    return Answer({"load_balancer": _found(cloud, call)})


@route("PUT", _ONE, "load_balancer:update")
def _replace(cloud: Cloud, call: Call) -> Answer:
    lb = _found(cloud, call)
    load_balancers.fill(cloud, lb, call.fields)
    return Answer({"load_balancer": lb})


@route("DELETE", _ONE, "load_balancer:delete")
def _delete(cloud: Cloud, call: Call) -> Answer:
    load_balancers.delete(cloud, _found(cloud, call))
    return Answer(status=204)


@route("DELETE", f"{_ONE}/cache", "load_balancer:delete")
def _purge(cloud: Cloud, call: Call) -> Answer:
    _found(cloud, call)
    return Answer(status=204)


@route("POST", f"{_ONE}/droplets", "load_balancer:update")
def _add_droplets(cloud: Cloud, call: Call) -> Answer:
    lb, more = _found(cloud, call), checks.numbers(call.fields, "droplet_ids")
    load_balancers.set_droplets(cloud, lb, tuple(dict.fromkeys((*lb.droplet_ids, *more))))
    return Answer(status=204)


@route("DELETE", f"{_ONE}/droplets", "load_balancer:update")
def _remove_droplets(cloud: Cloud, call: Call) -> Answer:
    lb, gone = _found(cloud, call), checks.numbers(call.fields, "droplet_ids")
    load_balancers.set_droplets(cloud, lb, tuple(it for it in lb.droplet_ids if it not in gone))
    return Answer(status=204)


@route("POST", f"{_ONE}/forwarding_rules", "load_balancer:update")
def _add_rules(cloud: Cloud, call: Call) -> Answer:
    lb = _found(cloud, call)
    more = [load_balancers.rule(it) for it in call.fields.objects("forwarding_rules")]
    if {it.entry_port for it in more} & {it.entry_port for it in lb.forwarding}:
        raise unprocessable("forwarding_rules must not have two rules for one entry port")
    lb.forwarding = (*lb.forwarding, *more)
    return Answer(status=204)


@route("DELETE", f"{_ONE}/forwarding_rules", "load_balancer:update")
def _remove_rules(cloud: Cloud, call: Call) -> Answer:
    lb = _found(cloud, call)
    gone = [load_balancers.rule(it) for it in call.fields.objects("forwarding_rules")]
    left = tuple(it for it in lb.forwarding if it not in gone)
    if not left:
        raise unprocessable("forwarding_rules must have at least one forwarding rule")
    lb.forwarding = left
    return Answer(status=204)
