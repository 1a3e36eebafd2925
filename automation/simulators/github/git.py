"""The Git repository behind a simulated one: its refs, commits, trees and merges, by real git.

Nothing here touches files of a checkout, but for one case: when the branch that a non-bare repository has
checked out moves, its files follow, as git does it on a push with receive.denyCurrentBranch=updateInstead.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from automation import process
from automation.errors import ConfigurationError
from automation.process import Completed

NOTHING: Final = "0" * 40
EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_FIELDS: Final = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x1e"


@dataclass(frozen=True)
class Person:
    """Who made a commit, and when (seconds since 1970)."""

    name: str
    email: str
    seconds: int


@dataclass(frozen=True)
class Commit:
    """A commit."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str


@dataclass(frozen=True)
class Entry:
    """An entry of a tree. ``size`` is that of a blob in bytes."""

    mode: str
    type: str
    sha: str
    size: int | None
    path: str


class Conflict(Exception):  # noqa: N818 - reads as what happened
    """Two commits can't be merged, or a ref is not where it was thought to be."""


class Git:
    """A Git repository, bare or not. Raises ConfigurationError when ``path`` holds none."""

    def __init__(self, path: Path) -> None:
        if (path / "HEAD").is_file() and (path / "objects").is_dir():
            self.folder, self.checkout = path, None
        elif (path / ".git").exists():
            found = process.run(["git", "-C", path, "rev-parse", "--absolute-git-dir"], check=False)
            if found.returncode != 0:
                raise ConfigurationError(f"{path} is not a Git repository git can read: {found.stderr.strip()}")
            self.folder, self.checkout = Path(found.stdout.strip()), path
        else:
            raise ConfigurationError(
                f"{path} is not a Git repository.", hint="Make one there with 'git init', or give another path."
            )

    def run(
        self,
        *words: str | Path,
        check: bool = True,
        stdin: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Completed:
        """Run git on this repository; settings of the machine's user don't count."""
        plain = {
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }
        plain["GIT_DIR"] = str(self.folder)
        return process.run(
            ["git", "-c", "safe.directory=*", "-c", "core.quotePath=false", "-c", "gc.auto=0", *words],
            check=check,
            stdin=stdin,
            env={**plain, **(env or {})},
            cwd=cwd or self.folder,
            timeout=120,
        )

    # refs

    def refs(self, prefix: str = "refs/") -> dict[str, tuple[str, str]]:
        """Return name to (sha, type of object) of the refs that start with ``prefix``, sorted."""
        within = prefix.rpartition("/")[0]  # git matches whole folders
        listed = self.run("for-each-ref", "--format=%(refname) %(objectname) %(objecttype)", within).stdout
        words = (line.split(" ") for line in listed.splitlines())
        return {name: (sha, kind) for name, sha, kind in words if name.startswith(prefix)}

    def ref(self, name: str) -> str | None:
        """Return what the ref points at, None when there is none."""
        if not name.startswith("refs/"):
            return None
        found = self.run("show-ref", "--verify", "--hash", "--", name, check=False)  # it reads no "main~1"
        return found.stdout.strip() if found.returncode == 0 else None

    def branch(self, name: str) -> str | None:
        """Return the commit at the head of a branch."""
        return self.ref(f"refs/heads/{name}")

    def heads(self) -> dict[str, str]:
        """Return the branches: name to commit."""
        return {name.removeprefix("refs/heads/"): sha for name, (sha, _) in self.refs("refs/heads/").items()}

    def head_branch(self) -> str:
        """Return the branch that HEAD names."""
        return self.run("symbolic-ref", "--short", "HEAD", check=False).stdout.strip() or "main"

    def valid_ref(self, name: str) -> bool:
        """Whether a ref may be called that."""
        return name.startswith("refs/") and self.run("check-ref-format", name, check=False).returncode == 0

    def set_ref(self, name: str, sha: str, *, old: str | None = None) -> None:
        """Point a ref at an object; with ``old`` only if it is there now (NOTHING: only if there is none).

        Raises Conflict when it is elsewhere, or when a checkout's changes are in the way.
        """
        before = self.ref(name)
        moves_checkout = self.checkout is not None and before is not None and name == f"refs/heads/{self.head_branch()}"
        if moves_checkout and before is not None:
            env = {"GIT_WORK_TREE": str(self.checkout)}
            self.run("update-index", "-q", "--refresh", check=False, env=env, cwd=self.checkout)
            done = self.run("read-tree", "-m", "-u", before, sha, check=False, env=env, cwd=self.checkout)
            if done.returncode != 0:
                raise Conflict(f"Changes in the checkout {self.checkout} are in the way: {done.stderr.strip()}")
        done = self.run("update-ref", name, sha, *([old] if old is not None else []), check=False)
        if done.returncode != 0:
            raise Conflict(done.stderr.strip())

    def delete_ref(self, name: str) -> None:
        """Remove a ref."""
        self.run("update-ref", "-d", name)

    # objects

    def kind(self, sha: str) -> str | None:
        """Return commit, tree, blob or tag; None for what is not there."""
        found = self.run("cat-file", "-t", "--", sha, check=False) if _is_sha(sha) else None
        return found.stdout.strip() if found is not None and found.returncode == 0 else None

    def resolve(self, name: str) -> str | None:
        """Return the commit that a branch, a tag, a ref or a (shortened) sha names."""
        if not _is_plain(name):
            return None
        tries = [name] if name.startswith("refs/") else [f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}"]
        if name == "HEAD" or (len(name) >= 4 and set(name) <= set("0123456789abcdef")):  # noqa: PLR2004 - as git does
            tries.append(name)
        for rev in tries:
            found = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}", check=False)
            if found.returncode == 0:
                return found.stdout.strip()
        return None

    def commits(self, *revisions: str, limit: int | None = None, path: str | None = None) -> list[Commit]:
        """Return the commits that ``revisions`` (as git log has them) name, newest first."""
        words = ["log", f"--format={_FIELDS}", *([f"-{limit}"] if limit else []), *revisions, "--"]
        listed = self.run(*words, *([f":(top,literal){path}"] if path else [])).stdout
        return [_commit(text.lstrip("\n")) for text in listed.split("\x1e") if text.strip()]

    def commit(self, sha: str) -> Commit:
        """Return one commit."""
        return self.commits(sha, limit=1)[0]

    def tree(self, rev: str, *, recursive: bool = False) -> list[Entry]:
        """Return the entries of the tree of a commit or a tree."""
        listed = self.run("ls-tree", "-l", "-z", *(["-r", "-t"] if recursive else []), rev).stdout
        entries = []
        for line in filter(None, listed.split("\0")):
            facts, _, path = line.partition("\t")
            mode, kind, sha, size = facts.split()
            entries.append(Entry(mode, kind, sha, None if size == "-" else int(size), path))
        return entries

    def entry(self, rev: str, path: str) -> Entry | None:
        """Return the entry of one path, None when there is none."""
        parent, _, name = path.rpartition("/")
        if parent and (found := self.entry(rev, parent)) is None:
            return None
        tree = found.sha if parent and found is not None else rev
        if parent and found is not None and found.type != "tree":
            return None
        return next((entry for entry in self.tree(tree) if entry.path == name), None)

    def blob(self, sha: str) -> bytes:
        """Return the content of a blob."""
        with tempfile.TemporaryDirectory() as folder:  # a file, for a pipe would be read as text
            self.run("unpack-file", sha, cwd=Path(folder))
            return next(Path(folder).iterdir()).read_bytes()

    def write_blob(self, content: bytes) -> str:
        """Store a blob and return its sha."""
        return self.run("hash-object", "-w", "--stdin", stdin=content).stdout.strip()

    def write_tree(self, base: str | None, changes: Sequence[tuple[str, str | None, str]]) -> str:
        """Store a tree: that of ``base`` with (mode, sha or None to remove, path) laid over it."""
        with tempfile.TemporaryDirectory() as folder:
            env = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self.run("read-tree", base or EMPTY_TREE if base else "--empty", env=env)
            for mode, sha, path in changes:
                if mode == "040000" and sha is not None:
                    self.run("read-tree", f"--prefix={path}/", sha, env=env)
            lines = [f"{mode} {sha}\t{path}\0" for mode, sha, path in changes if sha is not None and mode != "040000"]
            lines += [f"0 {NOTHING}\t{path}\0" for _, sha, path in changes if sha is None]
            self.run("update-index", "-z", "--index-info", stdin="".join(lines), env=env)
            return self.run("write-tree", env=env).stdout.strip()

    def write_commit(self, tree: str, parents: Sequence[str], message: str, author: Person, committer: Person) -> str:
        """Store a commit and return its sha."""
        words = [word for parent in parents for word in ("-p", parent)]
        made = self.run("commit-tree", tree, *words, stdin=message, env=_people(author, committer))
        return made.stdout.strip()

    def write_tag(self, name: str, target: str, kind: str, message: str, tagger: Person) -> str:
        """Store a tag object and return its sha."""
        who = f"{tagger.name} <{tagger.email}> {tagger.seconds} +0000"
        text = f"object {target}\ntype {kind}\ntag {name}\ntagger {who}\n\n{message}"
        return self.run("mktag", stdin=text if text.endswith("\n") else f"{text}\n").stdout.strip()

    # history

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor."""
        found = self.run("merge-base", one, other, check=False)
        return found.stdout.strip() or None

    def is_ancestor(self, one: str, other: str) -> bool:
        """Whether ``other`` contains ``one``."""
        return self.run("merge-base", "--is-ancestor", one, other, check=False).returncode == 0

    def fetch(self, other: Path, ref: str, to: str) -> None:
        """Bring a ref of another repository here."""
        self.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", other, f"+{ref}:{to}")

    def merged_tree(self, base: str, head: str) -> str | None:
        """Return the tree of ``head`` merged into ``base``, None when they conflict. Needs git 2.38."""
        done = self.run("merge-tree", "--write-tree", base, head, check=False)
        if done.returncode > 1:
            raise ConfigurationError(
                f"git could not merge: {done.stderr.strip()}", hint="The simulator needs git 2.38 or later."
            )
        return done.stdout.splitlines()[0] if done.returncode == 0 else None

    def rebased(self, base: str, head: str, committer: Person) -> str:
        """Return the last of the commits of ``head`` laid one by one on ``base``. Raises Conflict."""
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "rebase"
            self.run("worktree", "add", "--quiet", "--detach", place, base)
            env = {**_people(None, committer), "GIT_DIR": str(place / ".git")}
            try:
                done = self.run("cherry-pick", "--allow-empty", f"{base}..{head}", check=False, env=env, cwd=place)
                if done.returncode != 0:
                    raise Conflict("Rebasing meets a conflict.")
                return self.run("rev-parse", "HEAD", env=env, cwd=place).stdout.strip()
            finally:
                self.run("worktree", "remove", "--force", place, check=False)


def _people(author: Person | None, committer: Person) -> dict[str, str]:
    who = {"COMMITTER": committer, **({"AUTHOR": author} if author else {})}
    return {
        f"GIT_{role}_{what}": value
        for role, person in who.items()
        for what, value in (("NAME", person.name), ("EMAIL", person.email), ("DATE", f"@{person.seconds} +0000"))
    }


def _commit(text: str) -> Commit:
    sha, tree, parents, name, email, at, c_name, c_email, c_at, message = text.split("\0", 9)
    author, committer = Person(name, email, int(at)), Person(c_name, c_email, int(c_at))
    return Commit(sha, tree, tuple(parents.split()), author, committer, message.rstrip("\n"))


def _is_plain(name: str) -> bool:
    """Whether it is a name, and no expression such as ``main~1`` that git would read as one."""
    return bool(name) and not set(name) & set("~^:?*[\\ {\n\0") and ".." not in name


def _is_sha(text: str) -> bool:
    return 4 <= len(text) <= 40 and set(text) <= set("0123456789abcdef")  # noqa: PLR2004 - git's own bounds
