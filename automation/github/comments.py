"""One comment for each kind and environment on a pull request, written in place.

A comment is ours if its first line is our hidden header *and* its author is us: anybody can type the header.
GitHub has no conditional write for comments. So each write is followed by another look: of two comments made at the
same time the oldest stays, and what an older run wrote over a newer one's is put right by the newer. An older run that
writes after the newer one's last look still wins: the workflows' concurrency group keeps the two apart.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from github.IssueComment import IssueComment

from automation import report
from automation.errors import DogitopsError
from automation.github import problems
from automation.github.client import GitHub, comment_of
from automation.github.event import Comment

LIMIT = 65_536  # characters in a comment or an issue; GitHub answers 422 to more
_ROUNDS = 10
_LINE = re.compile(r"<!-- dogitops (\{[^\r\n]*\}) -->", re.ASCII)
_RETIRED = "<!-- dogitops-superseded -->"
_FOLDED = "<details><summary>Superseded by a later comment</summary>\n\n{}\n\n</details>"
_NOTE = (
    "> [!NOTE]\n"
    "> Somebody had changed this comment by hand. It was written anew; what it said is in its edit history.\n\n"
)


@dataclass(frozen=True)
class Header:
    """The hidden first line: what a comment is about, and which run wrote it (0: a person at a terminal)."""

    kind: str
    environment: str
    digest: str = ""
    head_sha: str = ""
    run_id: int = 0
    run_attempt: int = 0

    @property
    def about(self) -> tuple[str, str]:
        """What makes two comments the same one."""
        return self.kind, self.environment


@dataclass(frozen=True)
class Written:
    """A text with a header: ``trusted`` if the header is as we wrote it, ``intact`` if all of it is."""

    header: Header
    body: str
    trusted: bool
    intact: bool

    @property
    def order(self) -> tuple[int, int]:
        """Later runs have higher numbers. A header that was changed by hand must not keep new plans out."""
        return (self.header.run_id, self.header.run_attempt) if self.trusted else (0, 0)


def compose(header: Header, body: str) -> str:
    """Return the text of a comment. Raises DogitopsError when GitHub would refuse its length."""
    said: dict[str, Any] = asdict(header)
    checks = {"header_check": _check(said), "body_check": _check(_normal(body))}
    line = json.dumps({**said, **checks}, sort_keys=True, separators=(",", ":"))
    # "-->" inside of a value would end the HTML comment.
    line = line.replace("<", "\\u003c").replace(">", "\\u003e")
    text = f"<!-- dogitops {line} -->\n{body}"
    if len(text) > LIMIT:
        raise DogitopsError(
            f"The {header.kind} comment for {header.environment} has {len(text):,} characters; GitHub takes {LIMIT:,}.",
            hint="Shorten it: the header alone takes about 300 characters.",
        )
    return text


def read(text: str) -> Written | None:
    """Return what ``compose`` made ``text`` of; None where its first line is no header of ours."""
    first, _, body = text.replace("\r\n", "\n").partition("\n")
    match = _LINE.fullmatch(first.rstrip())
    if match is None:
        return None
    try:
        raw = json.loads(match.group(1))
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict) or not (header := _header(raw)):
        return None
    trusted = raw.get("header_check") == _check(asdict(header))
    return Written(header, body, trusted, trusted and raw.get("body_check") == _check(_normal(body)))


def find(github: GitHub, number: int, kind: str, environment: str) -> Comment | None:
    """Return our comment of this kind for this environment on pull request ``number``, if there is one."""
    return next((comment_of(comment) for comment, _ in _ours(github, number, kind, environment)), None)


def upsert(github: GitHub, number: int, header: Header, body: str) -> Comment:
    """Write our comment of this kind and environment, in place where there is one, and return it.

    Where a later run has written it already, that stays and is returned (its header says so). A comment that was
    changed by hand is written anew, with a note. Raises GitHubError, or DogitopsError for a text that is too long.
    """
    text = compose(header, body)
    wrote = False
    for _ in range(_ROUNDS):
        # After a 5xx the whole round is done again: it begins by looking for what may have taken effect.
        settled, wrote_now = github.insistently(
            lambda: _round(github, number, header, (text, body), wrote=wrote),  # noqa: B023 - called at once
            f"the {header.kind} comment for {header.environment}",
        )
        if settled is not None:
            return settled
        wrote = wrote_now
    raise DogitopsError(
        f"The {header.kind} comment for {header.environment} on #{number} is being rewritten by others all the time.",
        hint="Give the workflow a concurrency group for the pull request and environment, and run it again.",
    )


def collapse(github: GitHub, number: int, kind: str, environment: str) -> int:
    """Fold away our comments of this kind and environment as outdated; return how many there were.

    They are minimized; where GraphQL is refused, their text goes into ``<details>``. They are not found again.
    """
    found = _ours(github, number, kind, environment)
    for comment, written in found:
        # Either text is shorter than it was with its header, so that it always fits.
        text = written.body if _minimized(comment) else _FOLDED.format(written.body)
        try:
            comment.edit(f"{_RETIRED}\n{text}")
        except problems.NotFound:
            continue  # deleted meanwhile
    return len(found)


def _round(
    github: GitHub, number: int, header: Header, texts: tuple[str, str], *, wrote: bool
) -> tuple[Comment | None, bool]:
    """Bring the comment one step nearer; return it once nothing is left to do, and whether it was written now."""
    text, body = texts
    found = _ours(github, number, *header.about)
    if not found:
        github.repo.get_issue(number).create_comment(text)
        return None, True
    keeper, current = found[0]
    latest, newest = max(found, key=lambda pair: pair[1].order)
    try:
        if header.run_id and newest.order > (header.run_id, header.run_attempt):
            if latest is not keeper:
                keeper.edit(latest.body)
            report.warn(
                f"A later run ({newest.header.run_id}) has written the {header.kind} comment for {header.environment} "
                "already; that of this run is not posted."
            )
        elif not _same(keeper.body, text) and not (wrote and current.header == header):
            keeper.edit(text if current.intact else _noted(header, body, text))
            return None, True
    except problems.NotFound:
        return None, False  # somebody deleted it meanwhile
    for other, _ in found[1:]:
        _delete(other)
    return comment_of(keeper), False


def _noted(header: Header, body: str, text: str) -> str:
    report.warn(f"Somebody changed the {header.kind} comment for {header.environment} by hand; it is written anew.")
    try:
        return compose(header, _NOTE + body)
    except DogitopsError:
        return text  # no room for the note


def _ours(github: GitHub, number: int, kind: str, environment: str) -> list[tuple[IssueComment, Written]]:
    """Return our comments of this kind and environment, oldest first."""
    found = []
    for comment in github.repo.get_issue(number).get_comments():
        written = read(comment.body or "")
        # Who we are is asked only once there is a header to compare it for.
        if written is not None and written.header.about == (kind, environment) and _by_us(github, comment):
            found.append((comment, written))
    return sorted(found, key=lambda pair: pair[0].id)


def _by_us(github: GitHub, comment: IssueComment) -> bool:
    return comment_of(comment).author.lower() == github.login().lower()


def _minimized(comment: IssueComment) -> bool:
    try:
        return comment.minimize("OUTDATED")
    except problems.TokenRefused:
        raise
    except (problems.GitHubError, KeyError, TypeError, AttributeError):
        return False


def _delete(comment: IssueComment) -> None:
    try:
        comment.delete()
    except problems.NotFound:
        return  # the run that made it was faster


def _header(raw: Mapping[str, Any]) -> Header | None:
    values: dict[str, Any] = {}
    for item in fields(Header):
        kind = int if item.name.startswith("run_") else str
        value = raw.get(item.name, kind())
        if not isinstance(value, kind) or isinstance(value, bool):
            return None
        values[item.name] = value
    return Header(**values) if values["kind"] and values["environment"] else None


def _check(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _normal(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _same(one: str, other: str) -> bool:
    return _normal(one) == _normal(other)
