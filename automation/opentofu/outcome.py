"""What became of each resource in an apply, read from the lines of ``tofu apply -json``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from automation.secret import masked

_ACTIONS: Final = {"remove": "forget"}  # tofu's word in these lines, and the one of its plans
_SILENT: Final = frozenset({"forget", "move", "import"})  # no line says when tofu does them
_SUPPRESSED: Final = "output suppressed due to sensitive value"
_STEPS_OF_A_REPLACEMENT: Final = 2


class State(StrEnum):
    """What became of a resource."""

    DONE = "done"
    FAILED = "failed"
    UNFINISHED = "not finished"
    NOT_STARTED = "not started"
    NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Step:
    """One resource of an apply: the planned ``action`` (create, update, replace, delete, …) and what became of it.

    ``note`` says what a person should know (``destroyed, and not made again``), ``error`` is what tofu said of the
    failure in short, redacted. ``seconds`` is how long it took.
    """

    address: str
    action: str
    state: State
    seconds: float = 0.0
    error: str = ""
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """What an apply did. ``errors`` has all errors, with their place; ``ok`` is whether tofu ended well."""

    steps: tuple[Step, ...]
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    ok: bool = True

    def of(self, *states: State) -> tuple[Step, ...]:
        """Return the steps in one of these states."""
        return tuple(step for step in self.steps if step.state in states)

    @property
    def done(self) -> tuple[Step, ...]:
        """The resources that are as planned now."""
        return self.of(State.DONE)

    @property
    def failed(self) -> tuple[Step, ...]:
        """The resources that could not be made as planned; some are half made."""
        return self.of(State.FAILED)

    @property
    def not_started(self) -> tuple[Step, ...]:
        """The resources that the apply never came to."""
        return self.of(State.NOT_STARTED)

    def sentence(self) -> str:
        """Return it in a few lines: which resources are done, failed, not finished, and not started."""
        told = []
        for state in State:
            named = [f"{step.address} ({step.note})" if step.note else step.address for step in self.of(state)]
            if named:
                told.append(f"{state.capitalize()}: {', '.join(named)}.")
        return "\n".join(told) or "Nothing was done."


@dataclass
class _Seen:
    """What the lines said of one resource."""

    action: str = ""
    planned: bool = False
    started: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    errored: bool = False
    seconds: float = 0.0
    suppressed: bool = False
    error: str = ""


def read(lines: Iterable[str], *, ok: bool, redact: Callable[[str], str] = str) -> Outcome:
    """Read the lines of an apply; ``ok`` is whether it exited with 0. Lines that are no JSON are passed over.

    Every text is masked and goes through ``redact``.
    """

    def clean(text: str) -> str:
        return redact(masked(text))

    seen: dict[str, _Seen] = {}
    diagnostics: list[dict[str, Any]] = []
    for message in filter(None, map(parsed, lines)):
        if isinstance(message.get("diagnostic"), dict):
            diagnostics.append(message["diagnostic"])
            continue
        told = _mapping(message.get("change") or message.get("hook"))
        address = _mapping(told.get("resource")).get("addr")
        if address and message.get("type") != "resource_drift":
            _note(seen.setdefault(str(address), _Seen()), str(message.get("type")), told)
    errors = [one for one in diagnostics if one.get("severity") == "error"]
    for one in errors:
        resource = seen.get(str(one.get("address")))
        if resource is not None:
            resource.errored = True
            resource.error = clean(_short(one, suppressed=resource.suppressed))
    hidden = {address for address, resource in seen.items() if resource.suppressed}
    return Outcome(
        tuple(_step(clean(address), resource, ok) for address, resource in seen.items() if _matters(resource)),
        tuple(clean(_whole(one, hidden)) for one in errors),
        tuple(clean(_whole(one, hidden)) for one in diagnostics if one.get("severity") == "warning"),
        ok,
    )


def parsed(line: str) -> dict[str, Any] | None:
    """Return the message in a line of tofu's JSON output, or None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        message = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _note(resource: _Seen, kind: str, told: dict[str, Any]) -> None:
    action = str(told.get("action", ""))
    action = _ACTIONS.get(action, action)
    if kind == "planned_change":
        resource.planned, resource.action = action != "noop", action
    elif kind == "apply_start":
        resource.started.append(action)
    elif kind in {"apply_complete", "apply_errored"}:
        seconds = told.get("elapsed_seconds")
        resource.seconds += seconds if isinstance(seconds, int | float) else 0
        resource.errored = resource.errored or kind == "apply_errored"
        if kind == "apply_complete":
            resource.ended.append(action)
    elif kind == "provision_progress" and _SUPPRESSED in str(told.get("output", "")):
        resource.suppressed = True


def _matters(resource: _Seen) -> bool:
    return resource.planned or bool(resource.started) or resource.errored


def _step(address: str, resource: _Seen, ok: bool) -> Step:
    action = resource.action or (resource.started[0] if resource.started else "")
    state, note = State.NOT_STARTED, ""
    whole = len(resource.ended) >= (_STEPS_OF_A_REPLACEMENT if action == "replace" else 1)
    if resource.errored:
        state = State.FAILED
    elif ok or whole:
        state = State.DONE
    elif resource.started:
        state = State.UNFINISHED
    elif action in _SILENT:
        state, note = State.NOT_KNOWN, "the next plan tells"
    if action == "replace" and state in {State.FAILED, State.UNFINISHED}:
        if "delete" in resource.ended and "create" not in resource.ended:
            note = "destroyed, and not made again"
        elif "create" in resource.ended and "delete" not in resource.ended:
            note = "made anew, and the old one not destroyed"
    return Step(address, action, state, resource.seconds, resource.error, note)


def _detail(diagnostic: dict[str, Any], *, suppressed: bool) -> str:
    """Return what tofu says at length. A failed provisioner's output is in it even where it had to be suppressed."""
    detail = str(diagnostic.get("detail") or "")
    if suppressed or "sensitive" in str(diagnostic.get("snippet", {}) or ""):
        detail = re.sub(
            r"\bOutput: .*", "Its output is not shown: a sensitive value went into it.", detail, flags=re.DOTALL
        )
    return detail.strip()


def _short(diagnostic: dict[str, Any], *, suppressed: bool) -> str:
    detail = _detail(diagnostic, suppressed=suppressed)
    first = detail.splitlines()[0] if detail else ""
    return ": ".join(part for part in (str(diagnostic.get("summary") or "").strip(), first) if part)


def _whole(diagnostic: dict[str, Any], hidden: set[str]) -> str:
    """Return a diagnostic as tofu shows it to people, without the values of expressions."""
    address, place = diagnostic.get("address") or "", _mapping(diagnostic.get("range"))
    lines = [f"{str(diagnostic.get('severity')).capitalize()}: {diagnostic.get('summary') or ''}"]
    if address:
        lines.append(f"  with {address},")
    if place.get("filename"):
        lines.append(f"  on {place['filename']} line {_mapping(place.get('start')).get('line', '?')}")
    detail = _detail(diagnostic, suppressed=address in hidden)
    return "\n".join([*lines, *(["", detail] if detail else [])])
