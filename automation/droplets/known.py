"""Which machines are known, and how: the key to log in with, and the host keys of each, kept in one private folder.

::

    login, login.pub          the key that logs in; made once
    boot, boot.pub            the host key of machines that are just being made; forgotten once each has one of its own
    machines/NAME.json        a machine: DigitalOcean's id of it, its address, and the host keys that we know it by
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.droplets.keys import KeyPair, new_pair
from automation.droplets.machine import Machine
from automation.errors import ConfigurationError
from automation.secret import Secret


@dataclass(frozen=True)
class Known:
    """The machines of an environment, as ``folder`` keeps them."""

    folder: Path

    def login(self) -> KeyPair:
        """Return the key to log in with, made where there is none."""
        return self._pair("login", "dogitops")

    def boot_key(self) -> KeyPair:
        """Return the host key that machines are made with; the same until :meth:`settled`."""
        return self._pair("boot", "first-boot")

    def settled(self) -> None:
        """Forget the host key of the first boot: every machine that was made with it has one of its own now."""
        for name in ("boot", "boot.pub"):
            (self.folder / name).unlink(missing_ok=True)

    def machine(self, name: str, identity: str, address: str) -> Machine:
        """Return a machine as it is known. One with another ``identity`` than before was made anew.

        Raises ConfigurationError for one that was made by somebody else, whose host key nobody here knows.
        """
        told = self._read(name)
        if told is not None and told["id"] == identity:
            keys = tuple(told["host_keys"])
            return Machine(name, address, self.login(), keys, first_contact=bool(told["first_contact"]))
        if not (self.folder / "boot.pub").exists():
            raise ConfigurationError(
                f"The machine {name} was not made from here: its host key is not known, so nobody can tell who answers "
                f"at {address}.",
                hint=f"Copy the folder {self.folder.name} of {self.folder.parent} from where it was made; or replace "
                "the machine from here.",
            )
        return Machine(name, address, self.login(), (self.boot_key().public,))

    def keep(self, machine: Machine, identity: str) -> None:
        """Write down how a machine is known now."""
        told = {
            "id": identity,
            "address": machine.address,
            "host_keys": list(machine.host_keys),
            "first_contact": machine.first_contact,
        }
        self._write(self._file(machine.name), json.dumps(told, indent=2) + "\n")

    def forget(self, names: list[str] | None = None) -> None:
        """Forget machines that are gone: those of these names, or all."""
        for file in (self.folder / "machines").glob("*.json"):
            if names is None or file.stem in names:
                file.unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Return the names of all machines that are known."""
        return sorted(file.stem for file in (self.folder / "machines").glob("*.json"))

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            told = json.loads(self._file(name).read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return told if isinstance(told, dict) and {"id", "host_keys", "first_contact"} <= told.keys() else None

    def _file(self, name: str) -> Path:
        return self.folder / "machines" / f"{name}.json"

    def _pair(self, name: str, comment: str) -> KeyPair:
        private, public = self.folder / name, self.folder / f"{name}.pub"
        if private.exists() and public.exists():
            return KeyPair(Secret(private.read_text()), public.read_text().strip())
        made = new_pair(comment)
        self._write(private, made.private.reveal())
        self._write(public, made.public + "\n")  # last: a pair is whole with it
        return made

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = path.with_name(f"{path.name}.new")
        new.touch(mode=0o600)
        new.chmod(0o600)
        new.write_text(text)
        with new.open("r") as file:
            os.fsync(file.fileno())
        new.replace(path)
