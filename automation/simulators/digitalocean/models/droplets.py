"""Droplets: made, shown, deleted. What their actions do is in droplet_actions."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import unprocessable
from automation.simulators.digitalocean.model import Resource, kind
from automation.simulators.digitalocean.models import actions, images, tags

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

NAME = re.compile(r"[a-zA-Z0-9]?[a-zA-Z0-9.\-]*[a-zA-Z0-9]")
BAD_NAME = "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)"
PENDING = "Droplet already has a pending event."
NO_CAPACITY = "Size is not available in this region."
LIMIT = "creating this/these droplet(s) will exceed your droplet limit"
AT_ONCE = 10  # droplets in one request
_ADDRESSES = 131_000  # of 198.18.0.0/15, which nobody routes


@kind("droplets", urn="droplet", tag="droplet")
@dataclass(slots=True)
class Droplet(Resource):
    """``status`` is new, active, off or archive; ``pending`` the action that it is busy with."""

    id: int
    name: str
    region: str
    size: str
    image: int
    created_at: str
    vpc_uuid: str
    disk: int
    status: str = "new"
    locked: bool = True
    pending: int | None = None
    features: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    volume_ids: tuple[str, ...] = ()
    snapshot_ids: tuple[int, ...] = ()
    backup_ids: tuple[int, ...] = ()
    ssh_keys: tuple[int, ...] = ()
    user_data: str = ""
    public: bool = True
    backup_plan: str = "weekly"
    backup_day: str = "SUN"
    backup_hour: int = 0


@dataclass(frozen=True)
class Order:
    """What is asked for, checked already for its form."""

    region: str | None
    size: str
    image: int | str
    tags: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    ssh_keys: tuple[int, ...] = ()
    vpc_uuid: str | None = None
    user_data: str = ""
    public: bool = True
    backup_plan: str = "weekly"
    backup_day: str = "SUN"
    backup_hour: int = 0


def create(cloud: Cloud, names: tuple[str, ...], order: Order) -> tuple[list[Droplet], list[actions.Action]]:
    """Make droplets and start their create actions. Raises the 422s."""
    catalogue = cloud.catalogue
    region = order.region or "nyc3"
    if region not in catalogue.regions or not catalogue.regions[region].available:
        raise unprocessable("You specified an invalid region for Droplet creation.")
    if order.size not in catalogue.sizes:
        raise unprocessable("You specified an invalid size for Droplet creation.")
    size = catalogue.sizes[order.size]
    image = images.find(cloud, order.image)
    if image is None:
        raise unprocessable("You specified an invalid image for Droplet creation.")
    if isinstance(image, images.Image) and region not in image.regions:
        raise unprocessable("The image you specified is not available in the selected region.")
    if image.min_disk > size.disk:
        raise unprocessable("This size is not available because it has a smaller disk.")
    if region not in size.regions or any(cloud.faults.troubled("droplet.capacity", name) for name in names):
        raise unprocessable(NO_CAPACITY)
    if len(cloud.state.all(Droplet)) + len(names) > cloud.limits.droplets:
        raise unprocessable(LIMIT)
    vpc = _vpc(cloud, region, order.vpc_uuid)
    written = tags.ensure(cloud, order.tags)
    made = []
    for name in names:
        droplet = Droplet(cloud.new_id(), name, region, order.size, image.id, cloud.now(), vpc, size.disk)
        droplet.tags, droplet.features = written, order.features
        droplet.ssh_keys, droplet.user_data, droplet.public = order.ssh_keys, order.user_data, order.public
        droplet.backup_plan, droplet.backup_day = order.backup_plan, order.backup_day
        droplet.backup_hour = order.backup_hour
        made.append(cloud.state.add(droplet))
    return made, [_start(cloud, it, order.volumes) for it in made]


def _vpc(cloud: Cloud, region: str, wanted: str | None) -> str:
    default = wanted or str(uuid.uuid5(uuid.NAMESPACE_DNS, f"default-{region}"))
    found: str = events.ask(cloud, "vpc.of_droplet", default, region=region, vpc_uuid=wanted)
    return found


def _start(cloud: Cloud, droplet: Droplet, volumes: tuple[str, ...]) -> actions.Action:
    action = actions.begin(
        cloud,
        "create",
        "droplet",
        droplet.id,
        droplet.region,
        delay=cloud.delays.droplet,
        step="droplet.active",
        droplet=droplet.id,
        volumes=list(volumes),
    )
    droplet.pending = action.id
    return action


@events.step("droplet.active")
def _active(cloud: Cloud, action: int, droplet: int, volumes: list[str]) -> None:  # noqa: ARG001 - all steps take it
    found = cloud.state.all(Droplet).get(droplet)
    if found is None:
        raise events.StepFailed
    if cloud.faults.troubled("droplet.create", found.name):
        remove(cloud, found)
        raise events.StepFailed
    found.status, found.locked, found.pending = "active", False, None
    events.tell(cloud, "droplet.active", droplet=found, volumes=volumes)


def delete(cloud: Cloud, droplet: Droplet) -> None:
    """Start to destroy a droplet; at once, where deleting takes no time."""
    if not cloud.delays.delete:
        remove(cloud, droplet)
        return
    droplet.locked = True
    action = actions.begin(
        cloud,
        "destroy",
        "droplet",
        droplet.id,
        droplet.region,
        delay=cloud.delays.delete,
        step="droplet.gone",
        droplet=droplet.id,
    )
    droplet.pending = action.id


@events.step("droplet.gone")
def _gone(cloud: Cloud, action: int, droplet: int) -> None:  # noqa: ARG001 - all steps take the action
    found = cloud.state.all(Droplet).get(droplet)
    if found is not None:
        remove(cloud, found)


def remove(cloud: Cloud, droplet: Droplet) -> None:
    """Take a droplet out of the world; its volumes and snapshots stay."""
    cloud.state.remove(droplet)
    events.tell(cloud, "droplet.deleted", droplet=droplet)
    events.tell(cloud, "resource.deleted", resource=droplet)


def private_ip(droplet: Droplet) -> str:
    """Return its address in its VPC."""
    return f"10.{100 + droplet.id // 65_536 % 100}.{droplet.id // 256 % 256}.{droplet.id % 256}"


def public_ip(droplet: Droplet) -> str:
    """Return its public address; from 198.18.0.0/15, that nothing on the Internet has."""
    number = droplet.id % _ADDRESSES + 2
    return f"198.{18 + number // 65_536}.{number // 256 % 256}.{number % 256}"


def networks(droplet: Droplet) -> dict[str, Any]:
    """Return the networks as the API shows them: none while the droplet is new."""
    if droplet.status == "new":
        return {"v4": [], "v6": []}
    private, public = private_ip(droplet), public_ip(droplet)
    v4 = [{"ip_address": private, "netmask": "255.255.0.0", "gateway": _gateway(private), "type": "private"}]
    v6 = []
    if droplet.public:
        v4.append({"ip_address": public, "netmask": "255.255.240.0", "gateway": _gateway(public), "type": "public"})
    if "ipv6" in droplet.features:
        address = f"2001:db8:{droplet.id // 65_536:x}:{droplet.id % 65_536:x}::1"
        v6.append({"ip_address": address, "netmask": 64, "gateway": f"{address[:-1]}ffff", "type": "public"})
    return {"v4": v4, "v6": v6}


def _gateway(address: str) -> str:
    return f"{address.rpartition('.')[0]}.1"


def policy(droplet: Droplet) -> dict[str, Any]:
    """Return when backups are made."""
    weekly = droplet.backup_plan == "weekly"
    found = {"plan": droplet.backup_plan, "hour": droplet.backup_hour, "window_length_hours": 4}
    if weekly:
        found["weekday"] = droplet.backup_day
    return found | {"retention_period_days": 28 if weekly else 7}


@events.shape(Droplet)
def _shape(cloud: Cloud, droplet: Droplet) -> dict[str, Any]:
    size = cloud.catalogue.sizes[droplet.size]
    day = droplet.created_at[:10]
    window = {"start": f"{day}T{droplet.backup_hour:02}:00:00Z", "end": f"{day}T{droplet.backup_hour + 3:02}:59:59Z"}
    return {
        "id": droplet.id,
        "name": droplet.name,
        "memory": size.memory,
        "vcpus": size.vcpus,
        "disk": droplet.disk,
        "disk_info": [{"type": "local", "size": {"amount": droplet.disk, "unit": "gib"}}],
        "locked": droplet.locked,
        "status": droplet.status,
        "kernel": None,
        "created_at": droplet.created_at,
        "features": [*droplet.features, "private_networking"],
        "backup_ids": list(droplet.backup_ids),
        "next_backup_window": window if "backups" in droplet.features else None,
        "snapshot_ids": list(droplet.snapshot_ids),
        "image": images.json_of(cloud, droplet.image),
        "volume_ids": list(droplet.volume_ids),
        "size": size.json,
        "size_slug": droplet.size,
        "networks": networks(droplet),
        "region": cloud.catalogue.regions[droplet.region].brief,
        "tags": list(droplet.tags),
        "vpc_uuid": droplet.vpc_uuid,
    }
