"""Names and a client for the tests of the simulator."""

from __future__ import annotations

from typing import Any

import github

from automation.simulators.github import GitHubSimulator

NAME = "acme/platform"
BOT = "github-actions[bot]"
EVERYTHING = {
    "actions": "write",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "pull-requests": "write",
    "statuses": "write",
}


def client(hub: GitHubSimulator, token: str | None = None, **more: Any) -> github.Github:
    """Return a PyGithub that neither waits nor retries."""
    auth = github.Auth.Token(token) if token is not None else None
    settings: dict[str, Any] = {"base_url": hub.url, "retry": None, **more}
    return github.Github(auth=auth, seconds_between_requests=0, seconds_between_writes=0, **settings)
