"""A container runtime in front of runc, for machines whose capability bounding set lacks CAP_SYS_RESOURCE.

There runc fails on every privileged container: it cannot hand out a capability that nobody has, raise a limit,
or make a process less likely to be killed. This wrapper takes those wishes out of the bundle's ``config.json``
and then becomes runc. It is copied to the system as it stands and run by the system's Python, so it uses the
standard library only and imports nothing of ours. Docker calls it for each container and each ``docker exec``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MISSING = "CAP_SYS_RESOURCE"
RUNC = ("/usr/sbin/runc", "/usr/bin/runc", "/usr/local/sbin/runc", "/usr/local/bin/runc")


def soften(process: dict[str, Any]) -> None:
    """Take out of an OCI ``process`` object what needs CAP_SYS_RESOURCE; changes it in place."""
    for names in (process.get("capabilities") or {}).values():
        if isinstance(names, list) and MISSING in names:
            names.remove(MISSING)
    process.pop("rlimits", None)
    if (process.get("oomScoreAdj") or 0) < 0:
        process["oomScoreAdj"] = 0


def option(arguments: list[str], *names: str) -> str | None:
    """Return the value of the option called any of ``names``, as ``--name value`` or ``--name=value``."""
    for index, argument in enumerate(arguments):
        if argument in names and index + 1 < len(arguments):
            return arguments[index + 1]
        for name in names:
            if argument.startswith(f"{name}="):
                return argument.partition("=")[2]
    return None


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Apply ``change`` to the JSON file ``path``; a file that cannot be read is left for runc to complain about."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return
    change(value)
    path.write_text(json.dumps(value))


def prepare(arguments: list[str]) -> None:
    """Edit the files that the runc command line ``arguments`` is about to read."""
    if {"create", "run", "restore"} & set(arguments):
        bundle = Path(option(arguments, "--bundle", "-b") or Path.cwd())
        edit(bundle / "config.json", lambda config: soften(config.get("process") or {}))
    elif "exec" in arguments:
        process = option(arguments, "--process", "-p")
        if process:
            edit(Path(process), soften)


def main() -> None:
    """Prepare, then become runc."""
    prepare(sys.argv[1:])
    runc = next((path for path in RUNC if Path(path).exists()), "/usr/sbin/runc")
    os.execv(runc, [runc, *sys.argv[1:]])  # noqa: S606 - there is no shell in this, on purpose


if __name__ == "__main__":
    main()
