"""What changed between two commits, file by file, as GitHub lists it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from automation.simulators.github.git import Git

MOST_PATCH_LINES = 3_000  # of one file; GitHub leaves longer patches out
_STATUS = {"A": "added", "M": "modified", "D": "removed", "R": "renamed", "C": "copied", "T": "changed"}


@dataclass(frozen=True)
class FileChange:
    """A changed file. ``patch`` is None for a binary or a very large one, ``sha`` the blob's."""

    path: str
    previous: str | None
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str | None


def files(git: Git, old: str, new: str) -> list[FileChange]:
    """Return what differs between two trees or commits."""
    told = git.run("diff", "-M", "--patch-with-raw", "--no-abbrev", "--full-index", "--no-color", "-z", old, new).stdout
    raw, _, text = told.partition("\0\0")
    patches = iter(_patches(text))
    changes: list[FileChange] = []
    words = iter(raw.split("\0"))
    for word in words:
        if not word.startswith(":"):
            continue
        _, _, old_sha, new_sha, letter = word[1:].split(" ")
        path = next(words)
        previous = None
        if letter[0] in "RC":
            previous, path = path, next(words)
        sections = [next(patches, "") for _ in range(2 if letter == "T" else 1)]  # a file that becomes a link has two
        hunks = "\n".join(text[text.index("\n@@") + 1 :] for text in sections if "\n@@" in text)
        lines = hunks.split("\n")  # not splitlines: a form feed ends no line
        changes.append(
            FileChange(
                path,
                previous,
                _STATUS.get(letter[0], "changed"),
                old_sha if letter[0] == "D" else new_sha,
                sum(line.startswith("+") for line in lines),
                sum(line.startswith("-") for line in lines),
                hunks.rstrip("\n") if hunks and len(lines) <= MOST_PATCH_LINES else None,
            )
        )
    return changes


def _patches(text: str) -> list[str]:
    return [f"diff --git {part}" for part in re.split(r"^diff --git ", text, flags=re.MULTILINE)[1:]]
