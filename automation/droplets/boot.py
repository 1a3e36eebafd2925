"""The first boot of a machine, as its ``status.json`` tells it: waited for, fed with what it asks for, reported.

The file is written by ``opentofu/modules/cloud-init/files/lib.sh``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from automation import report, wait
from automation.droplets.machine import Machine, Unreachable
from automation.errors import DeadlineExceeded, DogitopsError
from automation.secret import Secret, masked

State = Literal["running", "failed", "done"]
STATUS = "/var/lib/dogitops/status.json"
HANDOVER = "/run/dogitops/handover"
FORMAT = 1
_INTERVAL = 1.0  # seconds
_PATIENT = 10.0  # seconds that the machine itself waits for a change before it answers: connections are dear
_AGAIN = "After it is corrected, 'systemctl restart dogitops-boot' on the machine goes on with that step."
# Before there is a status, cloud-init itself tells what went wrong; once our service is enabled, its own is on the way.
# Both are looked for again after cloud-init was asked: it may have ended well meanwhile.
_OURS = f"cat {STATUS} 2>/dev/null || systemctl is-enabled --quiet dogitops-boot.service"
_LOOK = (
    f"{_OURS} || {{ told=$(cloud-init status --long); {_OURS} || "
    '{ echo "$told"; tail -n 15 /var/log/cloud-init-output.log; } >&2; }'
)
_UNCHANGED = (
    'n=0; while [ "$n" -lt {times} ] && [ "$(sha256sum <'
    + STATUS
    + ' 2>/dev/null | cut -c1-64)" = {seen} ]; do sleep 0.2; n=$((n + 1)); done; '
)


class BootFailed(DogitopsError):  # noqa: N818 - reads as what happened
    """A step of a machine's boot failed: ``step`` is its name, ``log`` the end of what it wrote."""

    def __init__(self, machine: str, step: str, log: str, *, code: int | None = None) -> None:
        self.step, self.log = step, masked(log)
        how = "" if code is None else f" (exit code {code})"
        super().__init__(f"{machine}: its boot failed in the step {step}{how}:\n{self.log.strip()}", hint=_AGAIN)


@dataclass(frozen=True)
class Step:
    """One step: its times are UTC in ISO 8601; ``log`` is a path on the machine, ``error`` the end of that."""

    name: str
    state: State
    started: str | None = None
    ended: str | None = None
    exit_code: int | None = None
    log: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Status:
    """How far a boot is; ``waiting_for`` names what must be handed over for it to go on, ``digest`` this very text."""

    state: State
    step: str | None = None
    waiting_for: str | None = None
    updated: str = ""
    digest: str = field(default="", compare=False)
    steps: tuple[Step, ...] = field(default=())

    @property
    def words(self) -> str:
        """Return it as one line."""
        if self.state == "done":
            return f"all {len(self.steps)} steps are done"
        waits = f", waiting for {self.waiting_for}" if self.waiting_for else ""
        return f"step {self.step or 'none'} ({self.state}{waits})"


def parse(text: str, machine: str = "the machine") -> Status:
    """Read a ``status.json``. Raises DogitopsError where it is none, or of a format that is not known here."""
    try:
        raw: dict[str, Any] = json.loads(text)
        if raw["format"] != FORMAT:
            raise DogitopsError(
                f"{machine} tells its boot in format {raw['format']}, and known here is {FORMAT}.",
                hint="It was made by another version of dogitops: use that one for it.",
            )
        steps = tuple(Step(**step) for step in raw["steps"])
        digest = hashlib.sha256(text.encode()).hexdigest()
        return Status(raw["state"], raw["step"], raw["waiting_for"], raw["updated"], digest, steps)
    except (ValueError, KeyError, TypeError) as error:
        raise DogitopsError(f"{STATUS} of {machine} is not what dogitops writes: {error!r}") from error


def read(machine: Machine, *, seen: str = "", patience: float = 0.0) -> Status | None:
    """Return how far the boot is; None where it has not come to our steps yet.

    While that is what was ``seen`` (a sha256), the machine keeps the answer back, for ``patience`` seconds at most.
    Raises BootFailed where cloud-init failed before them; see :meth:`Machine.run` for the other errors.
    """
    kept_back = _UNCHANGED.format(seen=seen, times=int(patience / 0.2)) if seen else ""
    told = machine.run(kept_back + _LOOK)
    if told.stdout.strip():
        return parse(told.stdout, machine.name)
    if re.search(r"^status: (error|done|disabled)", told.stderr, re.MULTILINE):
        raise BootFailed(machine.name, "cloud-init", told.stderr)
    return None


def hand_over(machine: Machine, name: str, what: Secret) -> None:
    """Put a secret where the boot waits for it: into memory, for root alone.

    Raises Refused while the machine is known by the host key of its first boot alone.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9./-]*", name) or ".." in name:
        raise ValueError(f"no name of something that is handed over: {name!r}")
    path = f"{HANDOVER}/{name}"
    machine.ok(f"umask 077; mkdir -p $(dirname {path}) && cat >{path}.new && mv {path}.new {path}", stdin=what)


def wait_for_boot(
    machine: Machine,
    *,
    timeout: float,
    gives: Mapping[str, Callable[[], Secret]] | None = None,
    interval: float = _INTERVAL,
) -> Status:
    """Wait until the boot has ended well, and return its status.

    ``gives`` makes what the boot asks for, by the name it asks with: a short-lived token, say. Raises BootFailed with
    the failing step and the end of its log; DeadlineExceeded, with the step it has come to, after ``timeout`` seconds;
    DogitopsError where the boot asks for something that nobody gives; Refused where another machine answers.
    """
    last: list[Status] = []
    silence = ["nothing answers yet"]
    given: set[tuple[str, str]] = set()  # what, and in answer to which status: the boot needs a moment to find it

    def ended() -> Status | None:
        try:
            status = read(machine, seen=last[0].digest if last else "", patience=min(_PATIENT, timeout))
        except Unreachable as error:
            silence[:] = [error.message]
            return None
        silence[:] = ["cloud-init has not come to our steps yet"]
        if status is None:
            return None
        last[:] = [status]
        if status.state == "failed":
            raise failure(machine.name, status)
        asked = (status.waiting_for or "", status.updated)
        if status.waiting_for and asked not in given:
            _feed(machine, status.waiting_for, gives or {})
            given.add(asked)
        return status if status.state == "done" else None

    state = partial(lambda: last[0].words if last else silence[0])
    with report.phase(f"First boot of {machine.name}"):
        try:
            return wait.until(
                ended,
                f"{machine.name} to boot",
                timeout=timeout,
                interval=interval,
                progress=lambda words: report.doing(f"{machine.name}: {words}"),
                state=state,
                hint="The machine may just be slow: waiting again goes on where this ended.",
            )
        except DeadlineExceeded as error:
            log = _log(machine, last[0].step) if last and last[0].step else ""
            if log:
                raise DeadlineExceeded(f"{error.message}\n{log}", hint=error.hint) from error
            raise


def failure(machine: str, status: Status) -> BootFailed:
    """Return the error that tells of a boot that failed."""
    step = next((each for each in status.steps if each.state == "failed"), None)
    if step is None:
        return BootFailed(machine, status.step or "unknown", "its log is not there")
    return BootFailed(machine, step.name, step.error or "it wrote nothing", code=step.exit_code)


def _feed(machine: Machine, name: str, gives: Mapping[str, Callable[[], Secret]]) -> None:
    if name not in gives:
        raise DogitopsError(
            f"The boot of {machine.name} waits for {name}, and nobody gives it.",
            hint=f"Given was: {', '.join(sorted(gives)) or 'nothing'}. The boot goes on waiting meanwhile.",
        )
    report.doing(f"handing {name} over to {machine.name}")
    hand_over(machine, name, gives[name]())


def _log(machine: Machine, step: str | None) -> str:
    try:
        return masked(machine.run(f"tail -n 15 /var/lib/dogitops/steps/{step}/log").stdout.strip())
    except DogitopsError:  # it does not answer: the error that is on its way says what was seen last
        return ""
