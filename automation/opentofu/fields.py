"""Typed access to the parts of a plan's document, and the one error for all that is not as it should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from automation.errors import DogitopsError

_T = TypeVar("_T")


class PlanUnreadable(DogitopsError):  # noqa: N818 - reads as what happened
    """A document is not a plan that this version can read."""


_REQUIRED: Any = object()


def field(raw: Mapping[str, Any], key: str, kind: type[_T], where: str, *, default: Any = _REQUIRED) -> _T:
    """Return ``raw[key]``, which is of ``kind``; missing and null are ``default``. Raises PlanUnreadable."""
    value = raw.get(key)
    if value is None:
        if default is _REQUIRED:
            raise unreadable(where, f"{key} is missing")
        return default  # type: ignore[no-any-return]
    return typed(value, kind, where, key)


def typed(value: Any, kind: type[_T], where: str, key: str = "a part of it") -> _T:
    """Return ``value``, which is of ``kind``; ``key`` names it in the error. Raises PlanUnreadable."""
    if not isinstance(value, kind):
        raise unreadable(where, f"{key} is {kind_of(value)}")
    return value


def kind_of(value: Any) -> str:
    """Return what a JSON value is, in words: an error never quotes the value itself."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def unreadable(where: str, why: str) -> PlanUnreadable:
    """Return the error for a part of the plan; neither ``where`` nor ``why`` may hold a value of it."""
    lead = "The plan" if where == "the plan" else f"The plan's {where}"
    return PlanUnreadable(
        f"{lead} can't be read: {why}.",
        hint="Make the plan again, and print it with: tofu show -json PLANFILE",
    )
