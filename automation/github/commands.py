"""Commands that people give in comments, and who may give them.

One command a comment, alone on its first line, nothing else on that line::

    /dogitops acknowledge ENV DIGEST     the guard's findings in this very plan are meant
    /dogitops apply ENV DIGEST           apply this plan, which was made anew
    /dogitops unlock ENV                 take the lock from the pull request that holds it

The first line is the first: a quoted reply (``> …``), a code fence and indented code come before it or in it, so that
what is quoted or explained is never taken for a command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from automation import report
from automation.errors import ConfigurationError, Refused, did_you_mean
from automation.github.client import GitHub, may
from automation.github.event import Comment, PullRequest

NEEDED: Final = "maintain"  # permission that every command needs
_WITH_DIGEST = {"acknowledge": True, "apply": True, "unlock": False}
_ENVIRONMENT = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{12,64}", re.ASCII)
_START = re.compile(r"/dogitops(?:[ \t]|$)", re.ASCII)
_FENCE = re.compile(r" {0,3}(```+|~~~+)")


@dataclass(frozen=True)
class Command:
    """What somebody asks for; ``digest`` is at least the first 12 characters of a plan's digest."""

    name: str
    environment: str
    digest: str = ""

    def means(self, digest: str) -> bool:
        """Whether the command is about the plan with this (whole) digest."""
        return bool(self.digest) and digest.startswith(self.digest)


@dataclass(frozen=True)
class Judgement:
    """A command in a comment, and whether it counts; ``why`` is a sentence."""

    comment: Comment
    command: Command
    counts: bool
    why: str


def parse(body: str) -> Command | None:
    """Return the command in a comment, None where there is none.

    Raises ConfigurationError for a comment that is meant as a command and is none, with how it is written.
    """
    lines = body.replace("\r\n", "\n").split("\n")
    if not _START.match(lines[0]):
        return None
    if any(_START.match(line) for line in _outside_of_code(lines[1:])):
        raise ConfigurationError("A comment can hold one command.", hint="Write a comment for each command.")
    # Blanks and tabs alone part words: what looks like one line is one.
    words = re.split(r"[ \t]+", lines[0].strip(" \t"))[1:]
    if not words:
        raise _wrong("The command is missing.")
    name, *rest = words
    if name not in _WITH_DIGEST:
        raise _wrong(f"There is no command {name[:40]!r}.{did_you_mean(name, _WITH_DIGEST)}")
    if not rest or not _ENVIRONMENT.fullmatch(rest[0]):
        raise _wrong(f"{name} needs the name of an environment.")
    if not _WITH_DIGEST[name]:
        if len(rest) != 1:
            raise _wrong(f"{name} takes an environment and nothing else.")
        return Command(name, rest[0])
    if len(rest) != 2 or not _DIGEST.fullmatch(rest[1]):  # noqa: PLR2004 - environment and digest
        raise _wrong(f"{name} needs the plan's digest after the environment: 12 to 64 of its characters, and no more.")
    return Command(name, rest[0], rest[1])


def acknowledgement(github: GitHub, number: int, environment: str, digest: str) -> Comment | None:
    """Return the first comment that acknowledges this very plan and counts; what does not count is printed with why."""
    for judged in judgements(github, number, "acknowledge", environment, digest):
        if judged.counts:
            return judged.comment
        report.warn(judged.why)
    return None


def acknowledged_by(comment: Comment, pull_request: PullRequest) -> str:
    """Return who acknowledged, for people to read.

    The author of a pull request may: else a project with one maintainer could never pass the guard, which is there
    against accidents. Four eyes are a matter of required reviews; that it was the author is shown.
    """
    own = comment.author.lower() == pull_request.author.lower()
    return f"{comment.author}, who opened this pull request" if own else comment.author


def judgements(github: GitHub, number: int, name: str, environment: str, digest: str = "") -> list[Judgement]:
    """Return the commands of this name for this environment (and plan) on a pull request, each judged, oldest first."""
    found = []
    for comment in github.comments(number):
        try:
            command = parse(comment.body)
        except ConfigurationError:
            continue  # its author was told when it was written
        if command is None or (command.name, command.environment) != (name, environment):
            continue
        if digest and not command.means(digest):
            continue
        found.append(judge(github, comment, command))
    return found


def judge(github: GitHub, comment: Comment, command: Command) -> Judgement:
    """Say whether a command counts: never edited, by a person who may ``maintain`` or ``admin`` the repository."""
    what = f"The {command.name} of {comment.author} for {command.environment}"
    if comment.edited:
        return Judgement(comment, command, False, f"{what} does not count: the comment was edited. Write a new one.")
    if comment.author.lower().endswith("[bot]"):
        return Judgement(comment, command, False, f"{what} does not count: it has to be given by a person.")
    permission = github.permission(comment.author)
    if not may(permission, NEEDED):
        return Judgement(
            comment,
            command,
            False,
            f"{what} does not count: it needs the permission 'maintain' or 'admin' on {github.repository}, and "
            f"{comment.author} has '{permission}'.",
        )
    return Judgement(comment, command, True, f"{what} counts.")


def require(github: GitHub, comment: Comment, command: Command) -> None:
    """Raise Refused where a command does not count, saying why."""
    judged = judge(github, comment, command)
    if not judged.counts:
        raise Refused(judged.why, hint="Ask somebody who maintains the repository to write the command.")


def _outside_of_code(lines: list[str]) -> list[str]:
    outside: list[str] = []
    fence = ""
    for line in lines:
        mark = _FENCE.match(line)
        if fence:
            # A fence ends with one of its kind, at least as long.
            if mark and mark.group(1).startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif mark:
            fence = mark.group(1)
        else:
            outside.append(line)
    return outside


def _wrong(what: str) -> ConfigurationError:
    return ConfigurationError(
        what,
        hint="The commands are: /dogitops acknowledge ENV DIGEST, /dogitops apply ENV DIGEST, /dogitops unlock ENV; "
        "alone on the first line of a comment.",
    )
