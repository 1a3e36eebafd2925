"""A promotion as a change of text: the table of contents of one cluster brought to that of the stage before it.

A table of contents is edited line by line, so that its comments and its order stay. What a cluster has of its own
stays its own: only what the stage before it changed since the last promotion moves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from automation.errors import ConfigurationError, Refused, did_you_mean
from automation.gitops.manifests import CHARTS

STAGES: Final = "gitops/clusters/stages.yaml"

_SECTION: Final = re.compile(r"^  - target: \{kind: (ApplicationSet|AppProject)(?:, name: ([a-z-]+))?\}")
_ENTRY: Final = re.compile(r"^\s*- (\{application: .*\})\s*(#.*)?$")
_PIN_PATH: Final = "path: /spec/generators/0/matrix/generators/0/clusters/values/revision"
_PIN: Final = re.compile(r"^(\s*value: )(\S+)\s*(?:#(?: (\S+) at ([0-9a-f]{40}))?.*)?$")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_OWN: Final = "gitops/clusters/{}/"


class Stages(BaseModel):
    """The order in which a change reaches the clusters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stages: Annotated[tuple[str, ...], Field(min_length=2)]


def stages(root: Path) -> tuple[str, ...]:
    """Return the stages, the first one first. Raises ConfigurationError for a file that is not as it must be."""
    try:
        return Stages.model_validate(yaml.safe_load((root / STAGES).read_text())).stages
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"{STAGES} does not say the stages: {error}", hint="stages: [dev, staging]") from error


def check_order(known: tuple[str, ...], source: str, target: str) -> None:
    """Raise ConfigurationError for an unknown stage, Refused for a promotion that is not from one to the next."""
    for name in (source, target):
        if name not in known:
            raise ConfigurationError(
                f"{name!r} is no stage.{did_you_mean(name, known)}", hint=f"The stages are: {', '.join(known)}."
            )
    if known.index(target) == known.index(source) + 1:
        return
    before = known.index(target) - 1
    hint = f"Promote {known[before]} to {target}." if before >= 0 else f"{target} follows the branch: it is the first."
    raise Refused(f"{source} is not promoted to {target}: the order is {', '.join(known)}.", hint=hint)


@dataclass(frozen=True)
class Pin:
    """The commit that a cluster runs; where it was promoted, from which stage and as what commit described that."""

    revision: str
    source: str = ""
    at: str = ""

    @property
    def commit(self) -> str | None:
        """The commit; none where it follows its branch."""
        return self.revision if _COMMIT.fullmatch(self.revision) else None


@dataclass(frozen=True)
class Change:
    """What becomes of one application."""

    application: str
    what: str


@dataclass(frozen=True)
class Promotion:
    """The new text of a table of contents and what changed in it."""

    text: str
    changes: tuple[Change, ...]


@dataclass
class _Table:
    """The lines of a table of contents, and where in them each section and each entry stands."""

    lines: list[str]
    sections: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    entries: dict[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> _Table:
        table = cls(text.splitlines())
        here: tuple[str, str] | None = None
        for number, line in enumerate(table.lines):
            if match := _SECTION.match(line):
                here = (match[1], match[2] or "")
                table.sections[here] = []
            if here is not None and line.strip():
                table.sections[here].append(number)
            if here is not None and _ENTRY.match(line):
                table.entries[here[1], str(_told(line)["application"])] = number
        return table

    def told(self, key: tuple[str, str]) -> dict[str, str] | None:
        return _told(self.lines[self.entries[key]]) if key in self.entries else None


def pin_of(text: str) -> Pin | None:
    """Return what a table of contents says of the commit; none where it says nothing, and so follows its branch."""
    lines = text.splitlines()
    for number, line in enumerate(lines[:-1]):
        if _PIN_PATH in line and (match := _PIN.match(lines[number + 1])):
            return Pin(match[2], match[3] or "", match[4] or "")
    return None


def pinned(text: str, pin: Pin) -> str:
    """Return the text with another pin. Raises ConfigurationError where it has none to move."""
    lines = text.splitlines()
    for number, line in enumerate(lines[:-1]):
        if _PIN_PATH in line and (match := _PIN.match(lines[number + 1])):
            lines[number + 1] = f"{match[1]}{pin.revision}   # {pin.source} at {pin.at}"
            return "\n".join(lines) + "\n"
    raise ConfigurationError(
        "The table of contents does not say which commit the cluster runs, so there is nothing to move.",
        hint="Add the patch of values/revision, as gitops/clusters/staging/kustomization.yaml has it.",
    )


def promote(
    target: str, source: str, before: str | None, *, names: tuple[str, str], exists: Callable[[str], bool]
) -> Promotion:
    """Return the table of contents ``target`` with what changed in ``source`` since it was ``before``.

    ``names`` are those of source and target; ``exists`` says whether a folder is in the repository. Raises
    ConfigurationError where an entry needs a folder of the target's own that is not there.
    """
    new, old, to = _Table.of(source), _Table.of(before) if before is not None else None, _Table.of(target)
    changes: list[Change] = []
    replaced: dict[int, str] = {}
    added: dict[str, list[str]] = {}
    for key, number in new.entries.items():
        line = new.lines[number].replace(_OWN.format(names[0]), _OWN.format(names[1]))
        theirs = to.told(key)
        if theirs is not None:
            merged = _merged(_told(line), theirs, old.told(key) if old else None)
            changes.extend(_differences(theirs, merged))
            if merged != theirs:
                replaced[to.entries[key]] = _written(line, merged)
        elif old is None or key not in old.entries:  # what the target left out before stays out
            _check_folder(_told(line), names, exists)
            added.setdefault(key[0], []).append(line)
            changes.append(Change(key[1], f"added{_version(_told(line))}"))
    for key, number in to.entries.items():
        if key not in new.entries and old is not None and key in old.entries:
            replaced[number] = ""
            changes.append(Change(key[1], "removed"))
    text = "\n".join(_edited(to, replaced, added)) + "\n"
    return Promotion(_with_addresses(text) if changes else target, tuple(changes))


def _merged(new: dict[str, str], theirs: dict[str, str], old: dict[str, str] | None) -> dict[str, str]:
    """Return the target's entry with the fields that the source changed; a folder of its own stays its own."""
    merged = dict(theirs)
    for name, value in new.items():
        if name == "path" and any("gitops/clusters/" in path for path in (value, theirs.get(name, ""))):
            continue
        if old is None or old.get(name) != value:
            merged[name] = value
    return merged


def _differences(theirs: dict[str, str], merged: dict[str, str]) -> Iterator[Change]:
    for name, value in merged.items():
        if theirs.get(name) != value:
            label = "" if name == "version" else f"{name} "
            yield Change(theirs["application"], f"{label}{theirs.get(name, 'nothing')} → {value}")


def _check_folder(entry: dict[str, str], names: tuple[str, str], exists: Callable[[str], bool]) -> None:
    path = entry.get("path", "")
    if path.startswith(_OWN.format(names[1])) and not exists(path):
        raise ConfigurationError(
            f"{names[0]} runs {entry['application']} with settings of its own, and {names[1]} has none: {path}.",
            hint=f"Write {path}/kustomization.yaml, beside that of {names[0]}, and commit it first.",
        )


def _edited(table: _Table, replaced: dict[int, str], added: dict[str, list[str]]) -> Iterator[str]:
    """Yield the lines with some replaced (by nothing: removed), and others after the last entry of their section."""
    after: dict[int, list[str]] = {}
    for listed, lines in added.items():
        section = table.sections.get(("ApplicationSet", listed))
        if not section:
            raise ConfigurationError(
                f"The table of contents has no section {listed!r}.", hint="Add it as gitops/clusters/dev has it."
            )
        after[section[-1]] = lines
    for number, line in enumerate(table.lines):
        shown = replaced.get(number, line)
        if number in after and shown.strip() == "value: []":
            shown = shown.removesuffix(" []")
        if shown or number not in replaced:
            yield shown
        yield from after.get(number, ())


def _with_addresses(text: str) -> str:
    """Return the text with the addresses of all its charts, and no others, allowed in their zones' projects."""
    table = _Table.of(text)
    charts = [_told(table.lines[number]) for (listed, _), number in table.entries.items() if listed == CHARTS]
    needed = {(one["zone"], one["repository"]) for one in charts}
    drop: dict[int, str] = {}
    more: dict[int, list[str]] = {}
    fresh: list[str] = []
    for zone in sorted({zone for zone, _ in needed} | {name for kind, name in table.sections if kind == "AppProject"}):
        section = table.sections.get(("AppProject", zone), [])
        there = {number: match[1] for number in section if (match := _ADDRESS.search(table.lines[number]))}
        drop.update({number: "" for number, address in there.items() if (zone, address) not in needed})
        lines = [_ADD.format(address) for _, address in sorted(needed) if _ == zone and address not in there.values()]
        if lines and section:
            more[section[-1]] = lines
        elif lines:
            fresh += [f"  - target: {{kind: AppProject, name: {zone}}}", "    patch: |", *lines]
    kept: list[str] = []
    for number, line in enumerate(table.lines):
        kept += [] if number in drop else [line]
        kept += more.get(number, [])
    return "\n".join([*kept, *fresh]) + "\n"


_ADD: Final = "      - {{op: add, path: /spec/sourceRepos/-, value: {}}}"
_ADDRESS: Final = re.compile(r"path: /spec/sourceRepos/-, value: ([^}\s]+)\}")


def _told(line: str) -> dict[str, str]:
    match = _ENTRY.match(line)
    told = yaml.safe_load(match[1]) if match else {}
    return {str(key): str(value) for key, value in told.items()}


def _written(line: str, entry: dict[str, str]) -> str:
    """Return the source's line with the entry's values: its columns stay where they are."""
    for name, value in entry.items():
        old = _told(line).get(name)
        if old is not None and old != value:
            line = line.replace(f"{name}: {old}", f"{name}: {value}", 1)
    return line


def _version(entry: dict[str, str]) -> str:
    return f" ({entry['version']})" if "version" in entry else ""
