"""What can be done to a droplet: each action checks first, takes its time, and then has its effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import unprocessable
from automation.simulators.digitalocean.models import actions, images
from automation.simulators.digitalocean.models.droplets import BAD_NAME, NAME, PENDING, Droplet

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

MUST_BE_OFF = "Droplet must be powered off to perform this action."
SMALLER = "This size is not available because it has a smaller disk."

Check = Callable[["Cloud", Droplet, dict[str, Any]], None]
Effect = Callable[["Cloud", Droplet, dict[str, Any], actions.Action], None]


@dataclass(frozen=True)
class Kind:
    """A kind of action: ``delay`` names the field of Delays."""

    delay: str
    check: Check
    effect: Effect


_kinds: dict[str, Kind] = {}


def begin(cloud: Cloud, droplet: Droplet, type_: str, given: dict[str, Any]) -> actions.Action:
    """Start an action. Raises the 422s: unknown, impossible now, or another one going on."""
    found = _kinds.get(type_)
    if found is None:
        raise unprocessable(f"{type_} is not a valid action type")
    if droplet.pending:
        raise unprocessable(PENDING)
    found.check(cloud, droplet, given)
    delay: float = getattr(cloud.delays, found.delay)
    what: dict[str, Any] = {"droplet": droplet.id, "type_": type_, "given": given}
    where = droplet.region
    action = actions.begin(cloud, type_, "droplet", droplet.id, where, delay=delay, step="droplet.did", **what)
    droplet.pending = action.id
    return action


@events.step("droplet.did")
def _did(cloud: Cloud, action: int, droplet: int, type_: str, given: dict[str, Any]) -> None:
    found = cloud.state.all(Droplet).get(droplet)
    if found is None:
        raise events.StepFailed
    found.pending = None
    if cloud.faults.troubled("droplet.action", found.name):
        raise events.StepFailed
    _kinds[type_].effect(cloud, found, given, cloud.state.all(actions.Action)[action])


def _fine(cloud: Cloud, droplet: Droplet, given: dict[str, Any]) -> None:
    """Check nothing."""


def _is_on(cloud: Cloud, droplet: Droplet, given: dict[str, Any]) -> None:  # noqa: ARG001 - as all checks
    if droplet.status == "off":
        raise unprocessable("Droplet is already powered off.")  # the provider looks for these words


def _is_off(cloud: Cloud, droplet: Droplet, given: dict[str, Any]) -> None:  # noqa: ARG001 - as all checks
    if droplet.status != "off":
        raise unprocessable("Droplet is already powered on.")


def _turn(status: str) -> Effect:
    def effect(cloud: Cloud, droplet: Droplet, given: dict[str, Any], action: actions.Action) -> None:  # noqa: ARG001
        droplet.status = status

    return effect


def _nothing(cloud: Cloud, droplet: Droplet, given: dict[str, Any], action: actions.Action) -> None:
    """Change nothing that the API shows."""


def _fits(cloud: Cloud, droplet: Droplet, given: dict[str, Any]) -> None:
    size = cloud.catalogue.sizes.get(str(given.get("size")))
    if size is None:
        raise unprocessable("You specified an invalid size for Droplet resize.")
    if droplet.status != "off":
        raise unprocessable(MUST_BE_OFF)
    if size.slug == droplet.size:
        raise unprocessable("Droplet is already of this size.")
    if size.disk < droplet.disk:
        raise unprocessable(SMALLER)
    if droplet.region not in size.regions or cloud.faults.troubled("droplet.capacity", droplet.name):
        raise unprocessable("Size is not available in this region.")


def _resize(cloud: Cloud, droplet: Droplet, given: dict[str, Any], action: actions.Action) -> None:  # noqa: ARG001
    droplet.size = given["size"]
    if given.get("disk"):
        droplet.disk = cloud.catalogue.sizes[droplet.size].disk


def _has_image(cloud: Cloud, droplet: Droplet, given: dict[str, Any]) -> None:
    wanted = given.get("image")
    image = images.find(cloud, wanted) if isinstance(wanted, int | str) and not isinstance(wanted, bool) else None
    if image is None:
        raise unprocessable("You specified an invalid image.")
    if image.min_disk > droplet.disk:
        raise unprocessable(SMALLER)


def _from_image(cloud: Cloud, droplet: Droplet, given: dict[str, Any], action: actions.Action) -> None:  # noqa: ARG001
    image = images.find(cloud, given["image"])
    if image is None:
        raise events.StepFailed
    droplet.image, droplet.status = image.id, "active"


def _has_name(cloud: Cloud, droplet: Droplet, given: dict[str, Any]) -> None:  # noqa: ARG001 - as all checks
    name = given.get("name")
    if not isinstance(name, str) or len(name) > 255 or not NAME.fullmatch(name):  # noqa: PLR2004 - as a host name
        raise unprocessable(BAD_NAME)


def _rename(cloud: Cloud, droplet: Droplet, given: dict[str, Any], action: actions.Action) -> None:  # noqa: ARG001
    droplet.name = given["name"]


def _feature(name: str, *, on: bool = True) -> Effect:
    def effect(cloud: Cloud, droplet: Droplet, given: dict[str, Any], action: actions.Action) -> None:  # noqa: ARG001
        rest = tuple(it for it in droplet.features if it != name)
        droplet.features = (*rest, name) if on else rest
        if "plan" in given:
            droplet.backup_plan, droplet.backup_day, droplet.backup_hour = given["plan"], given["day"], given["hour"]

    return effect


def _lacks(name: str, words: str) -> Check:
    def check(cloud: Cloud, droplet: Droplet, given: dict[str, Any]) -> None:  # noqa: ARG001 - as all checks
        if name in droplet.features:
            raise unprocessable(words)

    return check


def _has(name: str, words: str) -> Check:
    def check(cloud: Cloud, droplet: Droplet, given: dict[str, Any]) -> None:  # noqa: ARG001 - as all checks
        if name not in droplet.features:
            raise unprocessable(words)

    return check


def _snapshot(cloud: Cloud, droplet: Droplet, given: dict[str, Any], action: actions.Action) -> None:
    base = images.find(cloud, droplet.image)
    name = given.get("name") if isinstance(given.get("name"), str) else None
    taken = images.Image(
        id=cloud.new_id(),
        name=name or f"{droplet.name}-{int(cloud.clock.now() * 1000)}",
        type="snapshot",
        distribution=base.distribution if base else "Unknown",
        regions=(droplet.region,),
        created_at=action.started_at,  # the provider finds it by this
        min_disk=droplet.disk,
        size_gigabytes=round(droplet.disk * 0.1, 2),
        droplet=droplet.id,
    )
    cloud.state.add(taken)
    droplet.snapshot_ids = (*droplet.snapshot_ids, taken.id)


@events.listens("resource.deleted")
def _without(cloud: Cloud, resource: object) -> None:
    if isinstance(resource, images.Image) and resource.droplet is not None:
        droplet = cloud.state.all(Droplet).get(resource.droplet)
        if droplet is not None:
            droplet.snapshot_ids = tuple(it for it in droplet.snapshot_ids if it != resource.id)
            droplet.backup_ids = tuple(it for it in droplet.backup_ids if it != resource.id)


_kinds |= {
    "power_off": Kind("power", _is_on, _turn("off")),
    "shutdown": Kind("power", _is_on, _turn("off")),
    "power_on": Kind("power", _is_off, _turn("active")),
    "reboot": Kind("power", _is_on, _nothing),
    "power_cycle": Kind("power", _fine, _turn("active")),
    "password_reset": Kind("power", _fine, _nothing),
    "resize": Kind("resize", _fits, _resize),
    "rebuild": Kind("droplet", _has_image, _from_image),
    "restore": Kind("droplet", _has_image, _from_image),
    "rename": Kind("power", _has_name, _rename),
    "change_kernel": Kind("power", _fine, _nothing),
    "enable_ipv6": Kind("power", _lacks("ipv6", "IPv6 is already enabled."), _feature("ipv6")),
    "enable_private_networking": Kind("power", _fine, _nothing),
    "enable_backups": Kind("power", _lacks("backups", "Backups are already enabled."), _feature("backups")),
    "disable_backups": Kind("power", _has("backups", "Backups are not enabled."), _feature("backups", on=False)),
    "change_backup_policy": Kind("power", _has("backups", "Backups are not enabled."), _feature("backups")),
    "snapshot": Kind("snapshot", _fine, _snapshot),
}
