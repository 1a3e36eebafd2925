"""What every shape needs: the accounts by name, and where URLs point."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from automation.simulators.github.model import Repository, User
from automation.simulators.github.store import Store

Json = dict[str, Any]


@dataclass(frozen=True)
class Show:
    """``base`` is the API's URL and ``host`` that of the pages, as the client knows them."""

    store: Store
    host: str
    base: str

    def account(self, login: str) -> User:
        """Return the account; who is gone appears as GitHub's ghost."""
        return self.store.user(login) or User(10137, "ghost")

    def repository(self, repository: Repository) -> str:
        """Return a repository's API URL."""
        return f"{self.base}/repos/{repository.full_name}"

    def page(self, repository: Repository) -> str:
        """Return the URL of a repository's page."""
        return f"{self.host}/{repository.full_name}"


def node_id(kind: str, number: int | str) -> str:
    """Return a global id in the style of GitHub's: ``IC_kwAB…``."""
    return f"{kind}_kw" + base64.urlsafe_b64encode(f"{kind}:{number}".encode()).decode().rstrip("=")
