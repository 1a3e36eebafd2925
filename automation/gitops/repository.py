"""The repository as clusters see it: served read-only from this machine, at the commit that is checked out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from automation import daemon, process
from automation.errors import CommandFailed, ConfigurationError
from automation.gitops.server import CONFIG, PATH

SERVER: Final = "git-server"

_PACKAGES: Final = Path(__file__).resolve().parents[2]


def serve(folder: Path, root: Path, address: str, port: int) -> str:
    """Serve the repository around ``root`` on ``address:port`` and return its URL; it may be running already.

    Its record and log lie in ``folder``. Raises ConfigurationError where ``root`` is no repository, has no commit
    yet or is a shallow clone, and where the port is taken.
    """
    git_folder = _git_folder(root)
    head(root)
    if _git(root, "rev-parse", "--is-shallow-repository") == "true":
        raise ConfigurationError(
            f"The repository {root} is a shallow clone, from which a cluster can't fetch.",
            hint="Complete it: git fetch --unshallow (in a workflow: actions/checkout with fetch-depth: 0).",
        )
    path = os.pathsep.join(filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH"))))
    options = ("--address", address, "--port", str(port), "--repository", str(git_folder))
    daemon.start(
        folder,
        SERVER,
        [sys.executable, "-m", "automation.gitops.server", *options],
        address=address,
        port=port,
        env={"PYTHONPATH": path},
    )
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}{PATH}"


def stop(folder: Path) -> bool:
    """End the server whose record lies in ``folder``; return whether it ran."""
    return daemon.stop(folder, SERVER)


def head(root: Path) -> str:
    """Return the commit that is checked out (40 hex digits), on a branch or not."""
    _git_folder(root)
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except CommandFailed as error:
        raise ConfigurationError(
            f"The repository {root} has no commit yet, so there is nothing to serve.",
            hint="Commit first: clusters see commits only.",
        ) from error


def uncommitted(root: Path, folder: str = "gitops") -> list[str]:
    """Return the paths below ``folder`` that differ from the last commit: they do not reach a cluster."""
    listing = _git(root, "status", "--porcelain", "--no-renames", "--untracked-files=all", "-z", "--", folder)
    return sorted(entry[3:] for entry in listing.split("\0") if entry)


def _git_folder(root: Path) -> Path:
    try:
        return Path(_git(root, "rev-parse", "--absolute-git-dir"))
    except CommandFailed as error:
        raise ConfigurationError(
            f"{root} is not in a Git repository.", hint="Work in a clone, or make one: git init, git add, git commit."
        ) from error


def _git(root: Path, *arguments: str) -> str:
    """Run Git in ``root`` with our configuration only: a clone that belongs to someone else works too."""
    done = process.run(
        ["git", "-C", root, *arguments],
        env={"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(CONFIG), "GIT_OPTIONAL_LOCKS": "0"},
        timeout=60,
        hint="Install git." if arguments[0] == "--version" else None,
    )
    return done.stdout if "-z" in arguments else done.stdout.strip()
