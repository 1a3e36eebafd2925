"""The repository's commits: files and folders as a commit has them, and a new commit that touches no working tree."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from automation import process
from automation.errors import CommandFailed, ConfigurationError, DogitopsError
from automation.gitops.view import git

REMOTE: Final = "origin"

_NAME: Final = "dogitops"
_FILE: Final = "kustomization.yaml"
_BASE: Final = "gitops/clusters/base"
_ENVIRONMENTS: Final = "opentofu/environments"
_FOLDERS: Final = ("gitops", _ENVIRONMENTS)
_PATIENCE: Final = 120.0  # seconds for a fetch or a push


def fetched(root: Path, branch: str) -> str:
    """Fetch a branch of the remote repository and return its commit. Raises DogitopsError."""
    try:
        _as_user(root, "fetch", "--quiet", "--no-tags", REMOTE, f"refs/heads/{branch}")
    except CommandFailed as error:
        raise DogitopsError(
            f"The branch {branch} can't be fetched: {error.output.strip()}",
            hint=f"Look at the remote repository and your rights there: git fetch {REMOTE} {branch}",
        ) from error
    return git(root, "rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}")


def last_change(root: Path, commit: str, path: str) -> str | None:
    """Return the last commit, from ``commit`` backwards, that changed ``path``."""
    return git(root, "rev-list", "--max-count=1", commit, "--", path) or None


def merge_base(root: Path, reference: str) -> str:
    """Return the commit at which HEAD left ``reference`` (a branch, a tag or a commit).

    Raises ConfigurationError for what Git does not know here, and where the two share no history.
    """
    try:
        other = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
        return git(root, "merge-base", other, "HEAD")
    except CommandFailed as error:
        raise ConfigurationError(
            f"Git does not know where HEAD left {reference!r}.",
            hint="Give a branch, a tag or a commit that was fetched, such as origin/main; a shallow clone may lack it "
            "('git fetch --unshallow', or 'fetch-depth: 0').",
        ) from error


def differs(root: Path, old: str, new: str, *paths: str) -> bool:
    """Whether anything below ``paths`` is different between two commits."""
    return bool(git(root, "diff", "--name-only", "--no-renames", old, new, "--", *paths))


def is_in(root: Path, commit: str, other: str) -> bool:
    """Whether ``commit`` is ``other`` or one of those before it."""
    try:
        git(root, "merge-base", "--is-ancestor", commit, other)
    except CommandFailed:
        return False
    return True


def has(root: Path, commit: str, path: str) -> bool:
    """Whether ``commit`` has a file or a folder ``path``."""
    try:
        git(root, "cat-file", "-e", f"{commit}:{path}")
    except CommandFailed:
        return False
    return True


@contextmanager
def tree_at(root: Path, commit: str, *folders: str) -> Iterator[Path]:
    """Give a copy of ``folders`` as ``commit`` has them, below a folder that lasts for the block."""
    there = [folder for folder in folders if has(root, commit, folder)]
    with tempfile.TemporaryDirectory(prefix="dogitops-") as name:
        archive, tree = Path(name) / "commit.tar", Path(name) / "tree"
        tree.mkdir()
        git(root, "archive", "--format=tar", f"--output={archive}", commit, *there)
        process.run(["tar", "--extract", "--file", archive, "--directory", tree])
        yield tree.resolve()


@contextmanager
def as_argocd_reads(root: Path, path: str, base: str, revision: str, text: str | None = None) -> Iterator[Path]:
    """Give the repository as a cluster reads it: its table of contents of ``base``, all else of ``revision``.

    ``path`` is the cluster's folder; ``text`` is put in place of its table of contents. The projects and the
    environments are those of ``base``, too.
    """
    with tree_at(root, revision, *_FOLDERS) as tree, tree_at(root, base, *_FOLDERS) as newer:
        for part in (_BASE, _ENVIRONMENTS):
            shutil.rmtree(tree / part, ignore_errors=True)
            if (newer / part).is_dir():
                shutil.copytree(newer / part, tree / part)
        (tree / path).mkdir(parents=True, exist_ok=True)
        (tree / path / _FILE).write_text((newer / path / _FILE).read_text() if text is None else text)
        yield tree


def commit_file(root: Path, parent: str, path: str, text: str, message: str) -> str:
    """Make a commit on ``parent`` in which the file ``path`` holds ``text``, and return it.

    Nothing of the working tree, the index or a branch changes. Its author is who Git is configured for, else we.
    """
    written = process.run(
        ["git", "-C", root, "hash-object", "-w", "--stdin"], stdin=text, timeout=_PATIENCE
    ).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="dogitops-") as name:
        index = {"GIT_INDEX_FILE": str(Path(name) / "index")}
        for words in (
            ["read-tree", parent],
            ["update-index", "--add", "--cacheinfo", f"100644,{written},{path}"],
        ):
            process.run(["git", "-C", root, *words], env=index, timeout=_PATIENCE)
        tree = process.run(["git", "-C", root, "write-tree"], env=index, timeout=_PATIENCE).stdout.strip()
    words = ["commit-tree", tree, "-p", parent, "-m", message]
    return process.run(["git", "-C", root, *words], env=_author(root), timeout=_PATIENCE).stdout.strip()


def push(root: Path, commit: str, branch: str) -> None:
    """Set the remote branch, which is ours alone, to ``commit``."""
    try:
        _as_user(root, "push", "--quiet", "--force", REMOTE, f"{commit}:refs/heads/{branch}")
    except CommandFailed as error:
        raise DogitopsError(
            f"The branch {branch} can't be pushed: {error.output.strip()}",
            hint="Whoever promotes needs the right to push; in a workflow: permissions, contents: write.",
        ) from error


def _as_user(root: Path, *words: str) -> str:
    """Run Git with its user's own settings: credentials stand there."""
    done = process.run(
        ["git", "-C", root, *words], env={"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}, timeout=_PATIENCE
    )
    return done.stdout.strip()


def _author(root: Path) -> dict[str, str]:
    found = {}
    for key, variable in (("user.name", "NAME"), ("user.email", "EMAIL")):
        done = process.run(["git", "-C", root, "config", key], check=False, timeout=_PATIENCE)
        value = done.stdout.strip() or (_NAME if variable == "NAME" else f"{_NAME}@users.noreply.github.com")
        for who in ("AUTHOR", "COMMITTER"):
            found[f"GIT_{who}_{variable}"] = os.environ.get(f"GIT_{who}_{variable}") or value
    return found
