"""What makes a resource ours, and until when it may live.

Ours is what carries the tag ``dogitops`` or one that begins with ``dogitops:``. What DigitalOcean can only name is
ours by the prefix ``dogitops-``. The end of its life stands where the mark stands, so that it is known whatever else
is lost: in the tag ``dogitops:until:20261121t1530z`` (UTC), or at the end of the name,
``dogitops-pr-7-until-20261121t1530z``. What has no end is never expired.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from automation.environment import OWNED_PREFIX
from automation.errors import Refused

TAG = OWNED_PREFIX.removesuffix("-")
_UNTIL = f"{TAG}:until:"
_ENVIRONMENT = f"{TAG}:env:"
_FORM = "%Y%m%dt%H%Mz"
_NAME_END = re.compile(r"-until-(\d{8}t\d{4}z)$", re.IGNORECASE)


def is_tagged(tags: Iterable[str]) -> bool:
    """Whether one of the tags marks a resource as ours. DigitalOcean's tags know no upper and lower case."""
    return any(tag.lower() == TAG or tag.lower().startswith(f"{TAG}:") for tag in tags)


def is_named(name: str) -> bool:
    """Whether a name marks a resource as ours."""
    return name.startswith(OWNED_PREFIX)


def is_of(environment: str, tags: Iterable[str]) -> bool:
    """Whether one of the tags says that a resource was made for an environment; of none where none is named."""
    return bool(environment) and f"{_ENVIRONMENT}{environment}".lower() in {tag.lower() for tag in tags}


def tags(environment: str = "", until: datetime | None = None) -> list[str]:
    """Return the tags of what is made for an environment, with the end of its life."""
    marks = [TAG]
    if environment:
        marks.append(f"{_ENVIRONMENT}{environment}")
    if until is not None:
        marks.append(f"{_UNTIL}{_told(until)}")
    return marks


def name_until(name: str, until: datetime) -> str:
    """Return the name that tells until when something may live that can't be tagged."""
    return f"{name}-until-{_told(until)}"


def expiry(name: str, carried: Iterable[str] = ()) -> datetime | None:
    """Return until when a resource may live, None where nothing says so.

    Of several ends the latest counts: somebody has given it more time. An end that can't be read is none, so what
    carries it stays.
    """
    marks = [tag.lower() for tag in carried if tag.lower().startswith(_UNTIL)]
    ends = [mark.removeprefix(_UNTIL) for mark in marks]
    found = _NAME_END.search(name)
    if found:
        ends.append(found[1].lower())
    read = [_read(end) for end in ends]
    if not read or None in read:
        return None
    return max(end for end in read if end is not None)


def refuse_foreign(kind: str, name: str, carried: Iterable[str] | None = None) -> None:
    """Raise Refused unless the name, and the tags where they are told, mark it as ours."""
    if not is_named(name):
        raise Refused(
            f"The {kind} {name!r} does not carry the prefix {OWNED_PREFIX!r}, so it is not ours to touch.",
            hint="Remove it with the tool that made it.",
        )
    if carried is not None:
        refuse_untagged(kind, name, carried)


def refuse_untagged(kind: str, name: str, carried: Iterable[str]) -> None:
    """Raise Refused unless the tags mark it as ours."""
    if not is_tagged(carried):
        raise Refused(
            f"The {kind} {name!r} does not carry the tag {TAG!r}, so it is not ours to touch.",
            hint=f"If it is, give it the tag {TAG!r} at DigitalOcean.",
        )


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_FORM)


def _read(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _FORM).replace(tzinfo=UTC)
    except ValueError:
        return None
