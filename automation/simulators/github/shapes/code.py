"""Commits, branches, refs, trees and changed files."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from automation.simulators.github.diff import FileChange
from automation.simulators.github.git import Commit, Entry, Person
from automation.simulators.github.model import Repository
from automation.simulators.github.shapes import people
from automation.simulators.github.shapes.show import Json, Show, node_id

_UNSIGNED: Json = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def git_commit(show: Show, of: Repository, commit: Commit) -> Json:
    """Return a commit as the Git data API has it."""
    url, page = show.repository(of), show.page(of)
    return {
        "sha": commit.sha,
        "node_id": node_id("C", commit.sha),
        "url": f"{url}/git/commits/{commit.sha}",
        "html_url": f"{page}/commit/{commit.sha}",
        "author": people.person(commit.author),
        "committer": people.person(commit.committer),
        "tree": {"sha": commit.tree, "url": f"{url}/git/trees/{commit.tree}"},
        "message": commit.message,
        "parents": [
            {"sha": sha, "url": f"{url}/git/commits/{sha}", "html_url": f"{page}/commit/{sha}"}
            for sha in commit.parents
        ],
        "verification": _UNSIGNED,
    }


def commit(show: Show, of: Repository, it: Commit, changes: Sequence[FileChange] | None = None) -> Json:
    """Return a commit of a repository, with its files when ``changes`` is given."""
    url, page = show.repository(of), show.page(of)
    whole = git_commit(show, of, it)
    shape: Json = {
        "sha": it.sha,
        "node_id": whole["node_id"],
        "commit": {
            **{name: whole[name] for name in ("author", "committer", "message", "tree")},
            "url": whole["url"],
            "comment_count": 0,
            "verification": _UNSIGNED,
        },
        "url": f"{url}/commits/{it.sha}",
        "html_url": f"{page}/commit/{it.sha}",
        "comments_url": f"{url}/commits/{it.sha}/comments",
        "author": _account(show, it.author),
        "committer": _account(show, it.committer),
        "parents": [
            {"sha": sha, "url": f"{url}/commits/{sha}", "html_url": f"{page}/commit/{sha}"} for sha in it.parents
        ],
    }
    if changes is not None:
        added, removed = sum(change.additions for change in changes), sum(change.deletions for change in changes)
        shape["stats"] = {"total": added + removed, "additions": added, "deletions": removed}
        shape["files"] = [changed_file(show, of, it.sha, change) for change in changes]
    return shape


def changed_file(show: Show, of: Repository, sha: str, change: FileChange) -> Json:
    """Return a changed file of a commit, a comparison or a pull request."""
    url, page, path = show.repository(of), show.page(of), quote(change.path)
    shape: Json = {
        "sha": change.sha,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{page}/blob/{sha}/{path}",
        "raw_url": f"{page}/raw/{sha}/{path}",
        "contents_url": f"{url}/contents/{path}?ref={sha}",
    }
    if change.patch is not None:
        shape["patch"] = change.patch
    if change.previous is not None:
        shape["previous_filename"] = change.previous
    return shape


def branch(show: Show, of: Repository, name: str, sha: str, whole: Json | None = None) -> Json:
    """Return a branch; ``whole`` is its commit in the long form."""
    url = show.repository(of)
    shape: Json = {
        "name": name,
        "commit": whole or {"sha": sha, "url": f"{url}/commits/{sha}"},
        "protected": False,
        "protection": {"enabled": False, "required_status_checks": {"enforcement_level": "off", "contexts": []}},
        "protection_url": f"{url}/branches/{quote(name, safe='')}/protection",
    }
    if whole is not None:
        shape["_links"] = {"self": f"{url}/branches/{quote(name)}", "html": f"{show.page(of)}/tree/{quote(name)}"}
    return shape


def ref(show: Show, of: Repository, name: str, sha: str, kind: str) -> Json:
    """Return a ref and the object it points at."""
    url = show.repository(of)
    return {
        "ref": name,
        "node_id": node_id("REF", f"{of.id}:{name}"),
        "url": f"{url}/git/{quote(name)}",
        "object": {"sha": sha, "type": kind, "url": f"{url}/git/{kind}s/{sha}"},
    }


def tag(show: Show, of: Repository, sha: str, fields: Json, tagger: Person) -> Json:
    """Return an annotated tag."""
    url = show.repository(of)
    target = {"sha": fields["object"], "type": fields["type"], "url": f"{url}/git/{fields['type']}s/{fields['object']}"}
    return {
        "node_id": node_id("TA", sha),
        "sha": sha,
        "url": f"{url}/git/tags/{sha}",
        "tag": fields["tag"],
        "message": fields["message"],
        "tagger": people.person(tagger),
        "object": target,
        "verification": _UNSIGNED,
    }


def tree(show: Show, of: Repository, sha: str, entries: Sequence[Entry]) -> Json:
    """Return a tree."""
    url = show.repository(of)

    def item(entry: Entry) -> Json:
        shape: Json = {"path": entry.path, "mode": entry.mode, "type": entry.type, "sha": entry.sha}
        if entry.size is not None:
            shape["size"] = entry.size
        if entry.type != "commit":
            shape["url"] = f"{url}/git/{entry.type}s/{entry.sha}"
        return shape

    return {"sha": sha, "url": f"{url}/git/trees/{sha}", "tree": [item(entry) for entry in entries], "truncated": False}


def content(show: Show, of: Repository, path: str, name: str, entry: Entry) -> Json:
    """Return what is known of a file or a folder without reading it."""
    kind = {"tree": "dir", "commit": "submodule"}.get(entry.type, "symlink" if entry.mode == "120000" else "file")
    url, page = show.repository(of), show.page(of)
    here = f"{url}/contents/{quote(path)}?ref={quote(name)}"
    git_url = f"{url}/git/{'trees' if kind == 'dir' else 'blobs'}/{entry.sha}"
    html = f"{page}/{'tree' if kind == 'dir' else 'blob'}/{quote(name)}/{quote(path)}"
    return {
        "type": kind,
        "size": entry.size or 0,
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": entry.sha,
        "url": here,
        "git_url": git_url,
        "html_url": html,
        "download_url": f"{page}/raw/{quote(name)}/{quote(path)}" if kind != "dir" else None,
        "_links": {"self": here, "git": git_url, "html": html},
    }


def _account(show: Show, who: Person) -> Json | None:
    """Return the account whose address a commit bears, as GitHub matches it."""
    login = who.email.removesuffix("@users.noreply.github.com").partition("+")[2]
    known = show.store.user(login or who.name)
    return people.user(show, known.login) if known is not None else None
