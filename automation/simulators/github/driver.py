"""How tests drive the simulator: accounts, repositories, what people do, time and faults.

Every operation is a method in process and ``POST /_simulator/NAME`` over HTTP: the request's JSON object holds
its arguments by name, the answer is its result. Over HTTP bytes travel as base64; wrong arguments are answered
422 with what is wrong.
"""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import Any

from automation.simulators.github import deeds, events
from automation.simulators.github.answers import Call
from automation.simulators.github.driver_runs import RunsDriver
from automation.simulators.github.git import NOTHING, Conflict, Git
from automation.simulators.github.model import Effect, Event, Fault, Repository, Token
from automation.simulators.github.operation import operation
from automation.simulators.github.shapes import talk
from automation.simulators.github.world import ROLES, World

MOST_REQUESTS = 20_000  # that are remembered


class Driver(RunsDriver):
    """The operations. A repository is named ``owner/name``, a person by the login, which is made where it is new."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._requests: deque[dict[str, Any]] = deque(maxlen=MOST_REQUESTS)

    def note(self, call: Call, status: int, fault: Fault | None) -> None:
        """Remember a request (the server calls this)."""
        self._requests.append(
            {
                "method": call.method,
                "path": call.path,
                "query": call.query,
                "login": call.token.login if call.token else None,
                "body": call.content.decode(errors="replace"),
                "status": status,
                "fault": fault.effect.value if fault else None,
            }
        )

    # accounts and repositories

    @operation
    def add_user(self, login: str) -> int:
        """Make an account and return its id."""
        return self.world.store.ensure_user(login).id

    @operation
    def add_repository(
        self,
        repository: str,
        path: str,
        private: bool = True,
        fork_of: str | None = None,
        default_branch: str | None = None,
    ) -> int:
        """Serve the Git repository at ``path`` as ``owner/name``; one that is known already is left as it is."""
        store = self.world.store
        known = store.repository(repository)
        if known is not None:
            known.path = str(Path(path).resolve())
            return known.id
        owner, slash, name = repository.partition("/")
        if not (owner and slash and name) or "/" in name:
            raise ValueError(f"{repository!r} is not owner/name")
        git = Git(Path(path).resolve())
        store.ensure_user(owner)
        branch = default_branch or git.head_branch()
        made = Repository(store.new_id(), owner, name, str(Path(path).resolve()), store.now(), private, branch, fork_of)
        store.state.repositories.append(made)
        return made.id

    @operation
    def fork(self, repository: str, owner: str, path: str) -> str:
        """Clone a repository to the new folder ``path`` as ``owner/name`` and return that name."""
        origin = self.world.repository(repository)
        self.world.git(origin).run("clone", "--quiet", "--bare", origin.path, Path(path).resolve())
        name = f"{owner}/{origin.name}"
        Driver.add_repository(self, name, path, origin.private, origin.full_name)
        return name

    @operation
    def set_role(self, repository: str, login: str, role: str) -> None:
        """Give a person a role: admin, maintain, write, triage, read, or none to take it away."""
        if role not in ROLES:
            raise ValueError(f"{role!r} is no role; they are {', '.join(ROLES)}")
        found = self.world.repository(repository)
        name = self.world.store.ensure_user(login).login
        found.collaborators.pop(name, None)
        if role != "none":
            found.collaborators[name] = role

    @operation
    def create_token(
        self,
        login: str = "github-actions[bot]",
        permissions: dict[str, str] | None = None,
        repositories: list[str] | None = None,
        rate_limit: int = 5000,
        value: str | None = None,
    ) -> str:
        """Return a new token. Without ``permissions`` it is a person's, who may do what the role allows.

        With them (``{"contents": "read", "pull-requests": "write"}``) it is a job's GITHUB_TOKEN.
        """
        if login.endswith("[bot]") and permissions is None:
            permissions = {}
        if permissions is not None:
            wrong = {level for level in permissions.values() if level not in {"read", "write", "admin", "none"}}
            if wrong:
                raise ValueError(f"{wrong.pop()!r} is no level; they are read, write and none")
            permissions = {name.replace("-", "_"): level for name, level in permissions.items() if level != "none"}
        person = self.world.store.ensure_user(login)
        value = value or ("ghp_" if permissions is None else "ghs_") + secrets.token_hex(18)
        self.world.store.state.tokens.append(Token(value, person.login, permissions, repositories, rate_limit))
        return value

    @operation
    def token_of(self, login: str) -> str:
        """Return a person's own token: the one that there is, or a new one."""
        person = self.world.store.ensure_user(login).login
        for token in self.world.store.state.tokens:
            if token.login == person and token.permissions is None:
                return token.value
        return Driver.create_token(self, person)

    @operation
    def repositories(self) -> list[str]:
        """Return the names of the repositories."""
        return [found.full_name for found in self.world.store.state.repositories]

    @operation
    def revoke_token(self, value: str) -> None:
        """Let a token be a bad credential from now on."""
        tokens = self.world.store.state.tokens
        tokens[:] = [token for token in tokens if token.value != value]

    # what people do

    @operation
    def push(
        self,
        repository: str,
        branch: str,
        files: dict[str, str | None] | None = None,
        message: str = "Change",
        *,
        login: str | None = None,
        sha: str | None = None,
        start: str | None = None,
    ) -> str:
        """Push a commit to a branch and return its sha.

        ``files`` maps paths to contents (None removes one), laid over the branch, or over ``start`` (default: the
        default branch) where the branch is new. With ``sha`` the branch is set to that commit, by force if need be.
        """
        found = self.world.repository(repository)
        git, who = self.world.git(found), self.world.store.ensure_user(login or found.owner)
        before = git.branch(branch)
        after = sha
        if after is None:
            base = before or git.resolve(start or found.default_branch)
            changes = [
                ("100644", git.write_blob(text.encode()) if text is not None else None, path)
                for path, text in (files or {}).items()
            ]
            person = self.world.person(who)
            tree = git.write_tree(f"{base}^{{tree}}" if base else None, changes)
            after = git.write_commit(tree, [base] if base else [], message, person, person)
        _set(git, branch, after, before)
        deeds.moved(self.world, found, f"refs/heads/{branch}", before, after, login=who.login)
        return after

    @operation
    def open_pull_request(
        self,
        repository: str,
        head: str,
        base: str | None = None,
        *,
        title: str = "Change",
        body: str | None = None,
        login: str | None = None,
        draft: bool = False,
    ) -> int:
        """Open a pull request from a branch (``owner:branch`` for a fork's) and return its number."""
        found = self.world.repository(repository)
        who = self.world.store.ensure_user(login or head.rpartition(":")[0] or found.owner).login
        base = base or found.default_branch
        made = deeds.open_pull(self.world, found, head=head, base=base, title=title, body=body, login=who, draft=draft)
        return made.number

    @operation
    def merge(self, repository: str, number: int, login: str | None = None, method: str = "merge") -> str:
        """Merge a pull request (merge, squash or rebase) and return the commit that the base is then at."""
        how = deeds.METHODS.get(method)
        if how is None:
            raise ValueError(f"{method!r} is no way to merge; they are merge, squash and rebase")
        found = self.world.repository(repository)
        issue = self.world.issue(found, number, pull=True)
        who = self.world.store.ensure_user(login or found.owner).login
        return deeds.merge(self.world, found, issue, login=who, method=how)

    @operation
    def set_state(self, repository: str, number: int, state: str, login: str | None = None) -> None:
        """Close (``closed``) or reopen (``open``) an issue or a pull request."""
        if state not in {"open", "closed"}:
            raise ValueError(f"{state!r} is no state; they are open and closed")
        found = self.world.repository(repository)
        who = self.world.store.ensure_user(login or found.owner).login
        deeds.set_state(self.world, found, self.world.issue(found, number), state, who)

    @operation
    def comment(self, repository: str, number: int, body: str, login: str | None = None) -> int:
        """Comment on an issue or a pull request and return the comment's id."""
        found = self.world.repository(repository)
        who = self.world.store.ensure_user(login or found.owner).login
        return deeds.comment(self.world, found, self.world.issue(found, number), body, who).id

    @operation
    def edit_comment(self, repository: str, comment: int, body: str, login: str | None = None) -> None:
        """Edit a comment by hand; it is updated a second later than it was made, at least."""
        found = self.world.repository(repository)
        who = self.world.store.ensure_user(login or found.owner).login
        made = self.world.comment(found, comment)
        if made.created_at == self.world.store.now():
            self.world.store.state.clock_offset += 1
        deeds.edit_comment(self.world, found, made, body, who)

    @operation
    def delete_comment(self, repository: str, comment: int, login: str | None = None) -> None:
        """Delete a comment by hand."""
        found = self.world.repository(repository)
        who = self.world.store.ensure_user(login or found.owner).login
        deeds.delete_comment(self.world, found, self.world.comment(found, comment), who)

    @operation
    def comments(self, repository: str, number: int) -> list[dict[str, Any]]:
        """Return the comments of an issue or a pull request, with ``minimized``: why it is collapsed, or None."""
        found = self.world.repository(repository)
        of_pull = self.world.issue(found, number).pull is not None
        return [
            talk.comment(self.world.show(), found, comment, of_pull=of_pull) | {"minimized": comment.minimized}
            for comment in found.comments
            if comment.issue == number
        ]

    @operation
    def set_labels(self, repository: str, number: int, labels: list[str], login: str | None = None) -> None:
        """Give an issue or a pull request these labels and no others, as a person."""
        found = self.world.repository(repository)
        issue = self.world.issue(found, number)
        who = self.world.store.ensure_user(login or found.owner).login
        deeds.set_labels(self.world, found, issue, labels, who)

    # time, limits and faults

    @operation
    def advance_clock(self, seconds: int) -> str:
        """Let time pass and return what the clock then says; artifacts expire, rate limits start anew."""
        self.world.store.state.clock_offset += seconds
        return self.world.store.now()

    @operation
    def set_rate(self, token: str, limit: int = 5000, used: int = 0) -> None:
        """Set a token's hourly limit, and how much of it is used."""
        found = self.world.store.token(token)
        if found is None:
            raise ValueError("there is no such token")
        found.rate_limit, found.rate_used = limit, used
        found.rate_reset = self.world.store.seconds() + 3600

    @operation
    def set_contents_a_minute(self, limit: int | None) -> None:
        """Limit what each token may write in a minute (GitHub: about 80); None: no limit."""
        self.world.store.state.contents_a_minute = limit

    @operation
    def add_fault(
        self,
        effect: str,
        method: str = "*",
        path: str = "*",
        *,
        times: int = 1,
        skip: int = 0,
        status: int = 502,
        seconds: float = 0,
        retry_after: int = 1,
        message: str | None = None,
    ) -> int:
        """Let the next ``times`` requests that match METHOD and PATH (shell patterns) meet a fault.

        ``effect`` is answer, abuse, rate-limit, cut, slow, apply-then-answer, apply-then-cut or truncate.
        """
        if effect not in set(Effect):
            raise ValueError(f"{effect!r} is no effect; they are {', '.join(Effect)}")
        made = Fault(
            self.world.store.new_id(), Effect(effect), method, path, times, skip, status, seconds, retry_after, message
        )
        self.world.store.state.faults.append(made)
        return made.id

    @operation
    def clear_faults(self) -> int:
        """Take back all faults and return how many were still to come."""
        left = len(self.world.store.state.faults)
        self.world.store.state.faults = []
        return left

    # what was seen

    @operation
    def requests(self) -> list[dict[str, Any]]:
        """Return the requests so far: method, path, query, login, body, status, fault."""
        return list(self._requests)

    @operation
    def unknown(self) -> list[str]:
        """Return the requests that no route answers (``METHOD PATH``)."""
        return list(self.world.store.state.unknown)

    @operation
    def events(self) -> list[dict[str, Any]]:
        """Return what happened so far, oldest first, without the payloads."""
        self._follow()
        return [{k: v for k, v in asdict(event).items() if k != "payload"} for event in self.world.store.state.events]

    @operation
    def event(self, repository: str, name: str, action: str | None = None, number: int | None = None) -> dict[str, Any]:
        """Return the payload of the newest such event, as GITHUB_EVENT_PATH holds it (``act -e``)."""
        self._follow()
        for event in reversed(self.world.store.state.events):
            if (event.repository, event.name) != (repository, name) or (action and event.action != action):
                continue
            if number is None or _number(event) == number:
                return event.payload
        raise ValueError(f"no event {name}{f' {action}' if action else ''} has happened in {repository}")

    @operation
    def dispatch(
        self,
        repository: str,
        workflow: str,
        inputs: dict[str, Any] | None = None,
        ref: str | None = None,
        login: str | None = None,
    ) -> dict[str, Any]:
        """Start a workflow by hand and return the payload."""
        found = self.world.repository(repository)
        who = self.world.store.ensure_user(login or found.owner).login
        ref = ref or f"refs/heads/{found.default_branch}"
        return events.of_dispatch(
            self.world, found, login=who, token=None, ref=ref, workflow=workflow, inputs=inputs or {}
        ).payload

    @operation
    def schedule(self, repository: str, workflow: str, cron: str = "0 6 * * *") -> dict[str, Any]:
        """Let a schedule come round and return the payload."""
        return events.of_schedule(self.world, self.world.repository(repository), cron, workflow).payload

    def _follow(self) -> None:
        for found in self.world.store.state.repositories:
            deeds.follow(self.world, found)


def _number(event: Event) -> int | None:
    about = event.payload.get("pull_request") or event.payload.get("issue") or {}
    return about.get("number")


def _set(git: Git, branch: str, after: str, before: str | None) -> None:
    if git.kind(after) != "commit":
        raise ValueError(f"{after} is no commit of {git.folder}")
    try:
        git.set_ref(f"refs/heads/{branch}", after, old=before or NOTHING)
    except Conflict as error:
        raise ValueError(str(error)) from error
