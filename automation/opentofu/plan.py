"""What a plan says, read from ``tofu show -json`` alone, and how a person reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_SIGNS = {
    ("no-op",): "",
    ("create",): "+",
    ("read",): "?",
    ("update",): "~",
    ("delete",): "-",
    ("create", "delete"): "±",
    ("delete", "create"): "±",
    ("forget",): "forget",
}
_ABSENT = object()


@dataclass(frozen=True)
class AttributeChange:
    """One attribute that changes; values are as printed, with what is sensitive or unknown said so."""

    path: str
    before: str
    after: str
    forces_replacement: bool = False


@dataclass(frozen=True)
class ResourceChange:
    """One resource that changes. ``sign`` is one of ``+ ~ - ± ? forget``, or empty for none."""

    address: str
    type: str
    sign: str
    reason: str
    attributes: tuple[AttributeChange, ...]


@dataclass(frozen=True)
class Plan:
    """A plan: what changes, and what has changed outside of OpenTofu."""

    changes: tuple[ResourceChange, ...]
    drift: tuple[ResourceChange, ...]
    outputs: tuple[ResourceChange, ...]

    @property
    def empty(self) -> bool:
        """Whether applying the plan would do nothing."""
        return not self.changes and not self.outputs

    @property
    def destroys(self) -> tuple[ResourceChange, ...]:
        """The resources that are deleted or replaced."""
        return tuple(change for change in self.changes if change.sign in "-±")

    def counts(self) -> dict[str, int]:
        """Return how many resources are added, changed, replaced and destroyed."""
        signs = [change.sign for change in self.changes]
        named = {"+": "add", "~": "change", "±": "replace", "-": "destroy", "forget": "forget"}
        return {word: signs.count(sign) for sign, word in named.items() if sign in signs}


def parse(document: dict[str, Any]) -> Plan:
    """Turn the JSON of ``tofu show -json PLANFILE`` into a :class:`Plan`; destroying changes come first."""
    order = "-±~+?"
    changes = [c for c in map(_resource, document.get("resource_changes", [])) if c.sign]
    changes.sort(key=lambda change: (order.find(change.sign), change.address))
    outputs = [_change(f"output.{name}", "output", raw, "") for name, raw in document.get("output_changes", {}).items()]
    drift = [c for c in map(_resource, document.get("resource_drift", [])) if c.sign]
    return Plan(tuple(changes), tuple(drift), tuple(output for output in outputs if output.sign))


def render(plan: Plan) -> str:
    """Return the plan as plain text: counts, then each resource with its changed attributes."""
    if plan.empty and not plan.drift:
        return "No changes: what is there matches the description."
    counts = ", ".join(f"{number} to {word}" for word, number in plan.counts().items()) or "outputs only"
    lines = [f"Plan: {counts}", ""]
    if plan.drift:
        lines += ["Changed outside of OpenTofu:", *(_lines(plan.drift)), ""]
    lines += _lines(plan.changes)
    if plan.outputs:
        lines += ["", "Outputs:", *(_lines(plan.outputs))]
    return "\n".join(lines)


def _lines(changes: tuple[ResourceChange, ...]) -> Iterator[str]:
    for change in changes:
        reason = f"  ({change.reason})" if change.reason else ""
        yield f"  {change.sign} {change.address}{reason}"
        for item in change.attributes:
            forced = "  # forces replacement" if item.forces_replacement else ""
            if change.sign == "+":
                yield f"      {item.path} = {item.after}{forced}"
            elif change.sign == "-":
                yield f"      {item.path} = {item.before}"
            else:
                yield f"      {item.path}: {item.before} -> {item.after}{forced}"


def _resource(raw: dict[str, Any]) -> ResourceChange:
    reason = raw.get("action_reason", "").replace("_", " ")
    if raw.get("previous_address"):
        reason = f"moved from {raw['previous_address']}"
    return _change(raw["address"], raw.get("type", ""), raw["change"], reason)


def _change(address: str, kind: str, change: dict[str, Any], reason: str) -> ResourceChange:
    sign = _SIGNS.get(tuple(change.get("actions", ())), "~")
    if not sign:
        return ResourceChange(address, kind, "moved" if reason.startswith("moved") else "", reason, ())
    hidden_before, hidden_after = change.get("before_sensitive", False), change.get("after_sensitive", False)
    before = _flat(change.get("before"), hidden_before, False)
    after = _flat(change.get("after"), hidden_after, change.get("after_unknown", False))
    forced = {_dotted(path) for path in change.get("replace_paths", [])}
    attributes = tuple(
        AttributeChange(path, before.get(path, "(none)"), after.get(path, "(none)"), _is_forced(path, forced))
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path) or (path in before and before[path] == "(sensitive)" and sign == "~")
    )
    return ResourceChange(address, kind, sign, reason, attributes)


def _is_forced(path: str, forced: set[str]) -> bool:
    return any(path == stem or path.startswith((f"{stem}.", f"{stem}[")) for stem in forced)


def _dotted(path: list[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _flat(value: Any, hidden: Any, unknown: Any, path: str = "") -> dict[str, str]:
    """Return leaf paths and printed values; a subtree that is sensitive or unknown as a whole is one leaf."""
    if hidden is True:
        return {path or "value": "(sensitive)"}
    if unknown is True:
        return {path or "value": "(known after apply)"}
    if isinstance(value, dict) or (value is None and isinstance(unknown, dict) and unknown):
        keys = {*(value or {}), *(unknown if isinstance(unknown, dict) else {})}
        found: dict[str, str] = {}
        for key in keys:
            inner = _flat((value or {}).get(key), _part(hidden, key), _part(unknown, key), f"{path}.{key}".lstrip("."))
            found.update(inner)
        return found
    if isinstance(value, list):
        found = {}
        for index, item in enumerate(value):
            found.update(_flat(item, _part(hidden, index), _part(unknown, index), f"{path}[{index}]"))
        return found or {path or "value": "[]"}
    return {} if value is None else {path or "value": json.dumps(value, ensure_ascii=False)}


def _part(marks: Any, key: Any) -> Any:
    if isinstance(marks, dict):
        return marks.get(key, False)
    if isinstance(marks, list) and isinstance(key, int) and key < len(marks):
        return marks[key]
    return False
