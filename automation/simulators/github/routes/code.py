"""Branches, commits, comparisons and contents."""

from __future__ import annotations

import base64

from automation.simulators.github import deeds, diff
from automation.simulators.github.answers import Answer, not_found, unprocessable
from automation.simulators.github.git import EMPTY_TREE, Commit
from automation.simulators.github.routing import Context, Routes
from automation.simulators.github.shapes import code, talk
from automation.simulators.github.shapes.show import Json

routes = Routes()
READ = "contents:read"
COMMIT = "/repos/{owner}/{repo}/commits/{ref:path}"
_LARGE = 1_000_000  # bytes; larger files come without their content, docs.github.com/rest/repos/contents
_MOST_FILES = 300


@routes("GET", "/repos/{owner}/{repo}/branches", needs=READ)
def branches(it: Context) -> Answer:
    """List the branches, by name."""
    refs = it.world.git(it.repo).refs("refs/heads/")
    return it.call.page([code.branch(it.show, it.repo, name[11:], sha) for name, (sha, _) in refs.items()])


@routes("GET", "/repos/{owner}/{repo}/branches/{branch:path}", needs=READ)
def branch(it: Context) -> Answer:
    """One branch, with its commit."""
    name, git = it.call.words["branch"], it.world.git(it.repo)
    sha = git.branch(name)
    if sha is None:
        raise _no("Branch not found")
    return Answer(code.branch(it.show, it.repo, name, sha, code.commit(it.show, it.repo, git.commit(sha))))


@routes("GET", "/repos/{owner}/{repo}/tags", needs=READ)
def tags(it: Context) -> Answer:
    """List the tags, newest name first."""
    url, page, git = it.show.repository(it.repo), it.show.page(it.repo), it.world.git(it.repo)
    shapes = []
    for name in reversed(git.refs("refs/tags/")):
        sha, short = git.resolve(name), name.removeprefix("refs/tags/")
        shapes.append(
            {
                "name": short,
                "zipball_url": f"{page}/zipball/{name}",
                "tarball_url": f"{page}/tarball/{name}",
                "commit": {"sha": sha, "url": f"{url}/commits/{sha}"},
                "node_id": f"REF_{short}",
            }
        )
    return it.call.page(shapes)


@routes("GET", "/repos/{owner}/{repo}/commits", needs=READ)
def commits(it: Context) -> Answer:
    """List the commits of a branch (``sha``), newest first, of one ``path`` or ``author`` if that is asked for."""
    query, git = it.call.query, it.world.git(it.repo)
    name = query.get("sha") or it.repo.default_branch
    sha = git.resolve(name)
    if sha is None:
        raise _no("Not Found") if query.get("sha") else _empty()
    words = [f"--{word}={query[word]}" for word in ("since", "until", "author") if query.get(word)]
    found = git.commits(*words, sha, path=query.get("path"))
    return it.call.page([code.commit(it.show, it.repo, commit) for commit in found])


@routes("GET", f"{COMMIT}/pulls", needs="pull_requests:read")
def pulls_of(it: Context) -> Answer:
    """List the pull requests that brought a commit, or hold it still open."""
    deeds.follow(it.world, it.repo)
    git = it.world.git(it.repo)
    sha = git.resolve(it.call.words["ref"])
    if sha is None:
        raise unprocessable(f"No commit found for SHA: {it.call.words['ref']}")
    merged: list[Json] = []
    still_open: list[Json] = []
    for issue in it.repo.issues:
        pull = issue.pull
        if pull is None or (issue.state == "closed" and not pull.merged):
            continue
        inside = git.is_ancestor(sha, pull.head_sha) and not git.is_ancestor(sha, pull.base_sha)
        if inside or (pull.merged and sha in _brought(it, pull.base_sha, pull.merge_commit_sha)):
            (merged if pull.merged else still_open).append(talk.pull(it.show, it.repo, issue))
    return it.call.page(merged or still_open)


@routes("GET", f"{COMMIT}/branches-where-head", needs=READ)
def branches_at(it: Context) -> Answer:
    """List the branches whose head a commit is."""
    sha = it.call.words["ref"]
    refs = it.world.git(it.repo).refs("refs/heads/")
    return Answer([code.branch(it.show, it.repo, name[11:], at) for name, (at, _) in refs.items() if at == sha])


@routes("GET", f"{COMMIT}/comments", needs=READ)
def commit_comments(it: Context) -> Answer:
    """Comments on commits: there are none here."""
    _commit(it)
    return it.call.page([])


@routes("GET", COMMIT, needs=READ)
def commit(it: Context) -> Answer:
    """One commit with its files; its sha alone or its diff when the Accept header asks for that."""
    deeds.follow(it.world, it.repo)
    found, accept = _commit(it), it.call.headers.get("accept", "")
    if accept.endswith("sha"):
        return Answer(found.sha.encode(), headers={"Content-Type": "application/vnd.github.sha; charset=utf-8"})
    git, old = it.world.git(it.repo), found.parents[0] if found.parents else EMPTY_TREE
    if accept.endswith("diff"):
        text = git.run("diff", "-M", old, found.sha).stdout
        return Answer(text.encode(), headers={"Content-Type": "application/vnd.github.diff; charset=utf-8"})
    return Answer(code.commit(it.show, it.repo, found, diff.files(git, old, found.sha)))


@routes("GET", "/repos/{owner}/{repo}/compare/{span:path}", needs=READ)
def compare(it: Context) -> Answer:
    """Tell what ``head`` has that ``base`` has not: ``base...head``."""
    git = it.world.git(it.repo)
    one, _, other = it.call.words["span"].partition("...")
    base, head = git.resolve(one.rpartition(":")[2]), git.resolve(other.rpartition(":")[2])
    start = git.merge_base(base, head) if base and head else None
    if base is None or head is None or start is None:
        raise _no("Not Found")
    behind, ahead = git.run("rev-list", "--left-right", "--count", f"{base}...{head}").stdout.split()
    status = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}
    if "diff" in it.call.headers.get("accept", ""):
        text = git.run("diff", "-M", start, head).stdout
        return Answer(text.encode(), headers={"Content-Type": "application/vnd.github.diff; charset=utf-8"})
    found = git.commits("--reverse", head, f"^{base}")
    page = it.call.page([code.commit(it.show, it.repo, commit) for commit in found])
    first = it.call.query.get("page", "1") == "1"
    files = [code.changed_file(it.show, it.repo, head, change) for change in diff.files(git, start, head)]
    url, html, span = it.show.repository(it.repo), it.show.page(it.repo), it.call.words["span"]
    body = {
        "url": f"{url}/compare/{span}",
        "html_url": f"{html}/compare/{span}",
        "permalink_url": f"{html}/compare/{base[:7]}...{head[:7]}",
        "diff_url": f"{html}/compare/{span}.diff",
        "patch_url": f"{html}/compare/{span}.patch",
        "base_commit": code.commit(it.show, it.repo, git.commit(base)),
        "merge_base_commit": code.commit(it.show, it.repo, git.commit(start)),
        "status": status.get((ahead != "0", behind != "0"), "diverged"),
        "ahead_by": int(ahead),
        "behind_by": int(behind),
        "total_commits": int(ahead),
        "commits": page.body,
        "files": files[:_MOST_FILES] if first else [],
    }
    return Answer(body, headers=page.headers)


@routes("GET", "/repos/{owner}/{repo}/contents", needs=READ)
@routes("GET", "/repos/{owner}/{repo}/contents/{path:path}", needs=READ)
def contents(it: Context) -> Answer:
    """Show a file with its content, or what is in a folder."""
    git, name = it.world.git(it.repo), it.call.query.get("ref") or it.repo.default_branch
    sha = git.resolve(name)
    if sha is None:
        raise _no(f"No commit found for the ref {name}")
    path = it.call.words.get("path", "").strip("/")
    entry = git.entry(sha, path) if path else None
    if path and entry is None:
        raise not_found()
    if entry is None or entry.type == "tree":
        listed = git.tree(entry.sha if entry else sha)
        prefix = f"{path}/" if path else ""
        return Answer([code.content(it.show, it.repo, prefix + child.path, name, child) for child in listed])
    shape = code.content(it.show, it.repo, path, name, entry)
    if entry.type == "commit":
        return Answer(shape)
    blob = git.blob(entry.sha)
    if "raw" in it.call.headers.get("accept", ""):
        return Answer(blob, headers={"Content-Type": "application/vnd.github.raw; charset=utf-8"})
    small = len(blob) <= _LARGE
    content = base64.encodebytes(blob).decode() if small else ""
    return Answer(shape | {"content": content, "encoding": "base64" if small else "none"})


def _commit(it: Context) -> Commit:
    git = it.world.git(it.repo)
    sha = git.resolve(it.call.words["ref"])
    if sha is None:
        raise unprocessable(f"No commit found for SHA: {it.call.words['ref']}")
    return git.commit(sha)


def _brought(it: Context, base: str, merge: str | None) -> set[str]:
    """Return the commits that merging added to the base."""
    git = it.world.git(it.repo)
    return {commit.sha for commit in git.commits(merge, f"^{base}")} if merge else set()


def _no(message: str) -> Exception:
    error = not_found()
    error.body["message"] = message
    return error


def _empty() -> Exception:
    error = not_found()
    error.status, error.body["status"], error.body["message"] = 409, "409", "Git Repository is empty."
    return error
