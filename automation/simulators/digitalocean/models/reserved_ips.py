"""Reserved IPs, which move between the droplets of a region.

"already has a pending event" is DigitalOcean's own (doctl, issue 493); the other words are assumptions.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import not_found, unprocessable
from automation.simulators.digitalocean.model import Resource, kind
from automation.simulators.digitalocean.models import actions, checks
from automation.simulators.digitalocean.models.droplets import PENDING, Droplet

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

_PENDING = "The reserved IP already has a pending event."


@kind("reserved_ips", urn="reservedip")
@dataclass(slots=True)
class ReservedIp(Resource):
    """An address. Its id is the address itself; ``busy`` is the number of the action under way."""

    id: str
    region: str
    project_id: str
    droplet_id: int | None = None
    busy: int | None = None

    @property
    def number(self) -> int:
        """The address as a number, which its actions have for a resource."""
        return int(ipaddress.IPv4Address(self.id))


def one(cloud: Cloud, address: str) -> ReservedIp:
    """Return a reserved IP. Raises the 404."""
    found = cloud.state.all(ReservedIp).get(address)
    if found is None:
        raise not_found()
    return found


def create(cloud: Cloud, region: str, project_id: str) -> ReservedIp:
    """Reserve an address. Raises the 422 of a region that is none, and of a limit that is reached."""
    region = checks.region(cloud, region)
    held = cloud.state.all(ReservedIp)
    if sum(it.droplet_id is None for it in held.values()) >= cloud.limits.reserved_ips:
        raise unprocessable("You have reached the limit of unassigned reserved IPs on your account.")
    address = checks.public_address(cloud.new_id())
    while address in held:
        address = checks.public_address(cloud.new_id())
    return cloud.state.add(ReservedIp(address, region, project_id))


def assign(cloud: Cloud, ip: ReservedIp, droplet_id: int) -> actions.Action:
    """Move the address to a droplet. Raises the 422."""
    droplet = cloud.state.all(Droplet).get(droplet_id)
    if droplet is None:
        raise unprocessable("Droplet not found")
    if ip.busy is not None:
        raise unprocessable(_PENDING)
    if droplet.region != ip.region:
        raise unprocessable("The Droplet and the reserved IP must be in the same region.")
    if droplet.pending is not None:
        raise unprocessable(PENDING)
    return _act(cloud, ip, "assign_ip", droplet_id)


def unassign(cloud: Cloud, ip: ReservedIp) -> actions.Action:
    """Take the address from its droplet. Raises the 422."""
    if ip.busy is not None:
        raise unprocessable(_PENDING)
    if ip.droplet_id is None:
        raise unprocessable("The reserved IP is not assigned to a Droplet.")
    return _act(cloud, ip, "unassign_ip", None)


def delete(cloud: Cloud, ip: ReservedIp) -> None:
    """Give the address back. Raises the 422 while an action on it is under way."""
    if ip.busy is not None:
        raise unprocessable(_PENDING)
    checks.forget(cloud, ip)


def _act(cloud: Cloud, ip: ReservedIp, what: str, droplet_id: int | None) -> actions.Action:
    action = actions.begin(
        cloud,
        what,
        "reserved_ip",
        ip.number,
        ip.region,
        delay=cloud.delays.reserved_ip,
        step="reserved_ip.moved",
        address=ip.id,
        droplet_id=droplet_id,
    )
    ip.busy = action.id
    return action


@events.step("reserved_ip.moved")
def _moved(cloud: Cloud, address: str, droplet_id: int | None, **_: Any) -> None:
    ip = cloud.state.all(ReservedIp).get(address)
    if ip is None:
        return
    ip.busy = None
    if droplet_id is not None and droplet_id not in cloud.state.all(Droplet):
        raise events.StepFailed
    ip.droplet_id = droplet_id


@events.listens("droplet.deleted")
def _droplet_gone(cloud: Cloud, droplet: Droplet) -> None:
    for ip in cloud.state.all(ReservedIp).values():
        if ip.droplet_id == droplet.id:
            ip.droplet_id = None


@events.shape(ReservedIp)
def shape(cloud: Cloud, ip: ReservedIp) -> dict[str, Any]:
    """Return it as the API shows it, with its droplet."""
    return {
        "ip": ip.id,
        "droplet": cloud.state.all(Droplet).get(ip.droplet_id or 0),
        "region": cloud.catalogue.regions[ip.region].json,
        "locked": ip.busy is not None,
        "project_id": ip.project_id,
    }
