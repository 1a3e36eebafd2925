"""A plan as data, read from ``tofu show -json PLANFILE`` alone, and redacted while it is read.

The format is described by OpenTofu's "JSON Output Format" page; the reader was written against format 1.2.
Nothing sensitive gets past :func:`parse`: what is made from a :class:`Plan` can be shown to anybody who may
read the repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from automation.opentofu import collection
from automation.opentofu.fields import PlanUnreadable, field, kind_of, typed, unreadable
from automation.opentofu.redact import Redactor, Tree
from automation.opentofu.redact.sensitivity import MAX_DEPTH, either

__all__ = [
    "Action",
    "Check",
    "OutputChange",
    "Path",
    "Plan",
    "PlanUnreadable",
    "ResourceChange",
    "load",
    "parse",
    "read",
]

MAJOR_FORMAT = "1"
Path = tuple[str | int, ...]


class Action(StrEnum):
    """What happens to a resource or an output."""

    NO_OP = "no-op"
    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    REPLACE = "replace"
    FORGET = "forget"


@dataclass(frozen=True)
class ResourceChange:
    """What happens to one resource.

    ``mode`` is ``managed``, ``data`` or ``ephemeral``; ``create_first`` says that a replacement makes the new
    object before the old one goes; ``abandons`` that it leaves the old one behind, unmanaged. ``reason`` is a
    sentence or empty. A change whose action is NO_OP is a move (``previous_address``) or an import
    (``importing``: the redacted id). ``deposed`` is the key of an object that a failed replacement left behind.
    """

    address: str
    type: str
    name: str
    module: str
    mode: str
    provider: str
    action: Action
    create_first: bool
    reason: str
    previous_address: str | None
    importing: str | None
    deposed: str | None
    before: Tree
    after: Tree
    replace_paths: tuple[Path, ...]
    abandons: bool = False

    @property
    def destroys(self) -> bool:
        """Whether an object that exists is destroyed."""
        return self.action is Action.DELETE or (self.action is Action.REPLACE and not self.abandons)


@dataclass(frozen=True)
class OutputChange:
    """What happens to one output of the root module."""

    name: str
    action: Action
    before: Tree
    after: Tree


@dataclass(frozen=True)
class Check:
    """The result of a check, a condition or a validation: ``pass``, ``fail``, ``error`` or ``unknown``."""

    address: str
    status: str
    messages: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A plan: what changes (destroying changes first), and what has changed outside of OpenTofu."""

    resources: tuple[ResourceChange, ...]
    drift: tuple[ResourceChange, ...]
    outputs: tuple[OutputChange, ...]
    checks: tuple[Check, ...]
    tofu_version: str
    format_version: str
    complete: bool
    errored: bool

    @property
    def empty(self) -> bool:
        """Whether applying the plan would change nothing, moves, imports and reads included."""
        return not self.resources and not self.outputs

    @property
    def destroys(self) -> tuple[ResourceChange, ...]:
        """The changes that destroy an object, by deleting or by replacing it."""
        return tuple(change for change in self.resources if change.destroys)

    def counts(self) -> dict[str, int]:
        """Return how many resources each verb concerns, without zeros; one that is moved and changed counts twice."""
        found = dict.fromkeys(("add", "change", "replace", "destroy", "forget", "move", "import", "read"), 0)
        for change in self.resources:
            verb = _VERBS.get(change.action)
            if verb:
                found[verb] += 1
            found["move"] += change.previous_address is not None
            found["import"] += change.importing is not None
        return {verb: number for verb, number in found.items() if number}


_VERBS = {
    Action.CREATE: "add",
    Action.UPDATE: "change",
    Action.REPLACE: "replace",
    Action.DELETE: "destroy",
    Action.FORGET: "forget",
    Action.READ: "read",
}
# The most dangerous first; within one action OpenTofu's own order stays.
_RANK = {
    action: rank
    for rank, action in enumerate(
        (
            Action.DELETE,
            Action.REPLACE,
            Action.FORGET,
            Action.UPDATE,
            Action.CREATE,
            Action.NO_OP,
            Action.READ,
        )
    )
}
# Action, whether the new object comes first, whether the old one is left behind unmanaged.
_ACTIONS: dict[tuple[str, ...], tuple[Action, bool, bool]] = {
    ("no-op",): (Action.NO_OP, False, False),
    ("create",): (Action.CREATE, False, False),
    ("read",): (Action.READ, False, False),
    ("update",): (Action.UPDATE, False, False),
    ("delete",): (Action.DELETE, False, False),
    ("delete", "create"): (Action.REPLACE, False, False),
    ("create", "delete"): (Action.REPLACE, True, False),
    ("forget", "create"): (Action.REPLACE, False, True),
    ("forget",): (Action.FORGET, False, False),
}
_REASONS = {
    "replace_because_cannot_update": "a changed argument can't be changed in place",
    "replace_because_tainted": "it is tainted: its last creation failed half way, or somebody marked it",
    "replace_by_request": "its replacement was asked for",
    "replace_by_triggers": "something that it is tied to (replace_triggered_by) changes",
    "delete_because_no_resource_config": "it is no longer in the configuration",
    "delete_because_wrong_repetition": "the configuration counts its instances in another way now",
    "delete_because_count_index": "its index is beyond the count",
    "delete_because_enabled_false": "it is switched off (enabled = false)",
    "delete_because_each_key": "its key is no longer in for_each",
    "delete_because_no_module": "its module is no longer in the configuration",
    "delete_because_no_move_target": "it was moved to an address that is not in the configuration",
    "read_because_config_unknown": "its arguments are known after apply",
    "read_because_dependency_pending": "something that it depends on changes first",
    "read_because_check_nested": "a check reads it",
    "forgot_because_lifecycle_destroy_in_state": "its lifecycle says destroy = false",
    "forgot_because_lifecycle_destroy_in_config": "its lifecycle says destroy = false",
}


def read(raw: bytes | str, redactor: Redactor | None = None) -> Plan:
    """Read the text that ``tofu show -json`` printed. Raises PlanUnreadable."""
    return parse(load(raw), redactor)


def load(raw: bytes | str) -> dict[str, Any]:
    """Return the document in ``raw``, for readers that need it as it is; it is not redacted. Raises PlanUnreadable."""
    try:
        with collection.paused():  # a plan has no cycles, and the search for them takes most of the time
            document = json.loads(raw, parse_constant=_no_number)
    except (ValueError, RecursionError):  # bytes that are no text and numbers without end are ValueErrors, too
        # The reason is left out: it can quote the document.
        raise unreadable("the plan", "it is not the JSON that tofu show -json prints") from None
    if not isinstance(document, dict):
        raise unreadable("the plan", f"it is {kind_of(document)}, not an object")
    return document


def parse(document: dict[str, Any], redactor: Redactor | None = None) -> Plan:
    """Turn the document of ``tofu show -json PLANFILE`` into a :class:`Plan`, redacted.

    ``redactor`` knows further secrets and has a stable key, where fingerprints must be comparable between runs.
    Raises PlanUnreadable for everything that is not a plan of format 1.x.
    """
    if not isinstance(document, dict):
        raise unreadable("the plan", f"it is {kind_of(document)}, not an object")
    version = _version(document)
    reader = _Reader(redactor if redactor is not None else Redactor())
    with collection.paused():  # a plan has no cycles, and the search for them takes most of the time
        return _plan(document, version, reader)


def _plan(document: dict[str, Any], version: str, reader: _Reader) -> Plan:
    try:
        reader.redactor.learn(document)
        resources = [c for c in reader.resources(document, "resource_changes") if c is not None]
        resources.sort(key=lambda change: _RANK[change.action])
        return Plan(
            resources=tuple(resources),
            drift=tuple(c for c in reader.resources(document, "resource_drift") if c is not None),
            outputs=tuple(reader.outputs(document)),
            checks=tuple(reader.checks(document)),
            tofu_version=reader.text(document, "terraform_version", "the plan"),
            format_version=version,
            complete=field(document, "complete", bool, "the plan", default=True),
            errored=field(document, "errored", bool, "the plan", default=False),
        )
    except RecursionError:
        raise unreadable("the plan", f"a value is nested more than {MAX_DEPTH} levels deep") from None


def _version(document: dict[str, Any]) -> str:
    version = field(document, "format_version", str, "the plan")
    if not version.isascii() or not all(part.isdigit() for part in version.split(".")):
        raise unreadable("the plan", "its format_version is not a version")
    if version.split(".")[0] != MAJOR_FORMAT:
        told = document.get("terraform_version")
        by = f" by version {told[:20]}" if isinstance(told, str) and told.replace(".", "").isalnum() else ""
        raise PlanUnreadable(
            f"The plan was written in format {version[:20]}{by}; dogitops reads format {MAJOR_FORMAT}.x.",
            hint="Make the plan again with the OpenTofu that this repository pins (dogitops tools path tofu).",
        )
    if not {"planned_values", "resource_changes", "output_changes"} & document.keys():
        found = "a state" if "values" in document else "other JSON"
        raise unreadable("the plan", f"it has no planned values; it is {found}, not a plan")
    return version


class _Reader:
    """Reads the parts of one document with one redactor."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor

    def text(self, raw: Mapping[str, Any], key: str, where: str) -> str:
        return self.redactor.text(field(raw, key, str, where, default=""))

    def resources(self, document: dict[str, Any], key: str) -> Iterator[ResourceChange | None]:
        for index, raw in enumerate(field(document, key, list, "the plan", default=[])):
            where = f"{key}[{index}]"
            if not isinstance(raw, dict):
                raise unreadable(where, f"it is {kind_of(raw)}, not an object")
            yield self.resource(raw, where)

    def resource(self, raw: dict[str, Any], where: str) -> ResourceChange | None:
        change = field(raw, "change", dict, where)
        action, create_first, abandons = self.action(change, where)
        address = field(raw, "address", str, where)
        previous = field(raw, "previous_address", str, where, default="") or None
        importing = self.importing(change, where)
        if action is Action.NO_OP and previous is None and importing is None:
            return None
        text = self.redactor.text
        before, after = self.values(change, where)
        reason = field(raw, "action_reason", str, where, default="")
        return ResourceChange(
            address=text(address),
            type=self.text(raw, "type", where),
            name=self.text(raw, "name", where),
            module=self.text(raw, "module_address", where),
            mode=self.text(raw, "mode", where) or "managed",
            provider=self.text(raw, "provider_name", where),
            action=action,
            create_first=create_first,
            reason=_REASONS.get(reason) or text(reason).replace("_", " "),
            previous_address=text(previous) if previous else None,
            importing=importing,
            deposed=self.text(raw, "deposed", where) or None,
            before=before,
            after=after,
            replace_paths=tuple(self.paths(change, where)),
            abandons=abandons,
        )

    def action(self, change: dict[str, Any], where: str) -> tuple[Action, bool, bool]:
        actions = field(change, "actions", list, where)
        try:
            return _ACTIONS[tuple(actions)]
        except (KeyError, TypeError):
            told = self.redactor.text(", ".join(map(str, actions[:4])))[:60]
            raise unreadable(where, f"its actions ({told}) are unknown") from None

    def values(self, change: dict[str, Any], where: str) -> tuple[Tree, Tree]:
        # A value that one side marks is hidden on both: what becomes sensitive now was no less a secret before.
        marks = either(change.get("before_sensitive", False), change.get("after_sensitive", False))
        try:
            before = self.redactor.tree(change.get("before"), marks, False)
            after = self.redactor.tree(change.get("after"), marks, change.get("after_unknown", False))
        except (TypeError, ValueError):
            raise unreadable(where, "its values are not JSON") from None
        return before, after

    def importing(self, change: dict[str, Any], where: str) -> str | None:
        raw = field(change, "importing", dict, where, default=None)
        if raw is None:
            return None
        identity = raw.get("id")
        if not identity and raw.get("identity") is not None:
            try:
                identity = json.dumps(raw["identity"], sort_keys=True)
            except (TypeError, ValueError):
                raise unreadable(where, "the identity to import is not JSON") from None
        if identity is not None and not isinstance(identity, str):
            raise unreadable(where, "the id to import is not a string")
        return self.redactor.text(identity or "(known after apply)")

    def paths(self, change: dict[str, Any], where: str) -> Iterator[Path]:
        for path in field(change, "replace_paths", list, where, default=[]):
            if not isinstance(path, list):
                raise unreadable(where, "a path in replace_paths is not a list")
            yield tuple(part if isinstance(part, int) else self.redactor.text(typed(part, str, where)) for part in path)

    def outputs(self, document: dict[str, Any]) -> Iterator[OutputChange]:
        changes = field(document, "output_changes", dict, "the plan", default={})
        for number, (name, change) in enumerate(changes.items()):
            where = f"output {number}"
            if not isinstance(change, dict) or not isinstance(name, str):
                raise unreadable(where, f"it is {kind_of(change)}, not an object")
            action = self.action(change, where)[0]
            if action is Action.NO_OP:
                continue
            before, after = self.values({**change, **self.named(name, change)}, where)
            yield OutputChange(self.redactor.text(name), action, before, after)

    def named(self, name: str, change: dict[str, Any]) -> dict[str, Any]:
        """Mark an output that the schema did not mark, if its name says what it is."""
        if self.redactor.hides(name) and isinstance(change.get("after", change.get("before")), str):
            return {"before_sensitive": True, "after_sensitive": True}
        return {}

    def checks(self, document: dict[str, Any]) -> Iterator[Check]:
        for index, raw in enumerate(field(document, "checks", list, "the plan", default=[])):
            where = f"checks[{index}]"
            static = typed(raw, dict, where)
            for item in field(static, "instances", list, where, default=[]) or [static]:
                found = typed(item, dict, where)
                problems = [typed(p, dict, where) for p in field(found, "problems", list, where, default=[])]
                yield Check(
                    self.text(field(found, "address", dict, where), "to_display", where),
                    self.text(found, "status", where),
                    tuple(self.text(problem, "message", where) for problem in problems),
                )


def _no_number(_: str) -> float:
    raise ValueError
