"""Droplets of the simulated DigitalOcean that run here: each is a machine in a container, at the very address it has.

What the simulator says of a droplet is done to its container: it is made, switched off and on, gets its volume, and is
removed. Its user data, its keys and its metadata are those that the simulator was given.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from automation.process import run
from automation.simulators.digitalocean import DigitalOceanSimulator
from automation.simulators.digitalocean.models.droplets import Droplet, private_ip, public_ip
from automation.simulators.digitalocean.models.keys import Key
from automation.simulators.digitalocean.models.volumes import Volume
from automation.toolchain import droplet_image
from tests.e2e.droplets.local import OPTIONS, docker, remove

NETWORK, RANGE = "dogitops-estate", "198.18.0.0/15"  # where the simulator's public addresses lie
_MOUNT = "/var/lib/rancher"
_METADATA = "/run/metadata/metadata/v1"


@dataclass
class Estate:
    """The machines by their droplets' ids; ``prefix`` begins the names of their containers."""

    cloud: DigitalOceanSimulator
    folder: Path
    prefix: str
    options: tuple[str, ...] = ()
    running: dict[int, str] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    made: Callable[[Droplet], None] | None = None  # what else is done when a machine was made
    gone: Callable[[int], None] | None = None  # and when it has gone
    _over: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        """Do to the containers what the simulator says, until the end."""
        while not self._over.wait(0.3):
            try:
                self.once()
                self.problems.clear()  # what was tried while a machine went down has passed
            except Exception as error:  # noqa: BLE001 - told by the test that asks for it
                self.problems.append(repr(error))

    def once(self) -> None:
        with self.cloud.lock:
            droplets = {one.id: (one.status, one) for one in self.cloud.state.all(Droplet).values()}
            keys = {key.id: key.public_key for key in self.cloud.state.all(Key).values()}
            volumes = [(one.name, tuple(one.droplet_ids)) for one in self.cloud.state.all(Volume).values()]
        for identity in self.running.keys() - droplets.keys():
            remove(self.running.pop(identity))
            if self.gone is not None:
                self.gone(identity)
        for identity, (status, droplet) in droplets.items():
            mine = [name for name, attached in volumes if identity in attached]
            if identity not in self.running:
                if status == "active":
                    self._make(droplet, [keys[key] for key in droplet.ssh_keys])
            elif status == "active" and not self._is_on(identity):
                self._switch_on(droplet, mine)
            elif status == "off" and self._is_on(identity):
                docker("kill", self.running[identity])
            if identity in self.running and status == "active":
                self._attach(identity, mine)
        for name in self.devices.keys() - {name for name, _ in volumes}:
            run(["losetup", "--detach", self.devices.pop(name)], check=False)
            (self.folder / f"{name}.disk").unlink(missing_ok=True)  # one of the same name is another volume

    def close(self) -> None:
        self._over.set()

    def _make(self, droplet: Droplet, keys: list[str]) -> None:
        name = f"{self.prefix}-{droplet.id}"
        seed = self.folder / name
        seed.mkdir(parents=True)
        (seed / "user-data").write_text(droplet.user_data)
        (seed / "meta-data").write_text(
            f"instance-id: '{droplet.id}'\nlocal-hostname: {droplet.name}\npublic-keys: {json.dumps(keys)}\n"
        )
        remove(name)
        where = ("--network", NETWORK, "--ip", public_ip(droplet), "--hostname", droplet.name)
        mount = ("--volume", f"{seed}:{droplet_image.SEED}:ro")
        docker("run", "--name", name, *OPTIONS, *where, *mount, *self.options, droplet_image.ensure())
        self.running[droplet.id] = name
        self._network(droplet)
        if self.made is not None:
            self.made(droplet)

    def _network(self, droplet: Droplet) -> None:
        """Give a machine its private address, and its metadata service, which tells that."""
        address = private_ip(droplet)
        folder = f"{_METADATA}/interfaces/private/0/ipv4"
        script = (
            f"ip addr add {address}/8 dev eth0; ip addr add 169.254.169.254/32 dev lo; mkdir -p {folder}; "
            f"printf %s {address} >{folder}/address; cd /run/metadata; "
            "exec python3 -m http.server --bind 169.254.169.254 80"
        )
        docker("exec", "--detach", self.running[droplet.id], "sh", "-c", script)

    def _attach(self, identity: int, volumes: list[str]) -> None:
        """Give a machine its volumes under the names that udev would give them."""
        for volume in volumes:
            if volume not in self.devices:
                file = self.folder / f"{volume}.disk"
                with file.open("ab") as opened:
                    opened.truncate(64 * 1024 * 1024)
                self.devices[volume] = run(["losetup", "--find", "--show", file]).stdout.strip()
            link = f"/dev/disk/by-id/scsi-0DO_Volume_{volume}"
            script = f"test -e {link} || {{ mkdir -p /dev/disk/by-id && ln -s {self.devices[volume]} {link}; }}"
            docker("exec", self.running[identity], "sh", "-c", script)

    def _switch_on(self, droplet: Droplet, volumes: list[str]) -> None:
        name = self.running[droplet.id]
        docker("start", name)
        self._network(droplet)
        self._attach(droplet.id, volumes)
        for volume in volumes:  # a container has no udev, for which systemd waits with a mount
            mount = f"mount /dev/disk/by-id/scsi-0DO_Volume_{volume} {_MOUNT}"
            docker("exec", name, "sh", "-c", f"mountpoint -q {_MOUNT} || {mount}")

    def _is_on(self, identity: int) -> bool:
        return docker("inspect", "--format", "{{.State.Running}}", self.running[identity]) == "true"


@contextmanager
def estate(cloud: DigitalOceanSimulator, folder: Path, prefix: str, *options: str) -> Iterator[Estate]:
    """Run the droplets of a cloud here until the end, and leave nothing of them."""
    run(["docker", "network", "rm", NETWORK], check=False)
    docker("network", "create", "--subnet", RANGE, NETWORK)
    made = Estate(cloud, folder, prefix, options)
    thread = threading.Thread(target=made.follow)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join()
        for name in made.running.values():
            remove(name)
        for device in made.devices.values():
            with suppress(OSError):
                run(["losetup", "--detach", device], check=False)
        run(["docker", "network", "rm", NETWORK], check=False)
