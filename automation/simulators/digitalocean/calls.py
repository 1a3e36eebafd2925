"""A request as handlers see it, and the checked reading of what it brings."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean.answers import bad_request, not_found, unprocessable

if TYPE_CHECKING:
    from automation.simulators.digitalocean.model import Token


@dataclass
class Fields:
    """A JSON object that was sent. Every reading raises the 422 of a value that can't be."""

    sent: Mapping[str, Any]

    def has(self, name: str) -> bool:
        """Whether the field was sent, and is not null."""
        return self.sent.get(name) is not None

    def text(
        self,
        name: str,
        default: str | None = None,
        *,
        limit: int = 65_536,
        pattern: re.Pattern[str] | None = None,
        choices: Collection[str] | None = None,
        message: str | None = None,
    ) -> str | None:
        """Return a text, or ``default`` where none was sent. ``message`` replaces the words of the 422."""
        value = self.sent.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise unprocessable(message or f"{name} must be a string")
        if len(value) > limit:
            raise unprocessable(message or f"{name} is too long (maximum is {limit} characters)")
        if (pattern is not None and not pattern.fullmatch(value)) or (choices is not None and value not in choices):
            raise unprocessable(message or f"{name} is invalid")
        return value

    def needed(
        self,
        name: str,
        *,
        limit: int = 65_536,
        pattern: re.Pattern[str] | None = None,
        choices: Collection[str] | None = None,
        message: str | None = None,
    ) -> str:
        """Return a text that must be there and not be empty."""
        value = self.text(name, limit=limit, pattern=pattern, choices=choices, message=message)
        if not value:
            raise unprocessable(message or f"{name} is required")
        return value

    def number(self, name: str, default: int | None = None, *, low: int = 0, high: int = 2**53) -> int | None:
        """Return a whole number, or ``default`` where none was sent."""
        value = self.sent.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise unprocessable(f"{name} must be an integer")
        if not low <= value <= high:
            raise unprocessable(f"{name} must be between {low} and {high}")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean, or ``default`` where none was sent."""
        value = self.sent.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise unprocessable(f"{name} must be a boolean")
        return value

    def items(self, name: str) -> tuple[Any, ...]:
        """Return a list; what was not sent is an empty one."""
        value = self.sent.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise unprocessable(f"{name} must be an array")
        return tuple(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, each once, in the order they were sent."""
        values = self.items(name)
        if not all(isinstance(value, str) for value in values):
            raise unprocessable(f"{name} must be an array of strings")
        return tuple(dict.fromkeys(values))

    def objects(self, name: str) -> tuple[Fields, ...]:
        """Return a list of objects."""
        values = self.items(name)
        if not all(isinstance(value, dict) for value in values):
            raise unprocessable(f"{name} must be an array of objects")
        return tuple(Fields(value) for value in values)

    def object(self, name: str) -> Fields | None:
        """Return an object, None where none was sent."""
        value = self.sent.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise unprocessable(f"{name} must be an object")
        return Fields(value)


@dataclass
class Call:
    """A request. ``base`` is the URL that its client knows us by, without a slash at its end."""

    method: str
    path: str  # percent-encoded
    query: dict[str, str]
    headers: Mapping[str, str]  # names in lower case
    content: bytes
    base: str
    address: str = "127.0.0.1"  # where it came from
    token: Token | None = None
    words: dict[str, str] = field(default_factory=dict)  # what the route's {names} stand for
    too_large: bool = False  # then the content is its beginning

    def number(self, name: str) -> int:
        """Return the word ``name`` of the path as a number; raises the 404, for what is none does not exist."""
        word = self.words[name]
        if not word.isascii() or not word.isdigit() or len(word) > 18:  # noqa: PLR2004 - digits of a 64-bit number
            raise not_found()
        return int(word)

    @property
    def fields(self) -> Fields:
        """The JSON object that was sent; nothing sent is an empty one. Raises the 400."""
        if not self.content.strip():
            return Fields({})
        try:
            sent = json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise bad_request("Unable to parse request body: it is not JSON.") from error
        if not isinstance(sent, dict):
            raise bad_request("Unable to parse request body: it is not a JSON object.")
        return Fields(sent)
