"""What needs root on this machine: done as root or with passwordless sudo, else said."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from automation import process, report
from automation.errors import ConfigurationError
from automation.process import Completed

_APT_TIMEOUT = 1800.0
_updated: list[bool] = []


def privilege() -> list[str] | None:
    """Return what to put before a command to run it as root; None where that is not possible."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and process.run(["sudo", "-n", "true"], check=False).returncode == 0:
        return ["sudo", "-n"]
    return None


def as_root(*argv: str | Path, stdin: str | None = None, timeout: float = 600, hint: str | None = None) -> Completed:
    """Run ``argv`` as root. Raises ConfigurationError where we may not."""
    before = privilege()
    if before is None:
        raise ConfigurationError(
            f"'{' '.join(str(word) for word in argv[:4])}' must be run as root.",
            hint="Run this command as root or with passwordless sudo, or make what is missing yourself.",
        )
    return process.run([*before, *argv], stdin=stdin, timeout=timeout, hint=hint)


def write(path: Path, text: str, mode: str) -> None:
    """Make ``path`` hold ``text``, in one step and as root; nothing is done where it does."""
    if path.exists() and path.read_text() == text:
        return
    as_root("mkdir", "-p", path.parent)
    as_root("tee", f"{path}.new", stdin=text)
    as_root("chmod", mode, f"{path}.new")
    as_root("mv", f"{path}.new", path)


def find_program(name: str) -> str | None:
    """Return the path of a program; the folders of system programs are not on every user's PATH.

    An absolute path stands for itself: a header file, for example.
    """
    if name.startswith("/"):
        return name if Path(name).exists() else None
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin")


def need(programs: Mapping[str, str], why: str) -> None:
    """Have ``programs`` (each with the Debian package that holds it), installing what is missing where we may.

    Raises ConfigurationError, naming what to install and ``why``, where we may not.
    """
    missing = sorted({package for program, package in programs.items() if find_program(program) is None})
    if not missing:
        return
    words = " ".join(missing)
    if shutil.which("apt-get") is None or privilege() is None:
        raise ConfigurationError(
            f"{words} must be installed {why}.",
            hint=f"Debian and Ubuntu: 'sudo apt-get install {words}'; elsewhere: your system's packages of that name.",
        )
    with report.phase(f"Install {words} with apt-get"):
        apt_update()
        as_root(
            *("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"),
            *("install", "-y", "-qq", "--no-install-recommends", *missing),
            timeout=_APT_TIMEOUT,
        )
    still = [program for program in programs if find_program(program) is None]
    if still:
        raise ConfigurationError(
            f"apt-get installed {words}, but {', '.join(still)} is not there.", hint="Install it by hand."
        )


def apt_update() -> None:
    """Fetch apt's lists, once in a process."""
    if not _updated:
        as_root("apt-get", "-o", "DPkg::Lock::Timeout=300", "update", "-qq", timeout=_APT_TIMEOUT)
        _updated.append(True)
