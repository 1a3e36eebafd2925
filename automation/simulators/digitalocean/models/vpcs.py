"""VPCs and their peerings.

The words of the 409 are DigitalOcean's (pulumi-digitalocean, issue 753). Those for a name or a range that is taken
are assumptions: no evidence was found.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import ApiError, conflict, not_found, unprocessable
from automation.simulators.digitalocean.model import Resource, kind, kinds
from automation.simulators.digitalocean.models import checks

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

NAME = re.compile(r"[a-zA-Z0-9.-]+")
PEERING_NAME = re.compile(r"[a-zA-Z0-9-]+")
DESCRIPTION = 255
_PRIVATE = [ipaddress.IPv4Network(it) for it in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
_LARGEST, _SMALLEST = 16, 28  # prefixes: docs.digitalocean.com, "VPC limits"
_POOL = ipaddress.IPv4Network("10.108.0.0/14")  # where ranges come from that nobody asked for, in /20


@kind("vpcs", urn="vpc")
@dataclass(slots=True)
class Vpc(Resource):
    """A private network in a region."""

    id: str
    name: str
    region: str
    ip_range: str
    created_at: str
    description: str = ""
    default: bool = False


@kind("vpc_peerings")
@dataclass(slots=True)
class Peering(Resource):
    """Two VPCs that reach each other."""

    id: str
    name: str
    vpc_ids: tuple[str, str]
    created_at: str
    status: str = "PROVISIONING"


def create(
    cloud: Cloud, name: str, region: str, ip_range: str | None, description: str = "", *, default: bool = False
) -> Vpc:
    """Make a VPC. Raises the 422."""
    region = checks.region(cloud, region)
    others = cloud.state.all(Vpc).values()
    if any(it.name == name for it in others):
        raise unprocessable("Name has already been taken")
    taken = [ipaddress.IPv4Network(it.ip_range) for it in others]
    network = _asked(ip_range, taken) if ip_range else _free(taken)
    return cloud.state.add(Vpc(cloud.new_uuid(), name, region, str(network), cloud.now(), description, default))


def default(cloud: Cloud, region: str) -> Vpc:
    """Return the default VPC of a region, made where there is none yet: as the first resource there does it."""
    found = next((it for it in cloud.state.all(Vpc).values() if it.default and it.region == region), None)
    return found or create(cloud, f"default-{region}", region, None, default=True)


def chosen(cloud: Cloud, region: str, vpc_uuid: str | None) -> Vpc:
    """Return the VPC that was asked for, or the region's default one. Raises the 422 of one that is not there."""
    if not vpc_uuid:
        return default(cloud, region)
    found = cloud.state.all(Vpc).get(vpc_uuid)
    if found is None:
        raise unprocessable("VPC not found")
    if found.region != region:
        raise unprocessable(f"VPC is not in region {region}")
    return found


def one(cloud: Cloud, vpc_id: str) -> Vpc:
    """Return a VPC. Raises the 404."""
    found = cloud.state.all(Vpc).get(vpc_id)
    if found is None:
        raise not_found()
    return found


def members(cloud: Cloud, vpc_id: str) -> Iterator[Resource]:
    """Yield what lies in a VPC."""
    for cls in kinds().values():
        if cls.URN:
            for it in cloud.state.all(cls).values():
                if getattr(it, "vpc_uuid", None) == vpc_id:
                    yield it


def rename(cloud: Cloud, vpc: Vpc, name: str) -> None:
    """Give a VPC another name. Raises the 422."""
    if any(it.name == name and it is not vpc for it in cloud.state.all(Vpc).values()):
        raise unprocessable("Name has already been taken")
    vpc.name = name


def make_default(cloud: Cloud, vpc: Vpc) -> None:
    """Make it the default one of its region, instead of the one that is."""
    for it in cloud.state.all(Vpc).values():
        if it.region == vpc.region and it.default:
            it.default = False
    vpc.default = True


def delete(cloud: Cloud, vpc: Vpc) -> None:
    """Delete an empty VPC. Raises the 403 of a default one, and the 409 of one that is in use."""
    if vpc.default:
        raise ApiError(403, "forbidden", "Can not delete default VPCs")
    if next(members(cloud, vpc.id), None) is not None or any(
        vpc.id in it.vpc_ids for it in cloud.state.all(Peering).values()
    ):
        raise conflict("Can not delete VPC with members")
    checks.forget(cloud, vpc)


def peer(cloud: Cloud, name: str, vpc_ids: tuple[str, ...]) -> Peering:
    """Connect two VPCs. Raises the 422."""
    if len(set(vpc_ids)) != 2:  # noqa: PLR2004 - a pair
        raise unprocessable("vpc_ids must be two different VPCs")
    for vpc_id in vpc_ids:
        if vpc_id not in cloud.state.all(Vpc):
            raise unprocessable("VPC not found")
    if any(set(it.vpc_ids) == set(vpc_ids) for it in cloud.state.all(Peering).values()):
        raise conflict("VPC peering already exists")
    first, second = vpc_ids
    made = cloud.state.add(Peering(cloud.new_uuid(), name, (first, second), cloud.now()))
    cloud.later(cloud.delays.load_balancer, "peering.active", peering=made.id)
    return made


@events.answers("vpc.of_droplet")
def _of_droplet(cloud: Cloud, region: str, vpc_uuid: str | None) -> str:
    return chosen(cloud, region, vpc_uuid).id


@events.step("peering.active")
def _active(cloud: Cloud, peering: str) -> None:
    found = cloud.state.all(Peering).get(peering)
    if found is not None and found.status == "PROVISIONING":
        found.status = "ACTIVE"


@events.step("peering.gone")
def _gone(cloud: Cloud, peering: str) -> None:
    found = cloud.state.all(Peering).get(peering)
    if found is not None:
        cloud.state.remove(found)


def _asked(ip_range: str, taken: list[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    try:
        network = ipaddress.IPv4Network(ip_range, strict=False)
    except ValueError as error:
        raise unprocessable("IP range is not a valid CIDR") from error
    if not _LARGEST <= network.prefixlen <= _SMALLEST:
        raise unprocessable(f"IP range must be between /{_LARGEST} and /{_SMALLEST}")
    if not any(network.subnet_of(private) for private in _PRIVATE):
        raise unprocessable("IP range must be in a private address range (RFC 1918)")
    if any(network.overlaps(it) for it in taken):
        raise unprocessable("This range/size overlaps with another VPC network in your account")
    return network


def _free(taken: list[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    for network in _POOL.subnets(new_prefix=20):
        if not any(network.overlaps(it) for it in taken):
            return network
    raise unprocessable("No IP range is left for another VPC")


@events.shape(Vpc)
def _vpc(cloud: Cloud, vpc: Vpc) -> dict[str, Any]:  # noqa: ARG001 - all shapes take the cloud
    return {
        "id": vpc.id,
        "urn": vpc.urn,
        "name": vpc.name,
        "description": vpc.description,
        "region": vpc.region,
        "ip_range": vpc.ip_range,
        "created_at": vpc.created_at,
        "default": vpc.default,
    }


@events.shape(Peering)
def _peering(cloud: Cloud, peering: Peering) -> dict[str, Any]:  # noqa: ARG001
    return {
        "id": peering.id,
        "name": peering.name,
        "vpc_ids": list(peering.vpc_ids),
        "created_at": peering.created_at,
        "status": peering.status,
    }
