"""Accounts, labels and reactions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote

from automation.simulators.github.git import Person
from automation.simulators.github.model import Label, Reaction, Repository
from automation.simulators.github.shapes.show import Json, Show, node_id
from automation.simulators.github.store import iso

REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")
_LINKS = {
    "followers_url": "followers",
    "following_url": "following{/other_user}",
    "gists_url": "gists{/gist_id}",
    "starred_url": "starred{/owner}{/repo}",
    "subscriptions_url": "subscriptions",
    "organizations_url": "orgs",
    "repos_url": "repos",
    "events_url": "events{/privacy}",
    "received_events_url": "received_events",
}


def user(show: Show, login: str) -> Json:
    """Return the short form of an account."""
    account = show.account(login)
    url = f"{show.base}/users/{quote(account.login)}"
    page = f"apps/{account.login.removesuffix('[bot]')}" if account.type == "Bot" else account.login
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("BOT" if account.type == "Bot" else "U", account.id),
        "avatar_url": f"{show.host}/avatars/{account.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{show.host}/{page}",
        **{name: f"{url}/{path}" for name, path in _LINKS.items()},
        "type": account.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def whole_user(show: Show, login: str) -> Json:
    """Return the long form of an account."""
    return user(show, login) | {
        "name": show.account(login).login,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
    }


def person(who: Person) -> Json:
    """Return the author or committer of a commit."""
    return {"name": who.name, "email": who.email, "date": iso(who.seconds)}


def label(show: Show, repository: Repository, name: str) -> Json:
    """Return a label of a repository."""
    found = next((label for label in repository.labels if label.name == name), None) or Label(0, name)
    return {
        "id": found.id,
        "node_id": node_id("LA", found.id),
        "url": f"{show.repository(repository)}/labels/{quote(found.name)}",
        "name": found.name,
        "color": found.color,
        "default": False,
        "description": found.description,
    }


def reaction(show: Show, given: Reaction) -> Json:
    """Return one reaction."""
    return {
        "id": given.id,
        "node_id": node_id("REA", given.id),
        "user": user(show, given.login),
        "content": given.content,
        "created_at": given.created_at,
    }


def reactions(url: str, given: Sequence[Reaction]) -> Json:
    """Return the roll-up of reactions that issues and comments carry."""
    counts = Counter(reaction.content for reaction in given)
    return {
        "url": f"{url}/reactions",
        "total_count": len(given),
        **{content: counts[content] for content in REACTIONS},
    }
