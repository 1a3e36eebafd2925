"""What a check saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from automation.errors import DogitopsError

_SHOWN = 5  # of the things that are wrong


@dataclass(frozen=True)
class Seen:
    """A check of a ``group``, whether all is as it should be, and what was seen."""

    group: str
    check: str
    good: bool
    told: str


def look(group: str, check: str, how: Callable[[], tuple[bool, str]]) -> Seen:
    """Return what ``how`` sees; an error that a user would be shown is a check that failed, with its text."""
    try:
        good, told = how()
    except DogitopsError as error:
        good, told = False, error.message
    return Seen(group, check, good, told)


def none_of(wrong: Iterable[str], otherwise: str) -> tuple[bool, str]:
    """Return a check that is good when nothing is wrong, and else names the first few things."""
    listed = list(wrong)
    if not listed:
        return True, otherwise
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return False, "; ".join(listed[:_SHOWN]) + more
