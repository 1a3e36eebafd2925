"""/v2/account, /v2/regions and /v2/sizes: what there is."""

from __future__ import annotations

from automation.simulators.digitalocean.answers import Answer
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.paging import page
from automation.simulators.digitalocean.routing import route

_ACCOUNT = "b6f4c89dbf6d9156cace5f3c78dc9851d957381e"
_TEAM = "5df3e3004a17e242b7c20ca6c9fc25b701a47ece"


@route("GET", "/v2/account", "account:read")
def _account(cloud: Cloud, call: Call) -> Answer:  # noqa: ARG001 - all handlers take the call
    account = {
        "droplet_limit": cloud.limits.droplets,
        "floating_ip_limit": cloud.limits.reserved_ips,
        "reserved_ip_limit": cloud.limits.reserved_ips,
        "volume_limit": cloud.limits.volumes,
        "email": "simulated@example.com",
        "name": "Simulated account",
        "uuid": _ACCOUNT,
        "email_verified": True,
        "status": "active",
        "status_message": "",
        "team": {"uuid": _TEAM, "name": "Simulated team"},
    }
    return Answer({"account": account})


@route("GET", "/v2/regions", "regions:read")
def _regions(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "regions", [it.json for it in cloud.catalogue.regions.values()])


@route("GET", "/v2/sizes", "sizes:read")
def _sizes(cloud: Cloud, call: Call) -> Answer:
    return page(cloud, call, "sizes", [it.json for it in cloud.catalogue.sizes.values()])
