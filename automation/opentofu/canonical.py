"""A plan in the one form in which two plans are compared, and as JSON that can be kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from automation.opentofu import diff
from automation.opentofu.plan import Action, Check, OutputChange, Path, Plan, PlanUnreadable, ResourceChange
from automation.opentofu.redact import UNKNOWN, Hidden, Tree, same

VERSION: Final = 1
_HIDDEN, _UNKNOWN, _MAP = "$hidden", "$unknown", "$map"


@dataclass(frozen=True)
class Difference:
    """What two plans say differently of one resource or output; ``planned`` and ``now`` are one line each."""

    address: str
    what: str
    planned: str
    now: str


def digest(plan: Plan) -> str:
    """Return the SHA-256 (hex) of what the plan does.

    Left out is what may differ between two plans that do the same: order, time, versions, reasons, drift, reads, and
    attributes that the plan does not touch. Plans must have been read with the same redactor key.
    """
    parts = sorted(json.dumps(part, sort_keys=True, separators=(",", ":")) for part in _canonical(plan))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def differences(planned: Plan, now: Plan) -> tuple[Difference, ...]:
    """Return how the plan made now differs from the one that was read before, by address; equal digests give none."""
    one, other = _by_name(planned), _by_name(now)
    found: list[Difference] = []
    for name in sorted({**one, **other}):
        found += _compared(name, one.get(name), other.get(name))
    return tuple(found)


def document(plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON values, from which :func:`from_document` makes it again; it holds no secret."""
    return {
        "kind": "dogitops plan",
        "version": VERSION,
        "resources": [_resource(change) for change in plan.resources],
        "drift": [_resource(change) for change in plan.drift],
        "outputs": [_output(output) for output in plan.outputs],
        "checks": [[check.address, check.status, list(check.messages)] for check in plan.checks],
        "tofu_version": plan.tofu_version,
        "format_version": plan.format_version,
        "complete": plan.complete,
        "errored": plan.errored,
    }


def from_document(raw: dict[str, Any]) -> Plan:
    """Make a plan again from :func:`document`. Raises PlanUnreadable for anything else."""
    try:
        if raw["kind"] != "dogitops plan" or raw["version"] != VERSION:
            raise _unreadable()
        return Plan(
            resources=tuple(map(_to_resource, raw["resources"])),
            drift=tuple(map(_to_resource, raw["drift"])),
            outputs=tuple(map(_to_output, raw["outputs"])),
            checks=tuple(Check(str(a), str(s), tuple(map(str, m))) for a, s, m in raw["checks"]),
            tofu_version=str(raw["tofu_version"]),
            format_version=str(raw["format_version"]),
            complete=raw["complete"] is True,
            errored=raw["errored"] is True,
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise _unreadable() from None


def _unreadable() -> PlanUnreadable:
    return PlanUnreadable(
        "The kept form of the plan can't be read: another version of dogitops wrote it, or it is damaged.",
        hint="Make the plan again: dogitops plan ENVIRONMENT",
    )


# What a plan does, in small parts


def _canonical(plan: Plan) -> Iterator[list[Any]]:
    for change in plan.resources:
        if change.action is not Action.READ:
            yield ["resource", *_facts(change), list(_touched(change))]
    for output in plan.outputs:
        yield ["output", output.name, output.action.value, list(_touched(output))]


def _facts(change: ResourceChange) -> list[Any]:
    return [
        change.address,
        change.deposed,
        change.type,
        change.provider,
        change.action.value,
        change.create_first,
        change.abandons,
        change.previous_address,
        change.importing,
        _identity(change),
        sorted(json.dumps(path) for path in change.replace_paths),
    ]


def _identity(change: ResourceChange) -> Any:
    """Return the id of the object that is there: a plan for another object is another plan."""
    return _encode(change.before.get("id")) if isinstance(change.before, dict) else None


def _touched(change: ResourceChange | OutputChange) -> Iterator[list[Any]]:
    if change.action not in {Action.DELETE, Action.FORGET}:
        for path, before, after in _pairs(change.before, change.after, ()):
            yield [list(path), _encode(before), _encode(after)]


def _pairs(before: Tree, after: Tree, path: Path) -> Iterator[tuple[Path, Tree, Tree]]:
    """Yield what differs. Where the new value is not known, the old one says nothing of what the plan does."""
    if same(before, after):
        return
    if isinstance(after, dict) and (isinstance(before, dict) or before is None):
        known = before or {}
        for key in sorted({**known, **after}):
            yield from _pairs(known.get(key), after.get(key), (*path, key))
        if not known and not after:
            yield path, before, after
    elif after is UNKNOWN:
        yield path, None, after
    else:
        yield path, before, after


def _by_name(plan: Plan) -> dict[tuple[str, str], ResourceChange | OutputChange]:
    found: dict[tuple[str, str], ResourceChange | OutputChange] = {
        (change.address, change.deposed or ""): change for change in plan.resources if change.action is not Action.READ
    }
    return found | {(f"output.{output.name}", ""): output for output in plan.outputs}


def _compared(
    name: tuple[str, str],
    planned: ResourceChange | OutputChange | None,
    now: ResourceChange | OutputChange | None,
) -> Iterator[Difference]:
    address = f"{name[0]} (deposed {name[1]})" if name[1] else name[0]
    if planned is None or now is None:
        told = (_verb(planned), _verb(now))
        yield Difference(address, "its action", *told)
        return
    if _verb(planned) != _verb(now):
        yield Difference(address, "its action", _verb(planned), _verb(now))
    if isinstance(planned, ResourceChange) and isinstance(now, ResourceChange):
        for what, one, other in _told(planned, now):
            if one != other:
                yield Difference(address, what, one, other)
    one_by_path = {path: (b, a) for path, b, a in _all_pairs(planned)}
    other_by_path = {path: (b, a) for path, b, a in _all_pairs(now)}
    for path in sorted({**one_by_path, **other_by_path}, key=diff.dotted):
        one_pair, other_pair = one_by_path.get(path), other_by_path.get(path)
        if one_pair != other_pair:
            yield Difference(address, diff.dotted(path), _arrow(one_pair, other_pair), _arrow(other_pair, one_pair))


def _all_pairs(change: ResourceChange | OutputChange) -> Iterator[tuple[Path, Tree, Tree]]:
    if change.action not in {Action.DELETE, Action.FORGET}:
        yield from _pairs(change.before, change.after, ())


def _told(planned: ResourceChange, now: ResourceChange) -> Iterator[tuple[str, str, str]]:
    telling: list[tuple[str, Callable[[ResourceChange], str]]] = [
        ("where it was", lambda change: change.previous_address or "(not moved)"),
        ("what it imports", lambda change: change.importing or "(nothing)"),
        ("its provider", lambda change: change.provider),
        (
            "the object's id",
            lambda change: diff.printed(change.before.get("id") if isinstance(change.before, dict) else None),
        ),
        (
            "what forces its replacement",
            lambda change: ", ".join(sorted(map(diff.dotted, change.replace_paths))) or "(nothing)",
        ),
    ]
    for what, tell in telling:
        yield what, tell(planned), tell(now)


def _verb(change: ResourceChange | OutputChange | None) -> str:
    if change is None:
        return "(no change)"
    if isinstance(change, ResourceChange) and change.action is Action.REPLACE:
        return (
            "forget, then create"
            if change.abandons
            else "create, then delete"
            if change.create_first
            else "delete, then create"
        )
    return "move or import" if change.action is Action.NO_OP else change.action.value


def _arrow(pair: tuple[Tree, Tree] | None, other: tuple[Tree, Tree] | None) -> str:
    if pair is None:
        return "(unchanged)"
    told = f"{diff.printed(pair[0])} -> {diff.printed(pair[1])}"
    same = other is not None and told == f"{diff.printed(other[0])} -> {diff.printed(other[1])}"
    return f"{told} [{hashlib.sha256(json.dumps(_encode(list(pair))).encode()).hexdigest()[:8]}]" if same else told


# JSON and back


def _encode(value: Tree) -> Any:
    """Return ``value`` with objects in place of Hidden and UNKNOWN; what has none is shared."""
    if isinstance(value, Hidden):
        return {_HIDDEN: value.why, "fingerprint": value.fingerprint}
    if value is UNKNOWN:
        return {_UNKNOWN: True}
    if isinstance(value, dict):
        if any(key.startswith("$") for key in value):
            return {_MAP: [[key, _encode(item)] for key, item in value.items()]}
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encode(item) for item in value]
    return value


def _decode(value: Any) -> Tree:
    if isinstance(value, dict):
        if _HIDDEN in value:
            return Hidden(str(value[_HIDDEN]), str(value["fingerprint"]))
        if _UNKNOWN in value:
            return UNKNOWN
        if _MAP in value:
            return {str(key): _decode(item) for key, item in value[_MAP]}
        return {key: _decode(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decode(item) for item in value]
    return value  # type: ignore[no-any-return]


_TEXTS = ("address", "type", "name", "module", "mode", "provider", "reason")
_OPTIONAL = ("previous_address", "importing", "deposed")


def _resource(change: ResourceChange) -> dict[str, Any]:
    made: dict[str, Any] = {key: getattr(change, key) for key in _TEXTS}
    made |= {key: told for key in _OPTIONAL if (told := getattr(change, key)) is not None}
    made |= {"action": change.action.value, "before": _encode(change.before), "after": _encode(change.after)}
    if change.action is Action.REPLACE:
        made |= {"create_first": change.create_first, "abandons": change.abandons}
    if change.replace_paths:
        made["replace_paths"] = [list(path) for path in change.replace_paths]
    return made


def _to_resource(raw: dict[str, Any]) -> ResourceChange:
    texts: dict[str, Any] = {key: str(raw[key]) for key in _TEXTS}
    texts |= {key: None if raw.get(key) is None else str(raw[key]) for key in _OPTIONAL}
    return ResourceChange(
        **texts,
        action=Action(raw["action"]),
        create_first=raw.get("create_first") is True,
        abandons=raw.get("abandons") is True,
        before=_decode(raw["before"]),
        after=_decode(raw["after"]),
        replace_paths=tuple(tuple(path) for path in raw.get("replace_paths", [])),
    )


def _output(output: OutputChange) -> dict[str, Any]:
    return {
        "name": output.name,
        "action": output.action.value,
        "before": _encode(output.before),
        "after": _encode(output.after),
    }


def _to_output(raw: dict[str, Any]) -> OutputChange:
    return OutputChange(str(raw["name"]), Action(raw["action"]), _decode(raw["before"]), _decode(raw["after"]))
