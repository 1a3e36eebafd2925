"""Containers that are nodes: removed whatever state a killed run left them in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from automation import report
from automation.errors import CommandFailed, DogitopsError
from automation.process import run

_FREEZER: Final = Path("/sys/fs/cgroup/freezer")
TIMEOUT: Final = 120.0  # seconds


def remove(nodes: Sequence[str]) -> None:
    """Remove containers with their volumes, frozen or not. Raises what :func:`although_frozen` does."""
    although_frozen(nodes, lambda left: run(["docker", "rm", "-f", "-v", *left], timeout=TIMEOUT))


def although_frozen(nodes: Sequence[str], attempt: Callable[[Sequence[str]], object]) -> None:
    """Call ``attempt``, which removes ``nodes``; where it fails and some are frozen, thaw and call it for what is left.

    A container runtime freezes a pod while it sets its cgroups up. Killed at that moment, together with its node, it
    can't thaw the pod, and under cgroup version 1 what is frozen can't die either, so the node stays. Version 2 kills
    what is frozen. (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst, cgroup-v2.rst in Linux.)
    Raises what ``attempt`` raises, and DogitopsError where only root may thaw.
    """
    try:
        attempt(nodes)
    except CommandFailed:
        frozen = [state for node in nodes for state in _frozen(node)]
        if not frozen:
            raise
        report.note("thawing what was frozen when its node was killed")
        for state in frozen:
            _thaw(state)
        attempt([node for node in nodes if _identity(node)])


def _identity(node: str) -> str:
    """Return the full ID of a container; nothing where there is none."""
    return run(["docker", "inspect", "--format", "{{.Id}}", node], check=False).stdout.strip()


def _frozen(node: str) -> list[Path]:
    """Return the state files of the frozen cgroups of a container, the outermost first."""
    identity = _identity(node)
    found = _FREEZER.rglob(f"*{identity}*") if identity else ()  # docker/ID, or system.slice/docker-ID.scope
    states = sorted(state for folder in found for state in folder.rglob("freezer.state"))
    return [state for state in states if state.read_text().strip() != "THAWED"]


def _thaw(state: Path) -> None:
    try:
        state.write_text("THAWED")
    except PermissionError as error:
        raise DogitopsError(
            f"A pod of {state.parent} was frozen when its node was killed, and only root may thaw it.",
            hint=f"Run 'echo THAWED | sudo tee {state}', then this command again.",
        ) from error
