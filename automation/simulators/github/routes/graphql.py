"""The part of GraphQL that has no REST: collapsing a comment and opening it again, and reading whether it is so.

A document is read as far as that takes: its first operation's one field, the input it is given, and which fields
are wanted back. Anything else is answered as an unknown request.
"""

from __future__ import annotations

import json
import re
from typing import Any

from automation.simulators.github import gate
from automation.simulators.github.answers import Answer, ApiError
from automation.simulators.github.model import Comment, Repository
from automation.simulators.github.routing import Context, Routes
from automation.simulators.github.shapes.show import Json, node_id

routes = Routes()
CLASSIFIERS = ("ABUSE", "DUPLICATE", "LOW_QUALITY", "OFF_TOPIC", "OUTDATED", "RESOLVED", "SPAM")
_FIELD = re.compile(r"^\s*(?:(query|mutation)\b[^{]*)?\{\s*(?:\w+\s*:\s*)?(\w+)\s*(?:\(([^)]*)\))?", re.DOTALL)
_LITERAL = re.compile(r'(\w+)\s*:\s*("(?:[^"\\]|\\.)*"|\w+)')


@routes("POST", "/graphql")
def graphql(it: Context) -> Answer:
    """Carry out one query or mutation."""
    fields = it.call.fields()
    query, variables = fields.get("query"), fields.get("variables") or {}
    matched = _FIELD.match(query) if isinstance(query, str) else None
    if matched is None:
        return _errors("A query attribute must be specified and must be a string.", None)
    name, given = matched.group(2), matched.group(3) or ""
    if name in {"minimizeComment", "unminimizeComment"}:
        return _minimize(it, name, _input(given, variables))
    if name == "node":
        return _node(it, str(variables.get("id") or _literals(given).get("id", "")))
    if name == "viewer":
        return Answer({"data": {"viewer": {"login": it.login}}})
    it.world.store.state.unknown.append(f"POST /graphql {name}")
    raise ApiError(501, f"The GitHub simulator does not know the GraphQL field {name!r}.")


def _minimize(it: Context, name: str, sent: Json) -> Answer:
    repository, comment = _find(it, str(sent.get("subjectId", "")))
    if comment is None or repository is None:
        text = f"Could not resolve to a node with the global id of '{sent.get('subjectId')}'"
        return _errors(text, "NOT_FOUND", name)
    if not _allowed(it, repository, comment):
        return _errors("Resource not accessible by integration", "FORBIDDEN", name)
    if name == "minimizeComment":
        if sent.get("classifier") not in CLASSIFIERS:
            return _errors(f"Argument 'classifier' has an invalid value ({sent.get('classifier')}).", None, name)
        comment.minimized = str(sent["classifier"])
        return Answer({"data": {name: {"minimizedComment": _shape(comment), "clientMutationId": None}}})
    comment.minimized = None
    return Answer({"data": {name: {"unminimizedComment": _shape(comment), "clientMutationId": None}}})


def _node(it: Context, wanted: str) -> Answer:
    repository, comment = _find(it, wanted)
    if comment is None or repository is None:
        return _errors(f"Could not resolve to a node with the global id of '{wanted}'", "NOT_FOUND", "node")
    return Answer({"data": {"node": {"__typename": "IssueComment", **_shape(comment)}}})


def _shape(comment: Comment) -> Json:
    reason = comment.minimized
    return {
        "id": node_id("IC", comment.id),
        "databaseId": comment.id,
        "body": comment.body,
        "isMinimized": reason is not None,
        "minimizedReason": reason.lower().replace("_", "-") if reason else None,
    }


def _allowed(it: Context, repository: Repository, comment: Comment) -> bool:
    token = it.token
    if token is not None and token.permissions is not None:
        of_pull = it.world.issue(repository, comment.issue).pull is not None
        wanted = ("pull_requests", "issues") if of_pull else ("issues",)
        return any(token.permissions.get(name) == "write" for name in wanted)
    it.role = it.world.role(repository, it.login)
    return gate.may_push(it) or comment.login == it.login


def _find(it: Context, wanted: str) -> tuple[Repository | None, Comment | None]:
    token = it.token
    for repository in it.world.store.state.repositories:
        if token is not None and token.repositories is not None and repository.full_name not in token.repositories:
            continue
        for comment in repository.comments:
            if node_id("IC", comment.id) == wanted:
                return repository, comment
    return None, None


def _input(given: str, variables: Json) -> Json:
    """Return the input object: a variable as a whole, or written out with literals and variables."""
    whole = re.fullmatch(r"\s*input\s*:\s*\$(\w+)\s*", given)
    if whole is not None:
        sent = variables.get(whole.group(1))
        return sent if isinstance(sent, dict) else {}
    named = {name: variables.get(word) for name, word in re.findall(r"(\w+)\s*:\s*\$(\w+)", given)}
    return {**_literals(given), **named}


def _literals(given: str) -> dict[str, Any]:
    return {name: json.loads(text) if text.startswith('"') else text for name, text in _LITERAL.findall(given)}


def _errors(message: str, kind: str | None, path: str | None = None) -> Answer:
    error: Json = {"message": message}
    if kind is not None:
        error = {"type": kind, "path": [path], "locations": [{"line": 1, "column": 1}], **error}
    return Answer({"data": {path: None} if path else None, "errors": [error]})
