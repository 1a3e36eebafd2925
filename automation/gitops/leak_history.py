"""Every text that Git holds: files of all commits, of all branches and tags, of the index; and commits' messages."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from automation.errors import ConfigurationError
from automation.gitops.view import CONFIG, git
from automation.process import run

_BATCH: Final = 24 * 1024 * 1024  # bytes of objects that are read at once
_PATIENCE: Final = 600.0  # seconds for one call of Git
_TYPES: Final = ("blob", "commit", "tag")
_ENV: Final = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(CONFIG), "GIT_OPTIONAL_LOCKS": "0"}


@dataclass(frozen=True)
class Stored:
    """An object of Git: its ``id``, its ``kind`` (blob, commit or tag), its size, and a ``path`` that it had."""

    id: str
    kind: str
    size: int
    path: str


def objects(root: Path) -> list[Stored]:
    """Return all objects that can be reached from a branch, a tag, a remote's branch, or the index.

    Raises ConfigurationError for a shallow clone: most of its history is not there to be looked at.
    """
    if git(root, "rev-parse", "--is-shallow-repository") == "true":
        raise ConfigurationError(
            f"The repository {root} is a shallow clone: its history can't be looked at.",
            hint="Complete it: git fetch --unshallow (in a workflow: actions/checkout with fetch-depth: 0).",
        )
    paths: dict[str, str] = {}
    for line in _git(root, "rev-list", "--objects", "--all", "HEAD").splitlines():
        number, _, path = line.partition(" ")
        paths.setdefault(number, path)
    for line in _git(root, "ls-files", "--stage", "-z").split("\0"):
        facts, _, path = line.partition("\t")
        if path:
            paths.setdefault(facts.split()[1], path)
    asked = "".join(f"{number}\n" for number in paths)
    listed = _git(root, "cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", stdin=asked)
    found = []
    for line in listed.splitlines():
        number, kind, *size = line.split()
        if kind in _TYPES:
            found.append(Stored(number, kind, int(size[0]), paths[number]))
    return found


def texts(root: Path, listed: list[Stored]) -> Iterator[tuple[list[Stored], list[int], str]]:
    """Yield the objects' texts, many at once: the objects, where in the text each begins, and the text.

    Bytes that are no UTF-8 are replaced.
    """
    batch: list[Stored] = []
    size = 0
    for one in listed:
        if batch and size + one.size > _BATCH:
            yield _read(root, batch)
            batch, size = [], 0
        batch.append(one)
        size += one.size
    if batch:
        yield _read(root, batch)


def commit_of(root: Path, stored: Stored) -> str:
    """Return the commit that brought an object; empty for one that is in the index alone."""
    if stored.kind != "blob":
        return stored.id
    order = ("--all", "--topo-order", "--reverse")  # a commit after its parents: the one that took it out is found too
    found = _git(root, "log", *order, "--format=%H", f"--find-object={stored.id}", "-m", "--no-renames")
    return next(iter(found.splitlines()), "")


def _read(root: Path, batch: list[Stored]) -> tuple[list[Stored], list[int], str]:
    mark = secrets.token_hex(16)  # what no file holds: the size that Git tells is in bytes, and this is text
    asked = "".join(f"{one.id}\n" for one in batch)
    text = _git(root, "cat-file", f"--batch={mark}%(objectname)", "--buffer", stdin=asked)
    starts, at = [], 0
    for one in batch:
        at = text.index(f"{mark}{one.id}\n", at) + len(mark) + len(one.id) + 1
        starts.append(at)
    return batch, starts, text


def _git(root: Path, *words: str, stdin: str | None = None) -> str:
    return run(["git", "-C", root, *words], env=_ENV, stdin=stdin, timeout=_PATIENCE).stdout
