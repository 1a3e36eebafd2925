"""A plan as plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from automation.opentofu import diff
from automation.opentofu.guard import Finding
from automation.opentofu.plan import Action, Check, OutputChange, Plan, ResourceChange
from automation.opentofu.redact import Tree

SIGNS = {
    Action.CREATE: "+",
    Action.READ: "?",
    Action.UPDATE: "~",
    Action.DELETE: "-",
    Action.REPLACE: "±",
    Action.FORGET: "!",
    Action.NO_OP: "=",
}
_COUNTED = {
    "add": "to add",
    "change": "to change",
    "replace": "to replace",
    "destroy": "to destroy",
    "forget": "to forget",
    "move": "to move",
    "import": "to import",
    "read": "to read",
}

WIDTH = 80  # columns; what is longer is broken where it can be, and left to the terminal where not


def render(plan: Plan, findings: Collection[Finding] = ()) -> str:
    """Return the plan as text: counts, what a guard found, drift, then each change with its attributes."""
    if plan.empty and not plan.drift and not _failed(plan.checks):
        return "No changes: what is there matches the description."
    lines = [summary(plan)]
    if findings:
        lines += ["", "Protected resources would be lost:"]
        for finding in findings:
            lines += [f"  ! {finding.address}", f"      {finding.detail}"]
    if _failed(plan.checks):
        lines += ["", "Checks that do not pass:", *_checks(plan.checks)]
    if plan.drift:
        lines += ["", "Changed outside of OpenTofu:", *_resources(plan.drift)]
    if plan.resources:
        lines += ["", *_resources(plan.resources)]
    if plan.outputs:
        lines += ["", "Outputs:", *_outputs(plan.outputs)]
    return "\n".join(lines)


def summary(plan: Plan) -> str:
    """Return the plan's counts as one line."""
    counts = ", ".join(f"{number} {_COUNTED[verb]}" for verb, number in plan.counts().items())
    return f"Plan: {counts or ('outputs only' if plan.outputs else 'no changes')}"


def about(change: ResourceChange) -> str:
    """Return what there is to say of a change besides its action: why, where from, in which order."""
    told = [change.reason] if change.reason else []
    if change.previous_address:
        told.append(f"moved from {change.previous_address}")
    if change.importing:
        told.append(f"imported from {change.importing}")
    if change.deposed:
        told.append(f"the deposed object {change.deposed}")
    if change.abandons:
        told.append("the old one is left behind, unmanaged")
    elif change.create_first:
        told.append("the new one is made before the old one goes")
    return "; ".join(told)


def _resources(changes: Sequence[ResourceChange]) -> Iterator[str]:
    for change in changes:
        head, told = f"  {SIGNS[change.action]} {change.address}", about(change)
        if told and len(head) + len(told) + 4 > WIDTH:
            yield head
            yield f"      ({told})"
        else:
            yield f"{head}  ({told})" if told else head
        yield from _attributes(change)


def _outputs(outputs: Sequence[OutputChange]) -> Iterator[str]:
    for output in outputs:
        for item in diff.attributes(output):
            path = "" if item.path == "value" else item.path if item.path.startswith("[") else f".{item.path}"
            yield from _attribute(SIGNS[output.action], f"{output.name}{path}", item, indent="  ")


def _attributes(change: ResourceChange) -> Iterator[str]:
    if change.action is Action.DELETE and isinstance(change.before, dict):
        for name, value in sorted(change.before.items()):
            if value not in _NOTHING:
                yield f"      - {diff.dotted((name,))} = {diff.printed(value)}"
        return
    unknown: list[str] = []
    for item in diff.attributes(change):
        if item.unknown and not item.forces_replacement:
            unknown.append(item.path)
        else:
            yield from _attribute(_SIGN_OF_KIND[item.kind], item.path, item, indent="      ")
    if unknown:
        yield f"      known after apply: {', '.join(unknown)}"


_NOTHING: tuple[Tree, ...] = (None, [], {})
_SIGN_OF_KIND = {"added": "+", "removed": "-", "changed": "~"}


def _attribute(sign: str, name: str, item: diff.AttributeChange, *, indent: str) -> Iterator[str]:
    forced = "  # forces replacement" if item.forces_replacement else ""
    if item.lines and (len(item.lines) > 1 or item.block):
        yield f"{indent}{sign} {name}:{forced}"
        for line in item.lines:
            yield f"{indent}    {line}"
        return
    if item.kind == "changed":
        told = f"{indent}{sign} {name}: {item.before} -> {item.after}{forced}"
        if len(told) > WIDTH:
            yield f"{indent}{sign} {name}:{forced}"
            yield f"{indent}    - {item.before}"
            told = f"{indent}    + {item.after}"
        yield told
    else:
        yield f"{indent}{sign} {name} = {item.after if item.kind == 'added' else item.before}{forced}"


def _failed(checks: Sequence[Check]) -> bool:
    return any(check.status in {"fail", "error"} for check in checks)


def _checks(checks: Sequence[Check]) -> Iterator[str]:
    for check in checks:
        if check.status in {"fail", "error"}:
            yield f"  ! {check.address}: {'; '.join(check.messages) or check.status}"
