"""The repository as clusters see it: served read-only from this machine, at the commit that is checked out."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from automation import daemon, process
from automation.errors import CommandFailed, ConfigurationError
from automation.gitops.server import PATH
from automation.gitops.view import git

SERVER: Final = "git-server"

_PACKAGES: Final = Path(__file__).resolve().parents[2]


def serve(folder: Path, root: Path, address: str, port: int) -> str:
    """Serve the repository around ``root`` on ``address:port`` and return its URL; it may be running already.

    Its record and log lie in ``folder``. Raises ConfigurationError where ``root`` is no repository, has no commit
    yet or is a shallow clone, and where the port is taken.
    """
    git_folder = _git_folder(root)
    head(root)
    if git(root, "rev-parse", "--is-shallow-repository") == "true":
        raise ConfigurationError(
            f"The repository {root} is a shallow clone, from which a cluster can't fetch.",
            hint="Complete it: git fetch --unshallow (in a workflow: actions/checkout with fetch-depth: 0).",
        )
    path = os.pathsep.join(filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH"))))
    options = (
        *("--address", address, "--port", str(port)),
        *("--repository", str(git_folder), "--view", str(folder / "git-view")),
    )
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
        return git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except CommandFailed as error:
        raise ConfigurationError(
            f"The repository {root} has no commit yet, so there is nothing to serve.",
            hint="Commit first: clusters see commits only.",
        ) from error


def tree(root: Path) -> str:
    """Return the tree (40 hex digits) of the commit that is checked out: equal trees hold equal files."""
    return git(root, "rev-parse", "--verify", "--quiet", f"{head(root)}^{{tree}}")


def base_of(root: Path, head_sha: str, otherwise: str) -> str:
    """Return the commit that the merge of ``head_sha`` which is checked out was made on; else ``otherwise``.

    On a pull request GitHub has the merge checked out: its first parent is the base as it really is now.
    """
    parents = git(root, "rev-list", "--parents", "--max-count=1", "HEAD").split()[1:]
    return parents[0] if len(parents) == 2 and parents[1] == head_sha else otherwise  # noqa: PLR2004 - a merge


def text_at(root: Path, commit: str, path: str) -> str | None:
    """Return the file ``path`` as ``commit`` has it; none where it has none.

    Raises ConfigurationError where the commit itself is not there.
    """
    try:
        git(root, "cat-file", "-e", f"{commit}^{{commit}}")
    except CommandFailed as error:
        raise ConfigurationError(
            f"The commit {commit[:12]} is not in this clone.",
            hint="Fetch it, or check out with more history (actions/checkout with fetch-depth: 0).",
        ) from error
    try:
        return git(root, "show", f"{commit}:{path}")
    except CommandFailed:
        return None


def uncommitted(root: Path, folder: str = "gitops") -> list[str]:
    """Return the paths below ``folder`` that differ from the last commit: they do not reach a cluster."""
    listing = git(root, "status", "--porcelain", "--no-renames", "--untracked-files=all", "-z", "--", folder)
    return sorted(entry[3:] for entry in listing.split("\0") if entry)


@contextmanager
def committed(root: Path, folder: str = "gitops") -> Iterator[Path]:
    """Give a copy of the repository's ``folder`` as the last commit has it, below a root that lasts for the block.

    What a cluster is made from must be what Argo CD will read, not what lies about in the working tree.
    """
    with tempfile.TemporaryDirectory(prefix="dogitops-") as name:
        archive = Path(name) / "commit.tar"
        git(root, "archive", "--format=tar", f"--output={archive}", "HEAD", folder)
        tree = Path(name) / "tree"
        tree.mkdir()
        process.run(["tar", "--extract", "--file", archive, "--directory", tree])
        yield tree


def _git_folder(root: Path) -> Path:
    try:
        return Path(git(root, "rev-parse", "--absolute-git-dir"))
    except CommandFailed as error:
        raise ConfigurationError(
            f"{root} is not in a Git repository.", hint="Work in a clone, or make one: git init, git add, git commit."
        ) from error
