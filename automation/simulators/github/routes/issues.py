"""Issues, comments, reactions, and the labels that issues bear. Pull requests are issues here."""

from __future__ import annotations

from collections.abc import Sequence

from automation.simulators.github import deeds, events, gate
from automation.simulators.github.answers import BODY_LIMIT, Answer, ApiError, invalid, not_found
from automation.simulators.github.model import Comment, Issue, Reaction
from automation.simulators.github.routing import Context, Routes
from automation.simulators.github.shapes import people, talk
from automation.simulators.github.store import seconds_of

routes = Routes()
READ, WRITE = "issues:read|pull_requests:read", "issues:write|pull_requests:write"
ISSUES = "/repos/{owner}/{repo}/issues"
_REASONS = {"completed", "not_planned", "reopened", "duplicate"}


def _issue(it: Context) -> Issue:
    deeds.follow(it.world, it.repo)
    issue = it.world.issue(it.repo, it.call.number("number"))
    # A permission for pull requests reaches no issues, and the other way round.
    granted = it.token.permissions if it.token is not None else None
    wanted = "pull_requests" if issue.pull else "issues"
    if granted is not None and not it.repo.private and it.call.method == "GET":
        return issue
    least = {"GET": ("read", "write", "admin")}.get(it.call.method, ("write", "admin"))
    if granted is not None and granted.get(wanted) not in least and granted.get("issues") not in least:
        accepted = f"issues={least[0]}" + (f"; pull_requests={least[0]}" if issue.pull else "")
        raise ApiError(
            403, "Resource not accessible by integration", headers={"X-Accepted-GitHub-Permissions": accepted}
        )
    return issue


def _comment(it: Context) -> Comment:
    comment = it.world.comment(it.repo, it.call.number("id"))
    it.call.words["number"] = str(comment.issue)
    _issue(it)
    return comment


def _shape(it: Context, comment: Comment) -> dict[str, object]:
    of_pull = it.world.issue(it.repo, comment.issue).pull is not None
    return talk.comment(it.show, it.repo, comment, of_pull=of_pull)


def _since(it: Context, items: Sequence[Issue] | Sequence[Comment]) -> list[Issue | Comment]:
    since = it.call.query.get("since")
    try:
        least = seconds_of(since) if since else 0
    except ValueError as error:
        raise ApiError(422, "Validation Failed", errors=[f"{since!r} is not a time"]) from error
    return [item for item in items if seconds_of(item.updated_at) >= least]


def _body(it: Context, resource: str) -> str | None:
    body = it.call.text("body", resource)
    if body is not None and len(body) > BODY_LIMIT:
        raise invalid(resource, "body", "custom", f"body is too long (maximum is {BODY_LIMIT} characters)")
    return body


@routes("GET", ISSUES, needs="issues:read|pull_requests:read")
def issues(it: Context) -> Answer:
    """List issues and pull requests, newest first."""
    query = it.call.query
    state, creator, assignee = query.get("state", "open"), query.get("creator"), query.get("assignee")
    wanted = {name.lower() for name in query.get("labels", "").split(",") if name}
    found = [
        issue
        for issue in _since(it, it.repo.issues)
        if isinstance(issue, Issue)
        and state in {issue.state, "all"}
        and wanted <= {name.lower() for name in issue.labels}
        and (not creator or issue.login.lower() == creator.lower())
        and (
            not assignee
            or assignee == "*"
            or assignee in issue.assignees
            or (assignee == "none" and not issue.assignees)
        )
    ]
    sort = {"updated": "updated_at", "comments": "number"}.get(query.get("sort", "created"), "created_at")
    found.sort(key=lambda issue: (getattr(issue, sort), issue.number), reverse=query.get("direction", "desc") == "desc")
    return it.call.page([talk.issue(it.show, it.repo, issue) for issue in found])


@routes("POST", ISSUES, needs="issues:write", role="read")
def create(it: Context) -> Answer:
    """Open an issue; labels that don't exist are made."""
    fields = it.call.fields()
    body = _body(it, "Issue")
    title = it.call.needed("title", "Issue", limit=256)
    issue = deeds.new_issue(it.world, it.repo, title, it.login, body)
    if gate.may_push(it):
        issue.labels = it.world.ensure_labels(it.repo, _names(fields.get("labels", [])))
        issue.assignees = [str(login) for login in fields.get("assignees", [])]
    events.of_issue(it.world, "opened", it.repo, issue, login=it.login, token=it.token)
    shape = talk.issue(it.show, it.repo, issue)
    return Answer(shape, 201, {"Location": shape["url"]})


@routes("GET", f"{ISSUES}/comments", needs=READ)
def all_comments(it: Context) -> Answer:
    """List the comments of the whole repository, oldest first; ``direction`` counts with ``sort`` only."""
    found = [comment for comment in _since(it, it.repo.comments) if isinstance(comment, Comment)]
    sort = it.call.query.get("sort")
    if sort in {"created", "updated"}:
        down = it.call.query.get("direction") == "desc"
        found.sort(key=lambda one: (one.created_at if sort == "created" else one.updated_at, one.id), reverse=down)
    return it.call.page([_shape(it, comment) for comment in found])


@routes("GET", ISSUES + "/comments/{id}", needs=READ)
def comment(it: Context) -> Answer:
    """One comment."""
    return Answer(_shape(it, _comment(it)))


@routes("PATCH", ISSUES + "/comments/{id}", needs=WRITE, role="read")
def edit_comment(it: Context) -> Answer:
    """Change a comment."""
    found = _own(it, _comment(it))
    it.call.needed("body", "IssueComment")
    deeds.edit_comment(it.world, it.repo, found, _body(it, "IssueComment") or "", it.login, token=it.token)
    return Answer(_shape(it, found))


@routes("DELETE", ISSUES + "/comments/{id}", needs=WRITE, role="read")
def delete_comment(it: Context) -> Answer:
    """Remove a comment."""
    deeds.delete_comment(it.world, it.repo, _own(it, _comment(it)), it.login, token=it.token)
    return Answer(status=204)


@routes("GET", ISSUES + "/comments/{id}/reactions", needs=READ)
def comment_reactions(it: Context) -> Answer:
    """List the reactions to a comment."""
    return it.call.page([people.reaction(it.show, given) for given in _comment(it).reactions])


@routes("POST", ISSUES + "/comments/{id}/reactions", needs=WRITE, role="read")
def react_to_comment(it: Context) -> Answer:
    """React to a comment."""
    return _react(it, _comment(it).reactions)


@routes("DELETE", ISSUES + "/comments/{id}/reactions/{reaction}", needs=WRITE, role="read")
def unreact_to_comment(it: Context) -> Answer:
    """Take a reaction back."""
    return _unreact(it, _comment(it).reactions)


@routes("GET", ISSUES + "/{number}", needs=READ)
def issue(it: Context) -> Answer:
    """One issue or pull request."""
    return Answer(talk.issue(it.show, it.repo, _issue(it)))


@routes("PATCH", ISSUES + "/{number}", needs=WRITE, role="read")
def edit(it: Context) -> Answer:
    """Change title, text, labels, assignees or state."""
    found, fields = _issue(it), it.call.fields()
    if not gate.may_push(it) and found.login != it.login:
        raise ApiError(403, "Must have admin rights to Repository.")
    title, body, state = it.call.text("title", "Issue"), _body(it, "Issue"), it.call.text("state", "Issue")
    reason = it.call.text("state_reason", "Issue")
    if state not in {None, "open", "closed"}:
        raise invalid("Issue", "state", "invalid")
    if reason not in {None, *_REASONS}:
        raise invalid("Issue", "state_reason", "invalid")
    found.title, found.body = title or found.title, found.body if body is None else body
    if "labels" in fields:
        found.labels = it.world.ensure_labels(it.repo, _names(fields["labels"]))
    if "assignees" in fields:
        found.assignees = [str(login) for login in fields["assignees"] or []]
    found.updated_at = it.world.store.now()
    if title is not None or body is not None:
        tell = events.of_pull if found.pull else events.of_issue
        tell(it.world, "edited", it.repo, found, login=it.login, token=it.token)
    if state is not None:
        deeds.set_state(it.world, it.repo, found, state, it.login, reason=reason, token=it.token)
    return Answer(talk.issue(it.show, it.repo, found))


@routes("GET", ISSUES + "/{number}/comments", needs=READ)
def comments(it: Context) -> Answer:
    """List the comments of an issue, oldest first."""
    found = _issue(it)
    mine = [comment for comment in it.repo.comments if comment.issue == found.number]
    return it.call.page([_shape(it, comment) for comment in _since(it, mine) if isinstance(comment, Comment)])


@routes("POST", ISSUES + "/{number}/comments", needs=WRITE, role="read")
def create_comment(it: Context) -> Answer:
    """Comment."""
    found = _issue(it)
    it.call.needed("body", "IssueComment")
    body = _body(it, "IssueComment") or ""
    if found.locked and not gate.may_push(it):
        raise ApiError(403, "Unable to create comment because issue is locked.")
    shape = _shape(it, deeds.comment(it.world, it.repo, found, body, it.login, token=it.token))
    return Answer(shape, 201, {"Location": str(shape["url"])})


@routes("GET", ISSUES + "/{number}/events", needs=READ)
@routes("GET", ISSUES + "/{number}/timeline", needs=READ)
def history(it: Context) -> Answer:
    """List nothing: what happened to an issue is not kept in this form."""
    _issue(it)
    return it.call.page([])


@routes("GET", ISSUES + "/{number}/labels", needs=READ)
def labels(it: Context) -> Answer:
    """List the labels that an issue bears."""
    return it.call.page([people.label(it.show, it.repo, name) for name in _issue(it).labels])


@routes("POST", ISSUES + "/{number}/labels", needs=WRITE, role="triage")
def add_labels(it: Context) -> Answer:
    """Add labels to those that it bears."""
    found = _issue(it)
    return _labelled(it, found, [*found.labels, *_names(_sent_labels(it))])


@routes("PUT", ISSUES + "/{number}/labels", needs=WRITE, role="triage")
def set_labels(it: Context) -> Answer:
    """Give it these labels and no others."""
    return _labelled(it, _issue(it), _names(_sent_labels(it)))


@routes("DELETE", ISSUES + "/{number}/labels", needs=WRITE, role="triage")
def clear_labels(it: Context) -> Answer:
    """Take all its labels away."""
    _labelled(it, _issue(it), [])
    return Answer(status=204)


@routes("DELETE", ISSUES + "/{number}/labels/{name}", needs=WRITE, role="triage")
def remove_label(it: Context) -> Answer:
    """Take one label away."""
    found, name = _issue(it), it.call.words["name"].lower()
    if name not in {label.lower() for label in found.labels}:
        raise ApiError(404, "Label does not exist")
    return _labelled(it, found, [label for label in found.labels if label.lower() != name])


@routes("PUT", ISSUES + "/{number}/lock", needs=WRITE)
def lock(it: Context) -> Answer:
    """Let nobody but the team comment."""
    _issue(it).locked = True
    return Answer(status=204)


@routes("DELETE", ISSUES + "/{number}/lock", needs=WRITE)
def unlock(it: Context) -> Answer:
    """Let everybody comment again."""
    _issue(it).locked = False
    return Answer(status=204)


@routes("GET", ISSUES + "/{number}/reactions", needs=READ)
def reactions(it: Context) -> Answer:
    """List the reactions to an issue."""
    return it.call.page([people.reaction(it.show, given) for given in _issue(it).reactions])


@routes("POST", ISSUES + "/{number}/reactions", needs=WRITE, role="read")
def react(it: Context) -> Answer:
    """React to an issue."""
    return _react(it, _issue(it).reactions)


@routes("DELETE", ISSUES + "/{number}/reactions/{reaction}", needs=WRITE, role="read")
def unreact(it: Context) -> Answer:
    """Take a reaction back."""
    return _unreact(it, _issue(it).reactions)


def _own(it: Context, comment: Comment) -> Comment:
    if comment.login != it.login and not gate.may_push(it):
        raise ApiError(403, "Must have admin rights to Repository.")
    return comment


def _names(sent: object) -> list[str]:
    items = sent if isinstance(sent, list) else []
    return [str(item["name"]) if isinstance(item, dict) else str(item) for item in items]


def _sent_labels(it: Context) -> object:
    if isinstance(it.call.sent(), list):  # GitHub takes the bare list, too
        return it.call.sent()
    fields = it.call.fields()
    if "labels" not in fields:
        raise ApiError(422, 'Invalid request.\n\n"labels" wasn\'t supplied.')
    return fields["labels"]


def _labelled(it: Context, issue: Issue, names: list[str]) -> Answer:
    deeds.set_labels(it.world, it.repo, issue, names, it.login, token=it.token)
    return it.call.page([people.label(it.show, it.repo, name) for name in issue.labels])


def _react(it: Context, given: list[Reaction]) -> Answer:
    content = it.call.needed("content", "Reaction")
    if content not in people.REACTIONS:
        raise invalid("Reaction", "content", "invalid")
    same = next((old for old in given if old.login == it.login and old.content == content), None)
    if same is not None:
        return Answer(people.reaction(it.show, same))
    made = Reaction(it.world.store.new_id(), it.login, content, it.world.store.now())
    given.append(made)
    return Answer(people.reaction(it.show, made), 201)


def _unreact(it: Context, given: list[Reaction]) -> Answer:
    found = next((old for old in given if old.id == it.call.number("reaction")), None)
    if found is None:
        raise not_found()
    given.remove(found)
    return Answer(status=204)
