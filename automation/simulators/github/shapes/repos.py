"""Repositories and people's permissions in them."""

from __future__ import annotations

from automation.simulators.github.model import Repository
from automation.simulators.github.shapes import people
from automation.simulators.github.shapes.show import Json, Show, node_id

_LINKS = {
    "forks": "forks",
    "keys": "keys{/key_id}",
    "collaborators": "collaborators{/collaborator}",
    "teams": "teams",
    "hooks": "hooks",
    "issue_events": "issues/events{/number}",
    "events": "events",
    "assignees": "assignees{/user}",
    "branches": "branches{/branch}",
    "tags": "tags",
    "blobs": "git/blobs{/sha}",
    "git_tags": "git/tags{/sha}",
    "git_refs": "git/refs{/sha}",
    "trees": "git/trees{/sha}",
    "statuses": "statuses/{sha}",
    "languages": "languages",
    "stargazers": "stargazers",
    "contributors": "contributors",
    "subscribers": "subscribers",
    "subscription": "subscription",
    "commits": "commits{/sha}",
    "git_commits": "git/commits{/sha}",
    "comments": "comments{/number}",
    "issue_comment": "issues/comments{/number}",
    "contents": "contents/{+path}",
    "compare": "compare/{base}...{head}",
    "merges": "merges",
    "archive": "{archive_format}{/ref}",
    "downloads": "downloads",
    "issues": "issues{/number}",
    "pulls": "pulls{/number}",
    "milestones": "milestones{/number}",
    "notifications": "notifications{?since,all,participating}",
    "labels": "labels{/name}",
    "releases": "releases{/id}",
    "deployments": "deployments",
}


def repository(show: Show, of: Repository, role: str | None = None) -> Json:
    """Return a repository; ``role`` is the asking person's."""
    url, page = show.repository(of), show.page(of)
    shape: Json = {
        "id": of.id,
        "node_id": node_id("R", of.id),
        "name": of.name,
        "full_name": of.full_name,
        "private": of.private,
        "owner": people.user(show, of.owner),
        "html_url": page,
        "description": None,
        "fork": of.fork_of is not None,
        "url": url,
        **{f"{name}_url": f"{url}/{path}" for name, path in _LINKS.items()},
        "created_at": of.created_at,
        "updated_at": of.created_at,
        "pushed_at": of.created_at,
        "git_url": f"{page}.git",
        "ssh_url": f"{page}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "homepage": None,
        "size": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": "HCL",
        "has_issues": True,
        "has_projects": False,
        "has_downloads": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": 0,
        "mirror_url": None,
        "archived": False,
        "disabled": False,
        "open_issues_count": sum(issue.state == "open" for issue in of.issues),
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if of.private else "public",
        "forks": 0,
        "open_issues": sum(issue.state == "open" for issue in of.issues),
        "watchers": 0,
        "default_branch": of.default_branch,
        "allow_squash_merge": True,
        "allow_merge_commit": True,
        "allow_rebase_merge": True,
    }
    return shape | ({"permissions": permissions(role)} if role is not None else {})


def permissions(role: str) -> Json:
    """Return what a role may do, as GitHub lists it."""
    ladder = ("pull", "triage", "push", "maintain", "admin")
    reached = {"none": 0, "read": 1, "triage": 2, "write": 3, "maintain": 4, "admin": 5}[role]
    return {name: place < reached for place, name in reversed(list(enumerate(ladder)))}


def collaborator_permission(show: Show, login: str, role: str) -> Json:
    """Return a person's permission; ``permission`` knows the four old ones alone, ``role_name`` all."""
    old = {"maintain": "write", "triage": "read"}.get(role, role)
    account = people.user(show, login) | {"permissions": permissions(role), "role_name": role}
    return {"permission": old, "role_name": role, "user": account}
