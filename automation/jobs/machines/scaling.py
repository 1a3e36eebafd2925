"""Scaling: larger machines and volumes, and more machines, written into the description and applied at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from automation import report, wait
from automation.digitalocean import slugs
from automation.digitalocean.client import DigitalOcean
from automation.droplets.machine import Machine, Unreachable, wait_for_ssh
from automation.errors import ConfigurationError, DeadlineExceeded, DogitopsError, Refused
from automation.jobs.infrastructure import described
from automation.jobs.infrastructure.described import Agreed
from automation.jobs.infrastructure.review import Review
from automation.jobs.machines.droplets import SSH_PATIENCE, Droplet, Machines
from automation.opentofu.plan import Action
from automation.site import Site

Confirm = Callable[[str], bool]
_OFF = 90.0  # seconds that a machine gets to end what runs on it
_READY = 300.0
_WAIT_READY = 'k3s kubectl wait --for=condition=Ready --timeout=300s "node/$(hostname)"'
_SHUT_DOWN = "systemctl poweroff --no-block"
_GROW = 'resize2fs "$(findmnt --noheadings --output SOURCE /var/lib/rancher)"'
_CONFIG = "/etc/rancher/k3s/config.yaml"
# K3s takes what SQLite holds over into etcd when it starts with this for the first time.
_TO_ETCD = (
    f"grep -q '^cluster-init:' {_CONFIG} || "
    f"{{ echo 'cluster-init: true' >>{_CONFIG} && systemctl restart dogitops-k3s@server.service; }}"
)
_ANSWER = "Answer with the environment's name, or give --yes."


@dataclass(frozen=True)
class Wanted:
    """What a resize is to change; None leaves it. ``volume`` is in GiB."""

    size: str | None = None
    volume: int | None = None
    with_disk: bool = False


@dataclass
class _Scaling:
    site: Site
    confirm: Confirm
    machines: Machines = field(init=False)

    def __post_init__(self) -> None:
        if self.site.provider_kind != "droplet":
            raise ConfigurationError(
                f"The environment {self.site.name} has no machines of its own (provider {self.site.provider_kind}).",
                hint="Nodes of other providers are counted in environment.yaml: see docs/scaling.md.",
            )
        self.machines = Machines(self.site)
        self.site.store.ensure_bucket(self.site.environment.state.bucket)
        self.site.tofu.init()

    def agreed(self, question: str, allowed: Sequence[Action], told: str, then: Callable[[], None]) -> Agreed:
        """Return what looks at a plan: it refuses all but ``allowed`` actions, shows the cost, asks, and goes on."""

        def look(reviewed: Review) -> None:
            wrong = [one for one in reviewed.plan.resources if one.action not in (*allowed, Action.NO_OP, Action.READ)]
            if wrong:
                listed = ", ".join(f"{one.action.value} {one.address}" for one in wrong[:5])
                raise Refused(
                    f"The plan would do more than that: {listed}.",
                    hint=f"Something else is pending: 'dogitops plan {self.site.name}' shows it. Apply that first.",
                )
            if reviewed.plan.empty:
                return
            for line in described.costs(reviewed):
                report.result(line)
            if told:
                report.result(told)
            if not self.confirm(question):
                raise Refused("Nothing was changed.", hint=_ANSWER)
            then()

        return look

    def reached(self, droplet: Droplet) -> Machine | None:
        """Return a machine that answers; None, with a warning, for one that is not reached from here."""
        try:
            machine = self.machines.machine(droplet)
            machine.must_be_known()
            machine.run("true")
        except DogitopsError as error:
            report.warn(f"{droplet.name} is not reached over SSH: {error.message}")
            return None
        return machine

    def shut_down(self, droplet: Droplet) -> None:
        """Have a machine end in order what runs on it; DigitalOcean alone would just switch it off."""
        machine = self.reached(droplet)
        if machine is None:
            return
        machine.run(_SHUT_DOWN)

        def off() -> bool:
            try:
                machine.run("true", timeout=5)
            except Unreachable:
                return True
            return False

        with report.phase(f"Shutting {droplet.name} down"), suppress(DeadlineExceeded):
            wait.until(off, f"{droplet.name} to be off", timeout=_OFF)

    def came_back(self, droplet: Droplet) -> None:
        """Wait until a machine runs, with its file system as large as its volume, and its node is Ready."""
        if droplet.name not in self.machines.known.names():
            return
        machine = self.machines.machine(droplet)
        with report.phase(f"Waiting until {droplet.name} is back"):
            wait_for_ssh(machine, SSH_PATIENCE)
            if droplet.role == "first":
                machine.ok(_GROW)
            if droplet.role != "agent":
                machine.ok(_WAIT_READY, timeout=_READY + 10)


def resize(site: Site, wanted: Wanted, *, confirm: Confirm) -> Review:
    """Make the machines or the volume larger (machines may become smaller again); nothing is replaced.

    The volume never shrinks. A machine is shut down in order, and its own disk stays as it is unless ``with_disk``, so
    that it can go back. Several machines are resized one after another. Raises Refused where it may not be, and when
    the user says no.
    """
    work = _Scaling(site, confirm)
    droplets = work.machines.droplets()
    values = _checked(work, wanted, droplets)
    told = _told(wanted, droplets)
    with work.machines.changed(values) as stays:
        if wanted.size and len(droplets) > 1:
            described.look_at(site, work.agreed(f"Resize {site.name}?", (Action.UPDATE,), told, stays))
            for droplet in droplets:
                target = [f"-target={_address(droplet)}"]
                described.apply(site, agreed=partial(_then, work.shut_down, droplet), options=target)
                work.came_back(droplet)
            return described.apply(site)

        def then() -> None:
            stays()
            if wanted.size:
                work.shut_down(droplets[0])

        done = described.apply(site, agreed=work.agreed(f"Resize {site.name}?", (Action.UPDATE,), told, then))
        work.came_back(droplets[0])
    return done


def join(site: Site, *, agents: int | None = None, servers: int | None = None, confirm: Confirm) -> list[str]:
    """Add machines: one more agent, or up to so many ``agents`` and ``servers``; return the names of the new ones.

    Several servers keep the state in etcd: a first one that has it in SQLite takes it over. Machines that join get a
    token over SSH, when they ask for it. Raises Refused where there would be fewer, and when the user says no.
    """
    work = _Scaling(site, confirm)
    before = work.machines.droplets()
    there = {role: sum(one.role == role for one in before) for role in ("server", "agent")}
    if agents is None and servers is None:
        agents = there["agent"] + 1
    values: dict[str, Any] = {}
    for name, asked, now in (("agents", agents, there["agent"]), ("servers", servers, there["server"] + 1)):
        if asked is None:
            continue
        if asked < now:
            raise Refused(
                f"{site.name} has {now} {name}, and join makes none fewer.",
                hint="Drain the node and delete it, then write the number down and apply: see docs/scaling.md.",
            )
        values[name] = asked
    if values.get("servers", 1) > 1:
        values["datastore"] = "etcd"
    first = work.machines.first()
    first.must_be_known()
    first.run("true")  # before money goes: without it nobody makes tokens
    with work.machines.changed(values) as stays:
        allowed = (Action.CREATE, Action.UPDATE)
        look = work.agreed(f"Add machines to {site.name}?", allowed, "", stays)
        described.apply(site, work.machines.variables(), agreed=look)
    if values.get("servers", 1) > 1:
        with report.phase(f"Keeping the state of {first.name} in etcd"):
            first.ok(_TO_ETCD)
            first.ok(_WAIT_READY, timeout=_READY + 10)
    work.machines.bring_up()
    return [one.name for one in work.machines.droplets() if one.name not in {each.name for each in before}]


def _checked(work: _Scaling, wanted: Wanted, droplets: Sequence[Droplet]) -> dict[str, Any]:
    """Return what a resize writes down. Raises Refused and ConfigurationError for what can't be."""
    cloud = DigitalOcean.from_environment()
    values: dict[str, Any] = {}
    if wanted.with_disk and not wanted.size:
        raise ConfigurationError("--with-disk needs --size.", hint="The volume is made larger by --volume.")
    if wanted.size:
        there = {one.id: one for one in cloud.droplets()}
        sizes = {one.slug: one for one in cloud.sizes()}
        known = [there[one.id] for one in droplets if one.id in there]
        offered = sorted(slug for slug, size in sizes.items() if all(one.region in size.regions for one in known))
        if wanted.size not in offered:
            raise slugs.unknown("size of droplets in this region", wanted.size, offered)
        smallest = sizes[wanted.size].disk
        for one in known:
            if one.disk > smallest:
                raise Refused(
                    f"{one.name} has a disk of {one.disk} GiB, and {wanted.size} comes with {smallest} GiB: "
                    "disks never shrink.",
                    hint="Choose a size with at least as large a disk; or build the machine anew from its backup.",
                )
        values = {"size": wanted.size, **({"grow_disk": True} if wanted.with_disk else {})}
    if wanted.volume is not None:
        identity = work.site.tofu.outputs().get("volume_id")
        now = next((one.size for one in cloud.volumes() if one.id == identity), 0)
        if wanted.volume < now:
            raise Refused(
                f"The volume has {now} GiB, and a volume never shrinks.",
                hint=f"Give more than {now}, or restore a backup into an environment with a smaller one.",
            )
        values["volume_gib"] = wanted.volume
    if not values:
        raise ConfigurationError("Nothing is asked for.", hint="Give --size, --volume or both.")
    return values


def _told(wanted: Wanted, droplets: Sequence[Droplet]) -> str:
    if not wanted.size:
        return "Nothing is switched off: the file system grows while it is in use."
    kept = "grow as well, and there is no way back" if wanted.with_disk else "stay as they are: the way back is open"
    names = ", ".join(one.name for one in droplets)
    return f"Off for some minutes, one after another: {names}. Their own disks {kept}."


def _then(shut_down: Callable[[Droplet], None], droplet: Droplet, reviewed: Review) -> None:
    """Shut a machine down before a plan is applied that changes it."""
    if not reviewed.plan.empty:
        shut_down(droplet)


def _address(droplet: Droplet) -> str:
    """Return the address of a machine in the state."""
    number = droplet.name.rpartition("-")[2]
    return f"module.machines.digitalocean_droplet.{droplet.role}" + ("" if droplet.role == "first" else f'["{number}"]')


def written(site: Site) -> str:
    """Return the file that a change of size was written into, as seen from the repository."""
    return str(Machines(site).settings_file.relative_to(site.workspace.root))
