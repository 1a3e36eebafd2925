"""Firewalls around droplets. Only their rules are kept: no packet passes here.

"duplicate name" is DigitalOcean's own word (harmony-ops, issue 390); how it words rules that can't be is an assumption.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import conflict, not_found, unprocessable
from automation.simulators.digitalocean.calls import Fields
from automation.simulators.digitalocean.model import Resource, kind
from automation.simulators.digitalocean.models import checks, tags
from automation.simulators.digitalocean.models.droplets import Droplet

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.-]+")
PROTOCOLS = frozenset({"tcp", "udp", "icmp"})
MOST_RULES, MOST_DROPLETS, MOST_TAGS = 50, 10, 5  # docs.digitalocean.com, "Cloud Firewalls limits"
_HIGHEST_PORT = 65_535
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


@dataclass(frozen=True)
class Ends:
    """Where the traffic of a rule comes from or goes to."""

    addresses: tuple[str, ...] = ()
    droplet_ids: tuple[int, ...] = ()
    load_balancer_uids: tuple[str, ...] = ()
    kubernetes_ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """What is let through. ``ports`` is ``0`` for all of them, a port, or ``from-to``."""

    protocol: str
    ports: str
    ends: Ends


@kind("firewalls")
@dataclass(slots=True)
class Firewall(Resource):
    """A firewall. ``pending`` are the droplets that it still has to reach or to leave: id and whether it leaves."""

    id: str
    name: str
    created_at: str
    inbound: tuple[Rule, ...] = ()
    outbound: tuple[Rule, ...] = ()
    droplet_ids: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    pending: tuple[tuple[int, bool], ...] = ()


def one(cloud: Cloud, firewall_id: str) -> Firewall:
    """Return a firewall. Raises the 404."""
    found = cloud.state.all(Firewall).get(firewall_id)
    if found is None:
        raise not_found()
    return found


def replace(cloud: Cloud, firewall: Firewall, fields: Fields) -> Firewall:
    """Make a firewall what the fields say, and keep it. Raises the 409 and the 422."""
    name = fields.needed("name", limit=255, pattern=NAME)
    if any(it.name == name and it.id != firewall.id for it in cloud.state.all(Firewall).values()):
        raise conflict("duplicate name")
    inbound, outbound = rules(fields, "inbound_rules", "sources"), rules(fields, "outbound_rules", "destinations")
    droplets, named = checks.numbers(fields, "droplet_ids"), tags.checked(fields.texts("tags"))
    _within_limits(cloud, inbound, outbound, droplets, named)
    firewall.name, firewall.inbound, firewall.outbound, firewall.tags = name, inbound, outbound, named
    reach(cloud, cloud.state.add(firewall), droplets)
    return firewall


def reach(cloud: Cloud, firewall: Firewall, droplets: tuple[int, ...]) -> None:
    """Put the firewall around these droplets, and no others. Raises the 422."""
    _within_limits(cloud, firewall.inbound, firewall.outbound, droplets, firewall.tags)
    joined = [(it, False) for it in droplets if it not in firewall.droplet_ids]
    left = [(it, True) for it in firewall.droplet_ids if it not in droplets]
    firewall.droplet_ids = droplets
    if joined or left:
        firewall.pending = (*joined, *left)
        cloud.later(cloud.delays.power, "firewall.settled", firewall=firewall.id)


def change_rules(cloud: Cloud, firewall: Firewall, fields: Fields, *, remove: bool) -> None:
    """Add rules, or remove those that are equal. Raises the 422."""
    both = []
    for kept, name, ends in (
        (firewall.inbound, "inbound_rules", "sources"),
        (firewall.outbound, "outbound_rules", "destinations"),
    ):
        given = rules(fields, name, ends)
        if remove:
            both.append(tuple(it for it in kept if it not in given))
        else:
            both.append((*kept, *(it for it in given if it not in kept)))
    _within_limits(cloud, both[0], both[1], firewall.droplet_ids, firewall.tags)
    firewall.inbound, firewall.outbound = both


def rules(fields: Fields, name: str, ends: str) -> tuple[Rule, ...]:
    """Return the rules that were sent under ``name``. Raises the 422."""
    found = []
    for sent in fields.objects(name):
        protocol = sent.needed("protocol", choices=PROTOCOLS)
        where = sent.object(ends)
        if where is None:
            raise unprocessable(f"{name} must have {ends}")
        found.append(Rule(protocol, _ports(sent, protocol), _ends(where)))
    return tuple(found)


def _ports(sent: Fields, protocol: str) -> str:
    ports = sent.text("ports") or ""
    if protocol == "icmp" or ports in {"all", "0"}:
        return "0"
    matched = _PORTS.fullmatch(ports)
    if matched is None:
        raise unprocessable(f'invalid ports "{ports}": must be a port, a range such as 8000-9000, or all')
    first, last = int(matched[1]), int(matched[2] or matched[1])
    if not 1 <= first <= last <= _HIGHEST_PORT:
        raise unprocessable(f'invalid ports "{ports}": ports lie between 1 and {_HIGHEST_PORT}')
    return ports


def _ends(where: Fields) -> Ends:
    addresses = where.texts("addresses")
    for address in addresses:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError as error:
            raise unprocessable(f'invalid address "{address}": must be an IP address or a CIDR') from error
    return Ends(
        addresses,
        checks.numbers(where, "droplet_ids"),
        where.texts("load_balancer_uids"),
        where.texts("kubernetes_ids"),
        tags.checked(where.texts("tags")),
    )


def _within_limits(
    cloud: Cloud,
    inbound: tuple[Rule, ...],
    outbound: tuple[Rule, ...],
    droplets: tuple[int, ...],
    named: tuple[str, ...],
) -> None:
    if len(inbound) + len(outbound) > MOST_RULES:
        raise unprocessable(f"a firewall may have at most {MOST_RULES} rules")
    if len(droplets) > MOST_DROPLETS:
        raise unprocessable(f"a firewall may have at most {MOST_DROPLETS} Droplets; use tags for more")
    if len(named) > MOST_TAGS:
        raise unprocessable(f"a firewall may have at most {MOST_TAGS} tags")
    missing = [it for it in droplets if it not in cloud.state.all(Droplet)]
    if missing:
        raise unprocessable(f"could not find Droplet {missing[0]}")


@events.step("firewall.settled")
def _settled(cloud: Cloud, firewall: str) -> None:
    found = cloud.state.all(Firewall).get(firewall)
    if found is not None:
        found.pending = ()


@events.listens("droplet.deleted")
def _droplet_gone(cloud: Cloud, droplet: Droplet) -> None:
    for firewall in cloud.state.all(Firewall).values():
        if droplet.id in firewall.droplet_ids:
            firewall.droplet_ids = tuple(it for it in firewall.droplet_ids if it != droplet.id)
            firewall.pending = tuple(it for it in firewall.pending if it[0] != droplet.id)


@events.shape(Firewall)
def _shape(cloud: Cloud, firewall: Firewall) -> dict[str, Any]:  # noqa: ARG001 - all shapes take the cloud
    return {
        "id": firewall.id,
        "name": firewall.name,
        "status": "waiting" if firewall.pending else "succeeded",
        "inbound_rules": [_rule(it, "sources") for it in firewall.inbound],
        "outbound_rules": [_rule(it, "destinations") for it in firewall.outbound],
        "created_at": firewall.created_at,
        "droplet_ids": list(firewall.droplet_ids),
        "tags": list(firewall.tags),
        "pending_changes": [
            {"droplet_id": droplet, "removing": leaves, "status": "waiting"} for droplet, leaves in firewall.pending
        ],
    }


def _rule(rule: Rule, ends: str) -> dict[str, Any]:
    where = {
        "addresses": rule.ends.addresses,
        "droplet_ids": rule.ends.droplet_ids,
        "load_balancer_uids": rule.ends.load_balancer_uids,
        "kubernetes_ids": rule.ends.kubernetes_ids,
        "tags": rule.ends.tags,
    }
    return {
        "protocol": rule.protocol,
        "ports": rule.ports,
        ends: {name: list(values) for name, values in where.items() if values},
    }
