"""Tools made ready: from the cache, else from the vendor's release, else built from source."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from automation import report, workspace
from automation.toolchain import build, catalogue, golang, release
from automation.toolchain.cache import Cache, Damaged, Entry, Key, Source
from automation.toolchain.catalogue import Catalogue
from automation.toolchain.golang import Go

_REGISTRY = "https://registry-1.docker.io"
_WORTH_SAYING = 20  # seconds of building that are announced before they begin


def ensure(*binaries: str) -> dict[str, Path]:
    """Make sure that these programs are in the cache, and return their paths.

    Raises ConfigurationError for an unknown name or a machine that lacks something, DogitopsError where a
    download or a build fails or is not what was pinned.
    """
    return Installer.default().ensure(*binaries)


def path(binary: str) -> Path:
    """Return the path of one program, installing it where it is not in the cache."""
    return ensure(binary)[binary]


def version(tool: str) -> str:
    """Return the pinned version of ``tool``, without a leading v."""
    return catalogue.load().tool(tool).version


def module_folder(tool: str) -> Path:
    """Return the folder of the tool's Go module, downloaded if need be, checked against the catalogue's sum."""
    return Installer.default().module_folder(tool)


def module(wanted: str, pinned: str) -> Path:
    """Return the folder of a Go module (``path@version``) that is no tool, checked against its ``pinned`` sum."""
    return build.module(wanted, wanted, pinned, Installer.default().go)


@dataclass(frozen=True)
class Installer:
    """A catalogue, and the folder ``home`` in which its tools are kept."""

    catalogue: Catalogue
    home: Path

    @classmethod
    def default(cls) -> Installer:
        """Return the installer of this package's catalogue and the user's cache folder."""
        return cls(catalogue.load(), workspace.cache_folder())

    @property
    def cache(self) -> Cache:
        """Where the tools lie."""
        return Cache(self.home / "tools")

    @cached_property
    def go(self) -> Go:
        """A Go that can build every tool."""
        return golang.find(self.catalogue.go, self.home)

    def key(self, name: str) -> Key:
        """Return what the tool ``name`` is found by in the cache."""
        tool = self.catalogue.tool(name)
        return Key(name, tool.version, tool.digest(), tool.binaries)

    def ensure(self, *binaries: str) -> dict[str, Path]:
        """Make sure that these programs are in the cache, and return their paths."""
        owners = {binary: self.catalogue.tool_of(binary) for binary in binaries}
        entries = self.install(owners.values())
        return {binary: entries[owner].binaries[binary] for binary, owner in owners.items()}

    def install(self, names: Iterable[str]) -> dict[str, Entry]:
        """Make sure that these tools are in the cache, the quick ones first, and return what lies there."""
        wanted = {name: self.catalogue.tool(name) for name in names}
        entries: dict[str, Entry] = {}
        for name in wanted:
            entry = self._cached(name, aloud=False)
            if entry is not None:
                entries[name] = entry
        missing = sorted(set(wanted) - set(entries), key=lambda name: (wanted[name].seconds, name))
        if not missing:
            return entries
        with report.amount("tools", sum(wanted[name].seconds for name in missing)) as bar:
            task = bar.task_ids[0]
            for name in missing:
                entries[name] = self._install(name, lambda text: bar.update(task, description=report_text(text)))
                bar.advance(task, wanted[name].seconds)
        return entries

    def needed(self) -> tuple[str, ...]:
        """Return the tools that environment local needs here: those for images only where none can be had."""
        if release.reachable(_REGISTRY):
            return self.catalogue.needed_for("local")
        return self.catalogue.needed_for("local", "images")

    def state(self, name: str, *, thorough: bool = False) -> tuple[str, Entry | None]:
        """Return ``installed``, ``missing`` or what is damaged, and the entry where it is installed.

        ``thorough`` compares every file's hash, not only its size and time.
        """
        try:
            entry = self.cache.find(self.key(name), thorough=thorough)
        except Damaged as damage:
            return f"damaged: {damage}", None
        return ("installed" if entry else "missing"), entry

    def module_folder(self, name: str) -> Path:
        """Return the verified folder of the tool's Go module."""
        return build.source(name, self.catalogue.tool(name), self.go)

    def _install(self, name: str, progress: release.Progress) -> Entry:
        tool = self.catalogue.tool(name)
        title = f"{name} {tool.version}"
        progress(title)
        with self.cache.locked(name, what=title):
            entry = self._cached(name, aloud=True)  # another process may have been first
            if entry is not None:
                return entry
            began = time.monotonic()
            entry = self.cache.put(self.key(name), lambda into: self._fill(name, into, progress))
            verb = "built" if entry.source == "build" else "downloaded"
            report.note(f"{title} {verb} in {report.elapsed(time.monotonic() - began)}")
            return entry

    def _fill(self, name: str, into: Path, progress: release.Progress) -> Source:
        tool = self.catalogue.tool(name)
        try:
            release.fetch(name, tool, into, progress)
        except release.Unavailable as reason:
            if tool.release is not None and release.reachable(tool.release.url):
                report.note(f"{name} {tool.version}: {reason}; building it instead")
            if tool.seconds > _WORTH_SAYING:
                report.note(f"{name} {tool.version}: building (about {tool.seconds} s from scratch on 2 cores)")
        else:
            return "release"
        for leftover in into.iterdir():
            leftover.unlink()
        build.build(name, tool, into, self.go, progress)
        return "build"

    def _cached(self, name: str, *, aloud: bool) -> Entry | None:
        try:
            return self.cache.find(self.key(name))
        except Damaged as damage:
            if aloud:
                report.warn(f"{name} in the cache is damaged ({damage}): installing it again")
            return None


def report_text(text: str) -> str:
    """Return ``text`` short enough to stand before a bar."""
    width = 44
    return f"{text[:width]:<{width}}"
