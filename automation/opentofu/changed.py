"""Which environments a change touches: what each is made from, held against what Git says has changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from automation import environment as environments_of
from automation.errors import ConfigurationError
from automation.opentofu import hcl
from automation.process import Completed, run
from automation.workspace import Workspace

# Folders and files of a root or module that no plan is made from.
_IGNORED_FOLDERS: Final = frozenset({".terraform", ".git", ".dogitops", "tests"})
_IGNORED_FILES: Final = re.compile(
    r"(?i)readme(\.\w+)?|.*\.(tfplan|tfstate|tfstate\..*)|\.terraform\.tfstate.*|crash\.log"
)
_TEMPLATE: Final = re.compile(r"[$%]\{")
_OWN_FOLDER: Final = re.compile(r"\$\{\s*path\.(module|root)\s*\}/?")


@dataclass(frozen=True)
class Changed:
    """What a change touches: ``environments`` to plan, and ``deleted`` ones, which can't be planned any more."""

    environments: tuple[str, ...]
    deleted: tuple[str, ...]


@dataclass
class _Places:
    """Where an environment's inputs lie: whole folders, and single files outside of them."""

    folders: set[Path] = field(default_factory=set)
    files: set[Path] = field(default_factory=set)

    def hold(self, path: Path) -> bool:
        """Whether ``path`` is an input, or was one before it was deleted."""
        if path in self.files:
            return True
        return any(path.is_relative_to(folder) and _counts(path.relative_to(folder)) for folder in self.folders)


def since(workspace: Workspace, reference: str) -> Changed:
    """Return what has changed between HEAD and where it left ``reference`` (a branch, a tag or a commit).

    Raises ConfigurationError for a reference that Git does not know, or whose history is cut off.
    """
    workspace = Workspace(workspace.root.resolve())
    paths = _changed_paths(workspace, reference)
    known = environments_of.names(workspace)
    everywhere = any(_shared(path) for path in paths)
    whole = {workspace.root / path for path in paths}
    touched = [name for name in known if everywhere or any(map(_places(workspace, name).hold, whole))]
    gone = {
        path.parts[2]
        for path in paths
        if path.parts[:2] == ("opentofu", "environments") and path.name == "environment.yaml" and len(path.parts) == 4  # noqa: PLR2004
    } - set(known)
    return Changed(tuple(touched), tuple(sorted(gone)))


def environments(workspace: Workspace, reference: str) -> list[str]:
    """Return the names of the environments to plan for the changes since ``reference``; see :func:`since`."""
    return list(since(workspace, reference).environments)


def inputs(workspace: Workspace, environment: str) -> list[Path]:
    """Return all files that the environment's plan is made from: its root's, its modules', and what these name."""
    places = _places(Workspace(workspace.root.resolve()), environment)
    found = {file for folder in places.folders for file in _files(folder)} | {
        file for file in places.files if file.is_file()
    }
    return sorted(found)


def folders(workspace: Workspace, environment: str) -> list[Path]:
    """Return the environment's root and the folders of its modules."""
    return sorted(_places(Workspace(workspace.root.resolve()), environment).folders)


def listing(workspace: Workspace, environment: str) -> dict[str, str]:
    """Return the digests of :func:`inputs` by their names relative to the workspace's root."""
    root = workspace.root.resolve()
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in inputs(workspace, environment)
    }


def digest_of(files: Mapping[str, str], *, without: Collection[str] = ()) -> str:
    """Return one digest of a :func:`listing`, but for the names in ``without``."""
    told = "".join(f"{name}\0{digest}\n" for name, digest in sorted(files.items()) if name not in without)
    return hashlib.sha256(told.encode()).hexdigest()


def inputs_digest(workspace: Workspace, environment: str, *, without: Collection[str] = ()) -> str:
    """Return a digest of the names and contents of :func:`inputs`.

    ``without`` holds names (relative to the workspace's root) to leave out: the files that planning itself makes.
    """
    return digest_of(listing(workspace, environment), without=without)


def _shared(path: Path) -> bool:
    """Whether a path (relative to the workspace) bears on every environment: policies, and files beside the roots."""
    return path.parts[:2] == ("opentofu", "policies") or (
        path.parts[:1] == ("opentofu",) and len(path.parts) == 2 and _counts(Path(path.name))  # noqa: PLR2004
    )


def _counts(relative: Path) -> bool:
    return not _IGNORED_FOLDERS & set(relative.parts[:-1]) and not _IGNORED_FILES.fullmatch(relative.name)


def _places(workspace: Workspace, environment: str) -> _Places:
    """Follow the root's modules, their modules, and the files that they name by a literal path."""
    places = _Places()
    root = workspace.environments / environment
    waiting, followed = [root], set[Path]()
    while waiting:
        folder = waiting.pop()
        if folder in followed or not folder.is_relative_to(workspace.root):
            continue
        followed.add(folder)
        places.folders.add(folder)
        linked = [path for path in folder.rglob("*") if path.is_symlink()] if folder.is_dir() else []
        for target in {folder.resolve(), *(path.resolve() for path in linked)} - {folder}:
            _add(workspace, places, target, around=folder)
        used = hcl.used(folder)
        waiting += [path for source in used.modules if (path := _module(workspace, folder, source))]
        for text in used.strings:
            named = _named(root, folder, text)
            if named is not None:
                _add(workspace, places, named, around=folder)
    return places


def _add(workspace: Workspace, places: _Places, path: Path, *, around: Path) -> None:
    """Add a file or folder that a root or module reaches outside of itself; a folder around it says nothing."""
    if not path.is_relative_to(workspace.root) or path in places.folders or around.is_relative_to(path):
        return
    if path.is_dir():
        places.folders.add(path)
    else:
        places.files.add(path)


def _module(workspace: Workspace, folder: Path, source: str) -> Path | None:
    """Return the folder of a local module; None for one from elsewhere, whose version stands in the source itself."""
    if not source.startswith(("./", "../")) and not _TEMPLATE.match(source):
        return None
    literal, template, _ = source.partition("${")
    if not template:
        return _plain(folder / source)
    # A source that is put together is one of several: count all that it can be.
    return _plain(folder / literal.rpartition("/")[0]) if literal else workspace.root / "opentofu" / "modules"


def _named(root: Path, folder: Path, text: str) -> Path | None:
    """Return the file or folder that a string names, if there is one: below path.module, path.root or the root."""
    match = _OWN_FOLDER.match(text)
    if match:
        base, rest = (folder if match[1] == "module" else root), text[match.end() :]
    elif text.startswith(("./", "../")):
        base, rest = root, text
    else:
        return None
    if not rest or "\n" in rest or "\0" in rest or len(rest) > 1000:  # noqa: PLR2004 - no path is longer
        return None
    literal, template, _ = rest.partition("${")
    path = _plain(base / (literal.rpartition("/")[0] if template else literal))
    return path if not path.is_relative_to(folder) and path.exists() else None


def _plain(path: Path) -> Path:
    """Return ``path`` without its ``..``, as it is written: links stay what they are, Git names them so."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts[1:]:
            parts.pop()
        elif part != "..":
            parts.append(part)
    return Path(*parts)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and _counts(path.relative_to(folder)):
            yield path


def _changed_paths(workspace: Workspace, reference: str) -> list[Path]:
    known = _git(workspace, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    base = _git(workspace, "merge-base", known.stdout.strip(), "HEAD") if known.returncode == 0 else known
    if base.returncode != 0:
        _unknown(workspace, reference, known, base)
    told = _git(
        workspace, "diff", "--name-only", "--no-renames", "-z", "--relative", base.stdout.strip(), "HEAD", "--", "."
    )
    if told.returncode != 0:
        raise ConfigurationError(f"Git can't compare HEAD with {reference}: {told.text.strip()}")
    return [Path(name) for name in told.stdout.split("\0") if name]


def _unknown(workspace: Workspace, reference: str, known: Completed, base: Completed) -> None:
    shallow = _git(workspace, "rev-parse", "--is-shallow-repository")
    if shallow.returncode != 0:
        raise ConfigurationError(
            f"Git can't read the repository {workspace.root}: {shallow.text.strip()}",
            hint="'--changed-since' needs a clone of the repository, and Git on this machine.",
        )
    what = (
        f"Git does not know {reference!r} here" if known.returncode != 0 else f"HEAD and {reference} share no history"
    )
    if shallow.stdout.strip() == "true":
        hint = "This is a shallow clone: fetch its whole history ('git fetch --unshallow', or 'fetch-depth: 0')."
    elif base.text.strip():
        hint = base.text.strip()
    else:
        hint = "Give a branch, a tag or a commit that was fetched, such as origin/main."
    raise ConfigurationError(f"{what}, so what has changed since can't be told.", hint=hint)


def _git(workspace: Workspace, *arguments: str) -> Completed:
    return run(["git", "-C", workspace.root, *arguments], check=False, timeout=120)
