"""The state together with the Git repositories: finding things, and noting what happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automation.simulators.github.answers import not_found
from automation.simulators.github.git import Git, Person
from automation.simulators.github.model import Comment, Event, Issue, Label, Repository, Token, User
from automation.simulators.github.shapes.show import Show
from automation.simulators.github.store import Store

ROLES = ("none", "read", "triage", "write", "maintain", "admin")
_OWN_TOKEN_STARTS = frozenset({"workflow_dispatch", "repository_dispatch"})


class World:
    """What handlers work on. Everything here expects ``store.lock`` to be held."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.host = "http://127.0.0.1"  # our own URL, known once we listen
        self._gits: dict[str, Git] = {}

    def git(self, repository: Repository) -> Git:
        """Return the Git repository that holds the contents."""
        if repository.path not in self._gits:
            self._gits[repository.path] = Git(Path(repository.path))
        return self._gits[repository.path]

    def show(self) -> Show:
        """Return what shapes need to write URLs that start with our own."""
        return Show(self.store, self.host, self.host)

    def repository(self, full_name: str) -> Repository:
        """Return the repository. Raises the 404."""
        found = self.store.repository(full_name)
        if found is None:
            raise not_found()
        return found

    def issue(self, repository: Repository, number: int, *, pull: bool | None = None) -> Issue:
        """Return an issue; with ``pull`` true only a pull request. Raises the 404."""
        for issue in repository.issues:
            if issue.number == number and (pull is None or pull == (issue.pull is not None)):
                return issue
        raise not_found()

    def comment(self, repository: Repository, number: int) -> Comment:
        """Return a comment by its id. Raises the 404."""
        found = next((comment for comment in repository.comments if comment.id == number), None)
        if found is None:
            raise not_found()
        return found

    def role(self, repository: Repository, login: str) -> str:
        """Return the role of a person: admin, maintain, write, triage, read or none."""
        if login.lower() == repository.owner.lower():
            return "admin"
        given = {name.lower(): role for name, role in repository.collaborators.items()}
        return given.get(login.lower(), "none" if repository.private else "read")

    def ensure_labels(self, repository: Repository, names: list[str]) -> list[str]:
        """Return the labels' names as they are spelled, made where there are none (as GitHub does on an issue)."""
        spelled: list[str] = []
        for name in names:
            found = next((label for label in repository.labels if label.name.lower() == name.lower()), None)
            if found is None:
                found = Label(self.store.new_id(), name)
                repository.labels.append(found)
            if found.name not in spelled:
                spelled.append(found.name)
        return spelled

    def person(self, user: User) -> Person:
        """Return an account as git writes it."""
        return Person(user.login, f"{user.id}+{user.login}@users.noreply.github.com", self.store.seconds())

    def happened(
        self,
        name: str,
        action: str | None,
        repository: Repository,
        login: str,
        payload: dict[str, Any],
        *,
        token: Token | None = None,
    ) -> Event:
        """Note an event. What an installation's token did starts no workflow, but for dispatches."""
        from automation.simulators.github.shapes import people, repos  # noqa: PLC0415 - they need no world

        show = self.show()
        whole: dict[str, Any] = {"action": action} if action else {}
        whole |= payload
        whole["repository"] = repos.repository(show, repository)
        whole["sender"] = people.user(show, login)
        if token is not None and token.permissions is not None:
            whole["installation"] = {"id": 1, "node_id": "MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9uMQ=="}
        starts = token is None or token.permissions is None or name in _OWN_TOKEN_STARTS
        store = self.store
        event = Event(store.new_id(), name, action, repository.full_name, login, store.now(), starts, whole)
        store.state.events.append(event)
        return event
