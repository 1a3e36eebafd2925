"""Repositories, people, their permissions, labels of a repository, and the API itself."""

from __future__ import annotations

from automation.simulators.github import gate
from automation.simulators.github.answers import Answer, ApiError, invalid, not_found
from automation.simulators.github.model import Label
from automation.simulators.github.routing import Context, Routes
from automation.simulators.github.shapes import people, repos

routes = Routes()


@routes("GET", "/user")
def me(it: Context) -> Answer:
    """Who the token belongs to; an installation is nobody."""
    if it.user is None:
        raise ApiError(401, "Requires authentication")
    if it.token is not None and it.token.permissions is not None:
        raise ApiError(403, "Resource not accessible by integration")
    return Answer(people.whole_user(it.show, it.login))


@routes("GET", "/user/repos")
def my_repositories(it: Context) -> Answer:
    """List the repositories that the person has a role in."""
    roles = [(found, it.world.role(found, it.login)) for found in it.world.store.state.repositories]
    return it.call.page([repos.repository(it.show, found, role) for found, role in roles if role != "none"])


@routes("GET", "/users/{login}")
def user(it: Context) -> Answer:
    """Show an account."""
    found = it.world.store.user(it.call.words["login"])
    if found is None:
        raise not_found()
    return Answer(people.whole_user(it.show, found.login))


@routes("GET", "/rate_limit")
def rate_limit(it: Context) -> Answer:
    """How much of each limit is left; asking costs nothing."""
    limit, used, reset = gate.ANONYMOUS_LIMIT, 0, it.world.store.seconds() + gate.WINDOW
    if it.token is not None:
        gate.settle(it.world, it.token)
        limit, used, reset = it.token.rate_limit, it.token.rate_used, it.token.rate_reset
    core = {"limit": limit, "used": used, "remaining": max(limit - used, 0), "reset": reset}
    search = {"limit": 30, "used": 0, "remaining": 30, "reset": it.world.store.seconds() + 60}
    graphql = {"limit": limit, "used": 0, "remaining": limit, "reset": reset}
    return Answer({"resources": {"core": core, "search": search, "graphql": graphql}, "rate": core})


@routes("GET", "/meta")
def meta(it: Context) -> Answer:
    """Tell what this server is."""
    return Answer(
        {
            "verifiable_password_authentication": False,
            "installed_version": "3.18.0" if it.call.prefix else None,
            "hooks": ["127.0.0.0/8"],
            "web": ["127.0.0.0/8"],
            "api": ["127.0.0.0/8"],
            "git": ["127.0.0.0/8"],
        }
    )


@routes("GET", "/repos/{owner}/{repo}")
def repository(it: Context) -> Answer:
    """Show a repository."""
    installed = it.token is not None and it.token.permissions is not None
    return Answer(repos.repository(it.show, it.repo, None if installed else it.role))


@routes("GET", "/repos/{owner}/{repo}/collaborators", role="write")
def collaborators(it: Context) -> Answer:
    """Everybody with a role of their own."""
    roles = {it.repo.owner: "admin", **it.repo.collaborators}
    shapes = [repos.collaborator_permission(it.show, login, role)["user"] for login, role in roles.items()]
    return it.call.page(shapes)


@routes("GET", "/repos/{owner}/{repo}/collaborators/{login}/permission")
def permission(it: Context) -> Answer:
    """Tell what a person may do here."""
    found = it.world.store.user(it.call.words["login"])
    if found is None:
        raise not_found()
    return Answer(repos.collaborator_permission(it.show, found.login, it.world.role(it.repo, found.login)))


@routes("GET", "/repos/{owner}/{repo}/collaborators/{login}", role="write")
def is_collaborator(it: Context) -> Answer:
    """204 for a collaborator, 404 for others."""
    login = it.call.words["login"].lower()
    if login not in {name.lower() for name in [it.repo.owner, *it.repo.collaborators]}:
        raise not_found()
    return Answer(status=204)


@routes("GET", "/repos/{owner}/{repo}/labels", needs="issues:read|pull_requests:read")
def labels(it: Context) -> Answer:
    """List the labels of the repository."""
    return it.call.page([people.label(it.show, it.repo, label.name) for label in it.repo.labels])


@routes("POST", "/repos/{owner}/{repo}/labels", needs="issues:write|pull_requests:write")
def create_label(it: Context) -> Answer:
    """Make a label."""
    name = it.call.needed("name", "Label")
    if any(label.name.lower() == name.lower() for label in it.repo.labels):
        raise invalid("Label", "name", "already_exists")
    made = Label(it.world.store.new_id(), name, _color(it) or "ededed", it.call.text("description", "Label"))
    it.repo.labels.append(made)
    return Answer(people.label(it.show, it.repo, name), 201)


@routes("GET", "/repos/{owner}/{repo}/labels/{name}", needs="issues:read|pull_requests:read")
def label(it: Context) -> Answer:
    """Show a label."""
    return Answer(people.label(it.show, it.repo, _label(it).name))


@routes("PATCH", "/repos/{owner}/{repo}/labels/{name}", needs="issues:write|pull_requests:write")
def edit_label(it: Context) -> Answer:
    """Change a label; what bears it goes on bearing it under its new name."""
    found = _label(it)
    old, new = found.name, it.call.text("new_name", "Label") or found.name
    found.name, found.color = new, _color(it) or found.color
    found.description = it.call.fields().get("description", found.description)
    for issue in it.repo.issues:
        issue.labels = [new if name == old else name for name in issue.labels]
    return Answer(people.label(it.show, it.repo, new))


@routes("DELETE", "/repos/{owner}/{repo}/labels/{name}", needs="issues:write|pull_requests:write")
def delete_label(it: Context) -> Answer:
    """Remove a label, from issues too."""
    found = _label(it)
    it.repo.labels.remove(found)
    for issue in it.repo.issues:
        issue.labels = [name for name in issue.labels if name != found.name]
    return Answer(status=204)


def _label(it: Context) -> Label:
    wanted = it.call.words["name"].lower()
    found = next((label for label in it.repo.labels if label.name.lower() == wanted), None)
    if found is None:
        raise not_found()
    return found


def _color(it: Context) -> str | None:
    color = it.call.text("color", "Label")
    if color is not None and (len(color) != 6 or not set(color.lower()) <= set("0123456789abcdef")):  # noqa: PLR2004
        raise invalid("Label", "color", "invalid")
    return color
