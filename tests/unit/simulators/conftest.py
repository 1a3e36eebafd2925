from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import github
import pytest
from github.Repository import Repository

from automation import process
from automation.simulators.github import GitHubSimulator

NAME = "acme/platform"
EVERYTHING = {
    "actions": "write",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "pull-requests": "write",
    "statuses": "write",
}


def client(hub: GitHubSimulator, token: str | None = None, **more: object) -> github.Github:
    """Return a PyGithub that neither waits nor retries."""
    auth = github.Auth.Token(token) if token is not None else None
    settings = {"base_url": hub.url, "retry": None, "seconds_between_requests": 0, "seconds_between_writes": 0, **more}
    return github.Github(auth=auth, **settings)  # type: ignore[arg-type]


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A bare repository with a first commit on main."""
    path = tmp_path / "origin.git"
    process.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path])
    return path


@pytest.fixture
def hub(origin: Path) -> Iterator[GitHubSimulator]:
    with GitHubSimulator() as hub:
        hub.add_repository(NAME, str(origin))
        hub.push(NAME, "main", {"README.md": "one\ntwo\n", "roots/a/main.tf": "a = 1\n"}, "First")
        hub.set_role(NAME, "alice", "maintain")
        hub.set_role(NAME, "bob", "read")
        yield hub
        assert hub.unknown() == []


@pytest.fixture
def repo(hub: GitHubSimulator) -> Repository:
    """The repository as a job with every permission sees it."""
    return client(hub, hub.create_token(permissions=EVERYTHING)).get_repo(NAME)


@pytest.fixture
def number(hub: GitHubSimulator) -> int:
    """An open pull request of alice."""
    hub.push(NAME, "change", {"roots/a/main.tf": "a = 2\n"}, "Raise a", login="alice")
    return hub.open_pull_request(NAME, "change", title="Raise a", body="because", login="alice")
