"""Leaks: prove that nothing secret stands in Git, in any commit, and say where it does."""

from __future__ import annotations

import fnmatch
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from automation import environment, report, yaml_places
from automation.errors import ConfigurationError
from automation.gitops import leak_history, leak_patterns
from automation.gitops.leak_history import Stored
from automation.gitops.leak_patterns import Hit, Patterns
from automation.jobs.sites import open_site
from automation.secret import Secret
from automation.workspace import Workspace

ALLOWED = ".secrets-allowed.yaml"
_RULES = frozenset({form.rule for form in leak_patterns.FORMS} | {leak_patterns.NAMED})


class Allowed(BaseModel):
    """What may stand in Git though it looks like a secret: of a ``rule``, by ``fingerprint`` or ``path``, and why.

    ``path`` may hold ``*``, which stands for anything. Values of an environment can't be allowed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")] | None = None
    path: Annotated[str, StringConstraints(min_length=1)] | None = None
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=10)]

    @model_validator(mode="after")
    def _one_thing_of_a_known_rule(self) -> Allowed:
        if self.rule not in _RULES:
            raise ValueError(f"'rule' must be one of {', '.join(sorted(_RULES))}")
        if (self.fingerprint is None) == (self.path is None):
            raise ValueError("give either 'fingerprint' or 'path'")
        return self

    def covers(self, hit: Hit, path: str) -> bool:
        """Whether it allows a hit in a file."""
        same = self.fingerprint == hit.fingerprint if self.path is None else fnmatch.fnmatchcase(path, self.path)
        return same and self.rule == hit.rule


class _AllowedFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    allowed: Annotated[tuple[Allowed, ...], Field()] = ()


@dataclass(frozen=True)
class Leak:
    """A secret in Git: the ``rule`` that found it, its newest place, and the ``commit`` that brought it."""

    rule: str
    path: str
    line: int
    commit: str
    fingerprint: str


@dataclass
class Looked:
    """What a look at Git's history came to."""

    objects: int = 0
    size: int = 0
    values: int = 0
    leaks: list[Leak] = field(default_factory=list)
    allowed: int = 0
    unknown: list[str] = field(default_factory=list)  # secrets whose values could not be looked for
    idle: list[Allowed] = field(default_factory=list)  # entries that allow nothing


def check(workspace: Workspace, names: Sequence[str]) -> Looked:
    """Look for secrets in everything that Git holds; with the names of environments, for their values too.

    Raises ConfigurationError for a shallow clone and for a list of what is allowed that is not as it must be.
    """
    looked = Looked()
    allowed = read_allowed(workspace.root / ALLOWED)
    values: list[Secret] = []
    for name in names:
        known, rest = open_site(name, workspace=workspace).sources.readable()
        looked.unknown += [f"{place} ({name})" for place in rest]
        for one in known:
            if one.value is None or leak_patterns.too_short(one.value):
                looked.unknown.append(f"{one.declaration.place} {one.key} ({name}): too short")
            else:
                values.append(one.value)
    looked.values = len(values)
    patterns = Patterns(_names(workspace), values)
    listed = leak_history.objects(workspace.root)
    looked.objects, looked.size = len(listed), sum(one.size for one in listed)
    used: set[Allowed] = set()
    found: dict[tuple[str, str, str], tuple[int, Stored]] = {}  # the newest line, and the oldest object
    done = 0
    for batch, starts, text in leak_history.texts(workspace.root, listed):
        done += len(batch)
        report.doing(f"{done} of {len(listed)} objects")
        for hit in patterns.hits(text):
            number = bisect_right(starts, hit.start) - 1
            if number < 0:  # it stands in a header of ours
                continue
            stored = batch[number]
            excuses = [one for one in allowed if one.covers(hit, stored.path)]
            used.update(excuses)
            looked.allowed += bool(excuses)
            if not excuses:
                same = (hit.rule, stored.path, hit.fingerprint)
                line = text.count("\n", starts[number], hit.start) + 1
                found[same] = (found[same][0] if same in found else line, stored)
    for (rule, path, fingerprint), (line, oldest) in found.items():
        commit = leak_history.commit_of(workspace.root, oldest)
        where = path if oldest.kind == "blob" else f"(message of a {oldest.kind})"
        looked.leaks.append(Leak(rule, where, line, commit, fingerprint))
    looked.idle = [one for one in allowed if one not in used]
    return looked


def read_allowed(file: Path) -> tuple[Allowed, ...]:
    """Return what may stand in Git; nothing where there is no such file. Raises ConfigurationError with the line."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return ()
    try:
        return _AllowedFile.model_validate(yaml.safe_load(text) or {}).allowed
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file.name} is not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        problems = "\n".join(
            f"  {file.name}:{yaml_places.line(text, one['loc'])}: {'.'.join(map(str, one['loc']))}: "
            f"{one['msg'].removeprefix('Value error, ')}"
            for one in error.errors()
        )
        raise ConfigurationError(
            f"{file.name} is not as it must be:\n{problems}",
            hint="Each entry needs rule, fingerprint or path, and the reason why it is no secret.",
        ) from error


def _names(workspace: Workspace) -> Iterable[str]:
    """Return the names under which the values of all environments' secrets may stand: keys and variables."""
    for name in environment.names(workspace):
        for declared in environment.load(workspace, name).secrets:
            for key, source in declared.keys.items():
                yield from (key, *([source.variable] if source.variable else []))
