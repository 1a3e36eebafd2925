"""Machines: those that OpenTofu makes for an environment, booted, known by host keys of their own, and asked."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from automation import report
from automation.droplets import boot, joining, k3s
from automation.droplets.known import Known
from automation.droplets.machine import Machine, replace_host_key, wait_for_ssh
from automation.errors import ConfigurationError, DogitopsError
from automation.secret import Secret
from automation.site import Site

SETTINGS = "settings.auto.tfvars.json"  # beside main.tf; read by tofu by itself, and part of what is described in Git
ADDRESS_SERVICE = "DOGITOPS_ADDRESS_SERVICE"  # whom to ask from which address we are seen
_ASKED = "https://checkip.amazonaws.com"
SSH_PATIENCE, BOOT_PATIENCE = 300.0, 1800.0  # seconds


@dataclass(frozen=True)
class Droplet:
    """A machine of the environment as OpenTofu knows it; ``role`` is first, server or agent."""

    name: str
    id: str
    address: str
    role: str


@dataclass(frozen=True)
class Machines:
    """The machines of ``site``."""

    site: Site

    @property
    def known(self) -> Known:
        """How they are known: in a private folder that must outlive them."""
        return Known(self.site.kept / "ssh")

    @property
    def settings_file(self) -> Path:
        """The values that commands write: what was looked up, and how large it is."""
        return self.site.root / SETTINGS

    def settings(self) -> dict[str, Any]:
        """Return what commands have written so far."""
        try:
            told = json.loads(self.settings_file.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ConfigurationError(f"{self.settings_file} can't be read: {error}", hint="Correct it.") from error
        if not isinstance(told, dict):
            raise ConfigurationError(f"{self.settings_file} holds no object.", hint="Correct it.")
        return told

    @contextmanager
    def changed(self, values: Mapping[str, Any]) -> Iterator[Callable[[], None]]:
        """Write values down for what is done inside; yield what makes them stay, for when they begin to be applied.

        What fails or is refused before that takes them back.
        """
        before = self.settings_file.read_text() if self.settings_file.exists() else None
        stays: list[bool] = []
        self.write(values)
        try:
            yield lambda: stays.append(True)
        except BaseException:
            if not stays and before is None:
                self.settings_file.unlink(missing_ok=True)
            elif not stays and before is not None:
                self.settings_file.write_text(before)
            raise

    def write(self, values: Mapping[str, Any]) -> None:
        """Write values down, beside those that are there."""
        merged = {**self.settings(), **values}
        self.settings_file.write_text(json.dumps(merged, indent=2, sort_keys=True) + "\n")

    def find_out(self, *, version: str | None = None) -> None:
        """Write down what the plan needs to know and nobody has said: the release of K3s, who may log in, and whence.

        What stands in the environment's own .tfvars is left to it. Raises ConfigurationError for a version of K3s that
        there is not, DogitopsError where something can't be found out.
        """
        told, own = self.settings(), _own_values(self.site.root)
        found: dict[str, Any] = {}
        wanted = version or (told.get("k3s") or {}).get("version") or k3s.VERSION
        if "k3s" not in own and (told.get("k3s") or {}).get("version") != wanted:
            found["k3s"] = k3s.release(wanted)
            report.note(f"K3s {wanted} has the sha256 {found['k3s']['sha256']}")
        public = self.known.login().public
        if told.get("operator_keys") != {"dogitops": public}:
            found["operator_keys"] = {"dogitops": public}
            report.note(f"the key to log in with lies in {self.known.folder}")
        if "ssh_allowed_addresses" not in {*own, *told}:
            found["ssh_allowed_addresses"] = [own_network()]
            report.note(f"SSH and the API are open to {found['ssh_allowed_addresses'][0]}, from where we are seen")
        if "api_allowed_addresses" not in {*own, *told, *found} and "ssh_allowed_addresses" in {**told, **found}:
            found["api_allowed_addresses"] = {**told, **found}["ssh_allowed_addresses"]
        if found:
            self.write(found)
            report.note(f"written down in {self.settings_file.relative_to(self.site.workspace.root)}: commit it")

    def variables(self) -> dict[str, str | Secret]:
        """Return what tofu must know besides, and is not for Git: the host key of machines that it is about to make."""
        pair = self.known.boot_key()
        told = {"private": pair.private.reveal(), "public": pair.public}
        return {"TF_VAR_boot_host_key": Secret(json.dumps(told))}

    def droplets(self) -> list[Droplet]:
        """Return the machines, the first one first. Raises ConfigurationError where there are none."""
        told = self.site.tofu.outputs().get("droplets") or {}
        found = [Droplet(name, str(one["id"]), one["address"], one["role"]) for name, one in told.items()]
        if not found:
            raise ConfigurationError(
                f"The environment {self.site.name} has no machines (yet).",
                hint=f"'dogitops bootstrap {self.site.name}' makes them.",
            )
        return sorted(found, key=lambda one: (("first", "server", "agent").index(one.role), one.name))

    def first(self) -> Machine:
        """Return the first machine. Raises ConfigurationError where there is none, or it is not known here."""
        return self.machine(self.droplets()[0])

    def machine(self, droplet: Droplet) -> Machine:
        """Return one of them as it is known."""
        return self.known.machine(droplet.name, droplet.id, droplet.address)

    def bring_up(self) -> list[Machine]:
        """Wait until all machines have booted, one after another, and return them, each known by a key of its own.

        Who joins is handed a token over SSH when its boot asks for it: short-lived for an agent. Raises BootFailed with
        the failing step and its log; see :func:`automation.droplets.boot.wait_for_boot`.
        """
        ready: list[Machine] = []
        droplets = self.droplets()
        for droplet in droplets:
            machine = self._known(droplet)
            gives = {"join-token": partial(joining.k3s, ready[0], server=droplet.role == "server")} if ready else {}
            boot.wait_for_boot(machine, timeout=BOOT_PATIENCE, gives=gives)
            ready.append(machine)
        self.known.settled()
        self.known.forget([name for name in self.known.names() if name not in {one.name for one in droplets}])
        return ready

    def _known(self, droplet: Droplet) -> Machine:
        machine = self.machine(droplet)
        self.known.keep(machine, droplet.id)
        wait_for_ssh(machine, SSH_PATIENCE)
        if machine.first_contact:
            with report.phase(f"Giving {machine.name} a host key of its own"):
                machine = replace_host_key(machine, lambda now: self.known.keep(now, droplet.id))
        return machine


def own_network() -> str:
    """Return the network from which this machine is seen, with the one address in it.

    Raises DogitopsError where nobody tells.
    """
    service = os.environ.get(ADDRESS_SERVICE) or _ASKED
    hint = (
        "Say yourself from where SSH may be reached: ssh_allowed_addresses in terraform.tfvars of the environment; "
        f"or name another service in {ADDRESS_SERVICE}."
    )
    try:
        with urllib.request.urlopen(service, timeout=15) as answer:  # noqa: S310 - the address is ours or the user's
            text = answer.read(200).decode(errors="replace").strip()
        address = ip_address(text)
    except (OSError, ValueError) as error:
        raise DogitopsError(f"{service} does not tell from which address we are seen: {error}", hint=hint) from error
    if not address.is_global:
        raise DogitopsError(f"{service} says that we are seen from {address}, which is no public address.", hint=hint)
    return f"{address}/{address.max_prefixlen}"


def _own_values(root: Path) -> set[str]:
    """Return the names of variables that the environment's own .tfvars give a value."""
    found: set[str] = set()
    for file in root.glob("*.tfvars"):
        if file.name == "terraform.tfvars" or file.name.endswith(".auto.tfvars"):
            found |= set(re.findall(r"^([A-Za-z_][\w-]*)\s*=", file.read_text(errors="replace"), re.MULTILINE))
    return found
