"""Debian root file systems as tar archives, from the machine's own package sources."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from automation import process, report
from automation.errors import ConfigurationError, DogitopsError
from automation.toolchain import root
from automation.toolchain.cache import file_sha256, told
from automation.toolchain.locks import locked, scratch
from automation.workspace import cache_folder

FORMAT = 2  # raise it when a change here changes what comes out
_DISTRIBUTIONS = ("Debian", "Ubuntu")
_KEYRINGS = "/usr/share/keyrings/{}-archive-keyring.gpg"
_LEAVE_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
_FORGET = 'cd "$1/etc" && rm -f hostname resolv.conf && { grep -lr ^deb apt/sources.list* | xargs -r rm -f; }'
_TIMEOUT = 1800.0


@dataclass(frozen=True)
class Rootfs:
    """A finished archive: uncompressed tar at ``archive``, its digest, its size in bytes, and what is installed."""

    archive: Path
    digest: str
    size: int
    packages: Mapping[str, str]


@dataclass(frozen=True)
class Wanted:
    """What a root file system shall hold.

    ``variant`` is mmdebstrap's: ``essential`` installs Debian's core first, ``extract`` unpacks the packages alone.
    ``users`` gives system users their numbers before the packages make them; ``hooks`` run in the finished system.
    """

    packages: tuple[str, ...]
    variant: Literal["essential", "minbase", "extract"] = "essential"
    users: tuple[tuple[str, int], ...] = ()
    hooks: tuple[str, ...] = ()

    def digest(self) -> str:
        """Return what changes whenever the archive shall be made anew."""
        parts = [FORMAT, suite(), sorted(self.packages), self.variant, self.users, self.hooks]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def suite(os_release: Path = Path("/etc/os-release")) -> str:
    """Return the code name of this machine's distribution, such as ``bookworm``.

    Raises ConfigurationError where it is neither Debian nor Ubuntu.
    """
    try:
        lines = os_release.read_text().splitlines()
    except OSError:
        lines = []
    facts = {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
    if facts.get("ID") not in {"debian", "ubuntu"} or not facts.get("VERSION_CODENAME"):
        raise ConfigurationError(
            f"Images are built from Debian's or Ubuntu's packages, and this is {facts.get('PRETTY_NAME', 'neither')}.",
            hint="Use a machine that reaches the container registries, or one with Debian or Ubuntu.",
        )
    return facts["VERSION_CODENAME"]


def ensure(wanted: Wanted) -> Rootfs:
    """Return the archive, making it where it is not in the cache."""
    folder = cache_folder() / "rootfs" / wanted.digest()
    found = _read(folder)
    if found is not None:
        return found
    with locked(folder.parent / f".{folder.name}.lock", "a root file system"):
        return _read(folder) or _make(wanted, folder)


def sources_list(targets: str, keyrings: Mapping[str, str]) -> str:
    """Turn ``apt-get indextargets`` lines ``origin|uri|release|component`` into the lines of a sources.list.

    Only the distribution's own sources are taken; ``keyrings`` maps an origin to the file with its keys.
    """
    components: dict[tuple[str, str, str], list[str]] = {}
    for line in targets.splitlines():
        fields = line.split("|")
        if len(fields) == 4 and fields[0] in _DISTRIBUTIONS:  # noqa: PLR2004 - the fields named above
            known = components.setdefault((fields[0], fields[1], fields[2]), [])
            if fields[3] not in known:
                known.append(fields[3])
    lines = []
    for (origin, uri, release), names in components.items():
        signed = f"[signed-by={keyrings[origin]}] " if origin in keyrings else ""
        lines.append(f"deb {signed}{uri} {release} {' '.join(names)}\n")
    return "".join(lines)


def installed(archive: Path) -> dict[str, str]:
    """Return the packages, and their versions, that a root file system's dpkg knows of."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.removeprefix("./") == "var/lib/dpkg/status":
                file = tar.extractfile(member)
                text = file.read().decode() if file else ""
                break
        else:
            return {}
    found = {}
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if "Package" in fields and "Version" in fields:
            found[fields["Package"]] = fields["Version"]
    return found


def _make(wanted: Wanted, folder: Path) -> Rootfs:
    root.need({"mmdebstrap": "mmdebstrap"}, "to build images here")
    with (
        report.phase(f"Root file system with {', '.join(wanted.packages[:4])}…"),
        told("a root file system", folder.parent),
        scratch(folder.with_name(f".work-{folder.name}")) as work,
    ):
        whole = work / "whole"
        whole.mkdir()
        archive = whole / "rootfs.tar"
        _mmdebstrap(wanted, work, archive)
        facts = {"digest": f"sha256:{file_sha256(archive)}", "packages": installed(archive)}
        (whole / "facts.json").write_text(json.dumps(facts, indent=2) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        whole.rename(folder)
    made = _read(folder)
    if made is None:
        raise DogitopsError(f"The root file system in {folder} can't be read back.", hint="Is the disk full?")
    return made


def _mmdebstrap(wanted: Wanted, work: Path, archive: Path) -> None:
    words = ["mmdebstrap", f"--variant={wanted.variant}", f"--include={','.join(wanted.packages)}"]
    words += ["--skip=output/dev", "--format=tar"]
    words += [f"--aptopt={option}" for option in ('APT::Install-Recommends "false"', *_apt_settings())]
    if wanted.variant != "extract":
        words += [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEAVE_OUT]
        words.append("--dpkgopt=path-include=/usr/share/doc/*/copyright")
    for name, number in wanted.users:
        line = f"{name}:x:{number}:{number}::/home/{name}:/usr/sbin/nologin"
        words.append(f'--essential-hook=echo {line} >>"$1/etc/passwd"; echo {name}:x:{number}: >>"$1/etc/group"')
    # A variant that installs nothing comes to the first of these alone.
    moment = "extract" if wanted.variant == "extract" else "customize"
    words += [f"--{moment}-hook={hook}" for hook in (*wanted.hooks, _FORGET)]
    words += [suite(), str(archive)]
    sources = work / "sources.list"
    sources.write_text(_sources())
    words.append(str(sources))
    # The same packages give the same bytes: mmdebstrap cuts every time to this one.
    root.as_root(
        *("env", "SOURCE_DATE_EPOCH=0", "TMPDIR=/tmp", *words),
        timeout=_TIMEOUT,
        hint="If packages can't be fetched, 'sudo apt-get update' tells why; if the disk is full, free 2 GB.",
    )
    if os.geteuid() != 0:
        root.as_root("chown", str(os.geteuid()), archive)


def _sources() -> str:
    """Return the machine's own package sources, with the lists fetched if they never were."""
    keyrings = {name: _KEYRINGS.format(name.lower()) for name in _DISTRIBUTIONS}
    there = {name: path for name, path in keyrings.items() if Path(path).exists()}
    wanted = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"

    def listed() -> str:
        return sources_list(
            process.run(["apt-get", "indextargets", "--format", wanted, "Created-By: Packages"]).stdout, there
        )

    lines = listed()
    if not lines:
        root.apt_update()
        lines = listed()
    if not lines:
        raise ConfigurationError(
            "apt knows no source of Debian's or Ubuntu's packages.",
            hint="Run 'sudo apt-get update', and see what it says.",
        )
    return lines


def _apt_settings() -> list[str]:
    """Return the machine's settings on how packages are fetched: proxies, and how strictly dates are taken."""
    dumped = process.run(["apt-config", "dump"]).stdout
    kept = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-Valid-Until", "Acquire::Check-Date")
    return [line.rstrip(";") for line in dumped.splitlines() if line.split(" ")[0] in kept and not line.endswith('"";')]


def _read(folder: Path) -> Rootfs | None:
    archive = folder / "rootfs.tar"
    try:
        facts = json.loads((folder / "facts.json").read_text())
        return Rootfs(archive, facts["digest"], archive.stat().st_size, facts["packages"])
    except (OSError, ValueError, KeyError):
        return None
