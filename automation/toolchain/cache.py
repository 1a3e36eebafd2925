"""The cache of installed tools: one folder for each recipe, put in place whole, checked on every use."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from automation import report, wait
from automation.errors import CommandFailed, ConfigurationError, DogitopsError

Source = Literal["release", "build"]
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True)
class Key:
    """What an entry is found by: the tool, its version, the digest of its recipe, and what must be in it."""

    tool: str
    version: str
    digest: str
    binaries: tuple[str, ...]


@dataclass(frozen=True)
class Mark:
    """What tells whether a file is as it was: ``sha256`` decides, ``size`` (bytes) and ``mtime_ns`` are quick."""

    sha256: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Mark:
        """Return the mark of the file at ``path``."""
        stat = path.stat()
        return cls(file_sha256(path), stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True)
class Entry:
    """A tool in the cache: how it was had, how long that took in seconds, its size in bytes, its programs."""

    source: Source
    seconds: float
    size: int
    binaries: dict[str, Path]


class Damaged(Exception):  # noqa: N818 - reads as what was found; always caught in this room
    """An entry is not as it was put there."""


@dataclass(frozen=True)
class Cache:
    """The folder ``root`` with ``<tool>/<version>-<digest>/`` for each entry."""

    root: Path

    def folder(self, key: Key) -> Path:
        """Return where the entry of ``key`` lies or would lie."""
        return self.root / key.tool / f"{key.version}-{key.digest}"

    def find(self, key: Key, *, thorough: bool = False) -> Entry | None:
        """Return the entry of ``key``, or None where there is none.

        A file whose size and time are as recorded is taken as it is, unless ``thorough``; else its hash decides.
        Raises Damaged, saying what is wrong, where the entry may not be used.
        """
        folder = self.folder(key)
        if not folder.is_dir():
            return None
        manifest = _read_manifest(folder)
        marks: dict[str, Mark] = manifest["binaries"]
        for binary in key.binaries:
            if binary not in marks:
                raise Damaged(f"{binary} is not in its manifest")
            _check(folder / binary, marks[binary], thorough=thorough)
        return Entry(
            source=manifest["source"],
            seconds=manifest["seconds"],
            size=sum(marks[binary].size for binary in key.binaries),
            binaries={binary: folder / binary for binary in key.binaries},
        )

    def put(self, key: Key, fill: Callable[[Path], Source]) -> Entry:
        """Make the entry of ``key`` anew: ``fill`` puts every binary into the folder it is given.

        The caller holds the lock. The folder is renamed into place when it is complete, so that a kill at any
        point leaves either a whole entry or a leftover that the next run removes.
        """
        with told(key.tool, self.root):
            self._remove_leftovers(key.tool)
            # Never the same name twice: a compiler that outlived its killed parent may still write into the old one.
            partial = self.root / key.tool / f".partial-{key.version}-{time.time_ns()}"
            partial.mkdir(parents=True)
            try:
                began = time.monotonic()
                source = fill(partial)
                for binary in key.binaries:
                    (partial / binary).chmod(0o755)
                manifest = {
                    "tool": key.tool,
                    "version": key.version,
                    "source": source,
                    "seconds": round(time.monotonic() - began, 1),
                    "binaries": {binary: asdict(Mark.of(partial / binary)) for binary in key.binaries},
                }
                (partial / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
                folder = self.folder(key)
                if folder.exists():  # a damaged one: moved aside first, as a folder can't be replaced in one step
                    folder.rename(partial.with_name(f"{partial.name}-damaged"))
                partial.rename(folder)
            finally:
                self._remove_leftovers(key.tool)
            entry = self.find(key)
            assert entry is not None  # noqa: S101 - we have just put it there
            return entry

    @contextmanager
    def locked(self, tool: str, *, what: str | None = None) -> Iterator[None]:
        """Hold the lock of ``tool``; where another process holds it, say so and wait. The lock dies with us."""
        with told(tool, self.root):
            (self.root / tool).mkdir(parents=True, exist_ok=True)
            lock = (self.root / tool / ".lock").open("w")
        with lock:

            def free() -> bool:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
                return True

            if not free():
                report.note(f"{what or tool}: another process is installing it, waiting for that")
                wait.until(free, f"another process to install {tool}", timeout=_LONGEST_WAIT, interval=0.1)
            yield

    def _remove_leftovers(self, tool: str) -> None:
        """Remove what killed runs left. Whoever holds the lock is the only one who writes, so all of it is stale."""
        for leftover in (self.root / tool).glob(".partial-*"):
            shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def told(tool: str, root: Path) -> Iterator[None]:
    """Turn what the file system refuses into errors that say what to do."""
    try:
        yield
    except CommandFailed as error:
        if os.strerror(errno.ENOSPC).lower() in error.output.lower():
            raise _disk_full(tool, root) from error
        raise
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise _disk_full(tool, root) from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
            raise ConfigurationError(
                f"The cache folder {root} can't be written: {error.strerror} ({error.filename}).",
                hint="Make it writable, or set DOGITOPS_CACHE to a folder that is.",
            ) from error
        raise


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _disk_full(tool: str, root: Path) -> DogitopsError:
    return DogitopsError(
        f"No space is left on the disk of {root} to install {tool}.",
        hint="Free some space (all tools together take 2 GB, building them from source 12 GB more), "
        "or set DOGITOPS_CACHE to a folder on another disk. What is finished is kept.",
    )


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        raw = json.loads((folder / "manifest.json").read_text())
        binaries = {name: Mark(**mark) for name, mark in raw["binaries"].items()}
        return {"source": raw["source"], "seconds": float(raw["seconds"]), "binaries": binaries}
    except FileNotFoundError:
        raise Damaged("its manifest is gone") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Damaged("its manifest is not readable") from None


def _check(path: Path, mark: Mark, *, thorough: bool) -> None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise Damaged(f"{path.name} is gone") from None
    if stat.st_size != mark.size:
        raise Damaged(f"{path.name} has {stat.st_size} bytes instead of {mark.size}")
    if (thorough or stat.st_mtime_ns != mark.mtime_ns) and file_sha256(path) != mark.sha256:
        raise Damaged(f"the content of {path.name} is not what was installed")
    if not os.access(path, os.X_OK):
        raise Damaged(f"{path.name} can't be executed")
