"""One machine over SSH: connections to the host keys that are known, and to no others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import asyncssh

from automation import wait
from automation.droplets.keys import KeyPair
from automation.errors import DogitopsError, Refused
from automation.secret import Secret, masked

_CONNECT = 10.0  # seconds
_HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
_MAKE = (
    f"set -e; rm -f {_HOST_KEY}.new*; "
    f"ssh-keygen -q -t ed25519 -N '' -C host -f {_HOST_KEY}.new; cat {_HOST_KEY}.new.pub"
)
_SWITCH = (
    f"set -e; for each in '' .pub; do [ ! -e {_HOST_KEY}.new$each ] || mv {_HOST_KEY}.new$each {_HOST_KEY}$each; done; "
    "systemctl try-restart ssh.service"
)


class Unreachable(DogitopsError):  # noqa: N818 - reads as what happened
    """Nothing answers at the machine's address: it may still be starting."""


@dataclass(frozen=True)
class Answer:
    """What a command on a machine left."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Both streams, masked: what may be shown."""
        return masked(self.stdout + self.stderr)


@dataclass(frozen=True)
class Machine:
    """Where a machine is, with which key we log in there, and by which public host keys it is known.

    While ``first_contact`` is true, its host key is the one that stands in its user-data, where whatever runs on the
    machine as root can read it. :func:`replace_host_key` ends that; nothing secret is sent before.
    """

    name: str
    address: str
    login: KeyPair
    host_keys: tuple[str, ...]
    first_contact: bool = True
    port: int = 22
    user: str = "root"

    def run(self, command: str, *, stdin: str | Secret = "", timeout: float = 60.0) -> Answer:
        """Run a shell command there; a secret may stand in ``stdin`` alone.

        Raises Unreachable where nothing answers or the command takes longer than ``timeout`` seconds, Refused where
        another machine answers, DogitopsError where our key is not let in.
        """
        if isinstance(stdin, Secret):
            self.must_be_known()
        given = stdin.reveal() if isinstance(stdin, Secret) else stdin
        try:
            return asyncio.run(asyncio.wait_for(self._run(command, given), timeout + _CONNECT))
        except asyncssh.HostKeyNotVerifiable as error:
            raise Refused(
                f"{self.name} at {self.address} shows a host key that is not the one we know: it is another machine.",
                hint="Nothing was sent to it. If the machine was replaced on purpose, forget its old keys.",
            ) from error
        except asyncssh.PermissionDenied as error:
            raise DogitopsError(
                f"{self.name} at {self.address} does not let {self.user} in with our SSH key.",
                hint="Machines keep the keys they were made with: log in with one of those, and add ours.",
            ) from error
        except asyncssh.KeyExchangeFailed as error:
            raise DogitopsError(
                f"{self.name} at {self.address} and we have no common SSH algorithm: {error.reason}",
                hint="Look into /etc/ssh/sshd_config.d on the machine: ours is 10-dogitops.conf.",
            ) from error
        except TimeoutError as error:
            raise Unreachable(f"{self.name} at {self.address} did not answer within {timeout:.0f} s.") from error
        except (OSError, asyncssh.Error, EOFError) as error:
            raise Unreachable(f"{self.name} at {self.address} does not answer over SSH: {error}") from error

    def ok(self, command: str, *, stdin: str | Secret = "", timeout: float = 60.0) -> str:
        """Run a command that must succeed; return what it wrote. Raises DogitopsError where it fails; see run()."""
        done = self.run(command, stdin=stdin, timeout=timeout)
        if done.code != 0:
            tail = "\n".join(done.text.strip().splitlines()[-15:])
            raise DogitopsError(f"On {self.name}, '{command.splitlines()[0][:60]}' exited with {done.code}:\n{tail}")
        return done.stdout

    def must_be_known(self) -> None:
        """Raise Refused while the machine is known by the host key of its first boot alone."""
        if self.first_contact:
            raise Refused(
                f"{self.name} is known by the host key of its first boot alone, so it is sent no secret.",
                hint="Replace the host key first.",
            )

    async def _run(self, command: str, stdin: str) -> Answer:
        known = [asyncssh.import_public_key(key) for key in self.host_keys]
        async with asyncssh.connect(
            self.address,
            self.port,
            username=self.user,
            client_keys=[asyncssh.import_private_key(self.login.private.reveal())],
            known_hosts=(known, [], []),
            connect_timeout=_CONNECT,
            login_timeout=_CONNECT * 2,
            keepalive_interval=15,
            config=None,
            agent_path=None,
        ) as connection:
            given: dict[str, Any] = {"input": stdin} if stdin else {"stdin": asyncssh.DEVNULL}
            done = await connection.run(command, encoding="utf-8", errors="replace", **given)
        if done.exit_status is None:
            raise Unreachable(f"{self.name}: the connection ended before the command did")
        return Answer(done.exit_status, _text(done.stdout), _text(done.stderr))


def _text(written: object) -> str:
    return written if isinstance(written, str) else ""


def wait_for_ssh(machine: Machine, timeout: float, *, interval: float = 2.0) -> None:
    """Wait until a machine that starts lets us in. Raises DeadlineExceeded; see :meth:`Machine.run` for the others."""
    last = ["nothing was tried yet"]

    def answers() -> bool:
        try:
            return machine.run("true").code == 0
        except Unreachable as error:
            last[0] = error.message
            return False

    wait.until(
        answers,
        f"SSH on {machine.name}",
        timeout=timeout,
        interval=interval,
        state=lambda: last[0],
        hint="Does the firewall let this network in?",
    )


def replace_host_key(machine: Machine, keep: Callable[[Machine], None]) -> Machine:
    """Give a machine a host key that it made itself; return it, known by that alone.

    ``keep`` is called with the machine before its key is switched (both keys count then) and after: who keeps what it
    is given finds the machine again, wherever this is cut off. Raises DogitopsError where the new key does not answer.
    """
    fresh = _public(_patiently(machine, _MAKE).strip(), machine.name)
    both = replace(machine, host_keys=(*machine.host_keys, fresh))
    keep(both)
    _patiently(both, _SWITCH)
    known = replace(machine, host_keys=(fresh,), first_contact=False)

    def answers() -> bool:
        try:
            return known.run("true").code == 0
        except (Unreachable, Refused):  # sshd is restarting, or has not yet
            return False

    wait.until(answers, f"{machine.name} to answer with its new host key", timeout=30, interval=0.5)
    keep(known)
    return known


def _patiently(machine: Machine, command: str) -> str:
    """Run a command that may be run again: a machine that boots starts its SSH server more than once."""
    said: list[str] = []

    def done() -> bool:
        try:
            said[:] = [machine.ok(command)]
        except Unreachable:
            return False
        return True

    wait.until(done, f"SSH on {machine.name}", timeout=60, interval=0.5)
    return said[0]


def _public(line: str, name: str) -> str:
    try:
        asyncssh.import_public_key(line)
    except asyncssh.KeyImportError as error:
        raise DogitopsError(f"{name} gave no public key: {line[:80]!r}") from error
    return line
