"""What clusters see of a repository: the commit that is checked out and its history, and nothing else."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Final

from automation import process

CONFIG: Final = Path(__file__).with_name("git.config")

_BRANCH: Final = "refs/heads/main"


class View:
    """A bare repository in ``folder`` whose one branch is always where ``HEAD`` of ``repository`` is.

    It borrows the objects, so a commit is there the moment it is made, and writes nothing into the repository.
    Clients look for ``HEAD`` on a branch (Argo CD's finds none otherwise), and a CI runner's clone is on none;
    here every commit that is checked out is on a branch. Other branches, tags and stashes stay private.
    """

    def __init__(self, repository: Path, folder: Path) -> None:
        self.repository = repository
        self.folder = folder
        self._lock = threading.Lock()
        shutil.rmtree(folder, ignore_errors=True)
        kind = git(repository, "rev-parse", "--show-object-format")
        git(repository.parent, "init", "--quiet", "--bare", f"--object-format={kind}", str(folder))
        git(folder, "symbolic-ref", "HEAD", _BRANCH)
        objects = git(repository, "rev-parse", "--git-path", "objects")
        (folder / "objects" / "info" / "alternates").write_text(f"{(repository / objects).resolve()}\n")
        self.follow()

    def follow(self) -> str:
        """Move to the commit that is checked out, and return it. Raises CommandFailed where there is none."""
        with self._lock:
            commit = git(self.repository, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
            git(self.folder, "update-ref", _BRANCH, commit)
            return commit


def git(folder: Path, *arguments: str) -> str:
    """Run Git in ``folder`` with our configuration only, and return its output: a clone of another user works too.

    Raises CommandFailed.
    """
    done = process.run(
        ["git", "-C", folder, *arguments],
        env={"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(CONFIG), "GIT_OPTIONAL_LOCKS": "0"},
        timeout=60,
        hint="Look at the repository: git -C REPOSITORY status",
    )
    return done.stdout if "-z" in arguments else done.stdout.strip()
