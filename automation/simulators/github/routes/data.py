"""The Git data API: refs, commits, tags, trees and blobs. Making a ref is atomic, so that it can be a lock."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from automation.simulators.github import deeds
from automation.simulators.github.answers import Answer, ApiError, not_found, unprocessable
from automation.simulators.github.git import EMPTY_TREE, NOTHING, Conflict, Git, Person
from automation.simulators.github.routing import Context, Routes
from automation.simulators.github.shapes import code
from automation.simulators.github.store import iso, seconds_of

routes = Routes()
READ, WRITE = "contents:read", "contents:write"
DATA = "/repos/{owner}/{repo}/git"
_MODES = {"100644", "100755", "040000", "160000", "120000"}


def _ref(it: Context, name: str) -> Answer:
    sha, kind = it.world.git(it.repo).refs(name)[name]
    return Answer(code.ref(it.show, it.repo, name, sha, kind))


@routes("GET", f"{DATA}/ref/{{ref:path}}", needs=READ)
def ref(it: Context) -> Answer:
    """One ref."""
    deeds.follow(it.world, it.repo)
    name = f"refs/{it.call.words['ref']}"
    if name not in it.world.git(it.repo).refs(name):
        raise not_found()
    return _ref(it, name)


@routes("GET", f"{DATA}/matching-refs/{{ref:path}}", needs=READ)
@routes("GET", f"{DATA}/refs", needs=READ)
def matching(it: Context) -> Answer:
    """List the refs that start with what is given."""
    found = it.world.git(it.repo).refs(f"refs/{it.call.words.get('ref', '')}")
    return it.call.page([code.ref(it.show, it.repo, name, sha, kind) for name, (sha, kind) in found.items()])


@routes("POST", f"{DATA}/refs", needs=WRITE)
def create_ref(it: Context) -> Answer:
    """Make a ref; 422 when there is one of that name."""
    name, sha, git = it.call.needed("ref", "Reference"), it.call.needed("sha", "Reference"), it.world.git(it.repo)
    if name.count("/") < 2 or not git.valid_ref(name):  # noqa: PLR2004 - refs/KIND/NAME
        raise unprocessable("Reference name is not valid. It must start with 'refs' and have at least two slashes.")
    if name.startswith("refs/pull/"):
        raise unprocessable("Reference update failed: refs/pull is reserved")
    if git.kind(sha) is None:
        raise unprocessable("Object does not exist")
    if name.startswith("refs/heads/") and git.kind(sha) != "commit":
        raise unprocessable("Object is not a commit")
    try:
        git.set_ref(name, sha, old=NOTHING)
    except Conflict as error:
        told = "Reference already exists" if git.ref(name) else f"Reference update failed: {error}"
        raise unprocessable(told) from error
    deeds.moved(it.world, it.repo, name, None, sha, login=it.login, token=it.token)
    answer = _ref(it, name)
    return Answer(answer.body, 201, {"Location": answer.body["url"]})


@routes("PATCH", f"{DATA}/refs/{{ref:path}}", needs=WRITE)
def update_ref(it: Context) -> Answer:
    """Move a ref: forward only, if not ``force``."""
    name, git = f"refs/{it.call.words['ref']}", it.world.git(it.repo)
    sha, before = it.call.needed("sha", "Reference"), git.ref(name)
    if before is None:
        raise unprocessable("Reference does not exist")
    if git.kind(sha) is None:
        raise unprocessable("Object does not exist")
    force = it.call.fields().get("force") is True
    both = git.kind(before) == git.kind(sha) == "commit"
    if not force and not (both and git.is_ancestor(before, sha)):
        raise unprocessable("Update is not a fast forward")
    try:
        git.set_ref(name, sha, old=before)
    except Conflict as error:
        raise unprocessable(f"Reference update failed: {error}") from error
    deeds.moved(it.world, it.repo, name, before, sha, login=it.login, token=it.token)
    return _ref(it, name)


@routes("DELETE", f"{DATA}/refs/{{ref:path}}", needs=WRITE)
def delete_ref(it: Context) -> Answer:
    """Remove a ref."""
    name, git = f"refs/{it.call.words['ref']}", it.world.git(it.repo)
    before = git.ref(name)
    if before is None:
        raise unprocessable("Reference does not exist")
    git.delete_ref(name)
    deeds.moved(it.world, it.repo, name, before, None, login=it.login, token=it.token)
    return Answer(status=204)


@routes("GET", f"{DATA}/commits/{{sha}}", needs=READ)
def commit(it: Context) -> Answer:
    """Show a commit."""
    sha = _object(it, "commit")
    return Answer(code.git_commit(it.show, it.repo, it.world.git(it.repo).commit(sha)))


@routes("POST", f"{DATA}/commits", needs=WRITE)
def create_commit(it: Context) -> Answer:
    """Store a commit."""
    git, fields = it.world.git(it.repo), it.call.fields()
    message, tree = it.call.needed("message", "Commit"), it.call.needed("tree", "Commit")
    parents = [str(sha) for sha in fields.get("parents", [])]
    if git.kind(tree) != "tree":
        raise unprocessable("Tree SHA does not exist")
    for parent in parents:
        if git.kind(parent) != "commit":
            raise unprocessable("Parent SHA does not exist or is not a commit object")
    author = _person(it, fields.get("author"))
    committer = _person(it, fields["committer"]) if "committer" in fields else author
    sha = git.write_commit(tree, parents, message, author, committer)
    shape = code.git_commit(it.show, it.repo, git.commit(sha))
    return Answer(shape, 201, {"Location": shape["url"]})


@routes("GET", f"{DATA}/tags/{{sha}}", needs=READ)
def tag(it: Context) -> Answer:
    """Show an annotated tag."""
    sha = _object(it, "tag")
    text = it.world.git(it.repo).run("cat-file", "tag", sha).stdout
    head, _, message = text.partition("\n\n")
    facts = dict(line.split(" ", 1) for line in head.splitlines())
    who, _, rest = facts["tagger"].rpartition("> ")
    name, _, email = who.partition(" <")
    tagger = Person(name, email, int(rest.split()[0]))
    return Answer(code.tag(it.show, it.repo, sha, {**facts, "message": message.rstrip("\n")}, tagger))


@routes("POST", f"{DATA}/tags", needs=WRITE)
def create_tag(it: Context) -> Answer:
    """Store an annotated tag; a ref to it is made apart."""
    git = it.world.git(it.repo)
    name, target, kind = (it.call.needed(field, "Tag") for field in ("tag", "object", "type"))
    message, tagger = it.call.needed("message", "Tag"), _person(it, it.call.fields().get("tagger"))
    if git.kind(target) != kind:
        raise unprocessable("Object does not exist or is of another type")
    sha = git.write_tag(name, target, kind, message, tagger)
    facts = {"object": target, "type": kind, "tag": name, "message": message}
    return Answer(code.tag(it.show, it.repo, sha, facts, tagger), 201)


@routes("GET", f"{DATA}/trees/{{sha:path}}", needs=READ)
def tree(it: Context) -> Answer:
    """Show a tree: that of a commit, a branch, or itself."""
    git, name = it.world.git(it.repo), it.call.words["sha"]
    sha = name if name == EMPTY_TREE or git.kind(name) == "tree" else git.resolve(name)
    if sha is None:
        raise not_found()
    whole = git.run("rev-parse", f"{sha}^{{tree}}").stdout.strip()
    entries = git.tree(whole, recursive=it.call.query.get("recursive", "") not in {"", "0", "false"})
    return Answer(code.tree(it.show, it.repo, whole, entries))


@routes("POST", f"{DATA}/trees", needs=WRITE)
def create_tree(it: Context) -> Answer:
    """Store a tree, laid over ``base_tree`` where that is given."""
    git, fields = it.world.git(it.repo), it.call.fields()
    base = it.call.text("base_tree", "Tree")
    if base is not None and git.kind(base) not in {"tree", "commit"}:
        raise unprocessable("base_tree is not a valid tree oid")
    changes = [_change(git, entry) for entry in fields.get("tree", [])]
    if not changes:
        raise unprocessable("Invalid tree info")
    sha = git.write_tree(base, changes)
    return Answer(code.tree(it.show, it.repo, sha, git.tree(sha)), 201)


@routes("GET", f"{DATA}/blobs/{{sha}}", needs=READ)
def blob(it: Context) -> Answer:
    """Show a blob, in base64."""
    sha = _object(it, "blob")
    content = it.world.git(it.repo).blob(sha)
    return Answer(
        {
            "sha": sha,
            "node_id": f"B_{sha}",
            "size": len(content),
            "url": f"{it.show.repository(it.repo)}/git/blobs/{sha}",
            "content": base64.encodebytes(content).decode(),
            "encoding": "base64",
        }
    )


@routes("POST", f"{DATA}/blobs", needs=WRITE)
def create_blob(it: Context) -> Answer:
    """Store a blob, sent as utf-8 or in base64."""
    text, encoding = it.call.text("content", "Blob"), it.call.text("encoding", "Blob") or "utf-8"
    if text is None:
        raise ApiError(422, 'Invalid request.\n\n"content" wasn\'t supplied.')
    try:
        content = base64.b64decode(text) if encoding == "base64" else text.encode()
    except binascii.Error as error:
        raise unprocessable("content is not valid Base64") from error
    sha = it.world.git(it.repo).write_blob(content)
    return Answer({"sha": sha, "url": f"{it.show.repository(it.repo)}/git/blobs/{sha}"}, 201)


def _object(it: Context, kind: str) -> str:
    sha = it.call.words["sha"]
    if it.world.git(it.repo).kind(sha) != kind:
        raise not_found()
    return sha


def _change(git: Git, entry: dict[str, Any]) -> tuple[str, str | None, str]:
    mode, path, sha = str(entry.get("mode")), str(entry.get("path", "")), entry.get("sha")
    if mode not in _MODES or not path or path.startswith("/") or ".." in path.split("/"):
        raise unprocessable("tree.path contains a malformed path component, or tree.mode is invalid")
    if "content" in entry:
        return mode, git.write_blob(str(entry["content"]).encode()), path
    if sha is not None and git.kind(str(sha)) is None:
        raise unprocessable(f"tree.sha {sha} is not a valid object")
    return mode, sha, path


def _person(it: Context, sent: dict[str, Any] | None) -> Person:
    usual = it.world.person(it.world.store.ensure_user(it.login))
    if not sent:
        return usual
    try:
        seconds = seconds_of(sent.get("date") or iso(usual.seconds))
        return Person(str(sent["name"]), str(sent["email"]), seconds)
    except (KeyError, ValueError) as error:
        raise unprocessable("author, committer and tagger need name, email and a date in ISO 8601") from error
