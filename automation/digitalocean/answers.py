"""How answers of DigitalOcean's API become typed values, whatever they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from automation.digitalocean.problems import AnswerUnreadable

T = TypeVar("T")

HINT = "Check DIGITALOCEAN_API_URL, and whether a newer dogitops knows the API as it is now."


def one(answer: Any, key: str, of: Callable[[Any], T]) -> T:
    """Return what stands under ``key``."""
    return read(answer, lambda raw: of(raw[key]))


def many(answer: Any, key: str, of: Callable[[Any], T]) -> list[T]:
    """Return the list that stands under ``key``."""
    return read(answer, lambda raw: [of(one) for one in raw[key] or ()])


def read(answer: Any, of: Callable[[Any], T]) -> T:
    """Return an answer as a typed value. Raises AnswerUnreadable where it is not what it should be."""
    try:
        return of(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        told = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise AnswerUnreadable(
            f"DigitalOcean's answer is not as its description says: {told}.",
            hint=HINT,
        ) from error
