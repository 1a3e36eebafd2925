"""Pull requests that we open: one for each branch, opened once and brought up to date after that."""

from __future__ import annotations

from dataclasses import dataclass

from automation.github.client import GitHub


@dataclass(frozen=True)
class Opened:
    """A pull request of ours; ``new`` where it was just opened."""

    number: int
    url: str
    new: bool


def default_branch(github: GitHub) -> str:
    """Return the repository's default branch."""
    return str(github.repo.default_branch)


def open_or_update(github: GitHub, *, head: str, base: str, title: str, body: str) -> Opened:
    """Return the open pull request from the branch ``head`` into ``base``, with this title and body."""
    owner = github.repository.partition("/")[0]
    for pull in github.repo.get_pulls(state="open", head=f"{owner}:{head}", base=base):
        if (pull.title, pull.body) != (title, body):
            pull.edit(title=title, body=body)
        return Opened(pull.number, pull.html_url, new=False)
    made = github.repo.create_pull(base=base, head=head, title=title, body=body)
    return Opened(made.number, made.html_url, new=True)
