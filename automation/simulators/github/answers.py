"""Requests as handlers see them, and answers as GitHub words them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from automation.simulators.github.model import Token

DOCS = "https://docs.github.com/rest"
PER_PAGE, MOST_PER_PAGE = 30, 100  # docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api
BODY_LIMIT = 65_536  # characters in the body of an issue, a pull request or a comment


@dataclass
class Answer:
    """A response. ``body`` is JSON to be, or bytes as they are."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """An answer that ends the handling of a request, worded as GitHub does it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Mapping[str, Any] | str] = (),
        documentation: str = DOCS,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.body: dict[str, Any] = {"message": message}
        if errors:
            self.body["errors"] = [error if isinstance(error, str) else dict(error) for error in errors]
        self.body |= {"documentation_url": documentation, "status": str(status)}

    def answer(self) -> Answer:
        """Return it as a response."""
        return Answer(self.body, self.status, self.headers)


def not_found() -> ApiError:
    """Return the 404 of what is not there, or must not be known to be there."""
    return ApiError(404, "Not Found")


def invalid(resource: str, field_name: str, code: str, message: str | None = None, **more: Any) -> ApiError:
    """Return the 422 of a field: ``code`` is missing, missing_field, invalid, already_exists or custom."""
    error: dict[str, Any] = {"resource": resource, "code": code, "field": field_name, **more}
    return ApiError(422, "Validation Failed", errors=[error | ({"message": message} if message else {})])


def unprocessable(message: str) -> ApiError:
    """Return the 422 that has a message alone, as the Git data API gives it."""
    return ApiError(422, message)


@dataclass
class Call:
    """A request: ``path`` without /api/v3, ``base`` the URL that answers' URLs start with."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    content: bytes
    host: str  # scheme and authority
    prefix: str  # "" or "/api/v3"
    token: Token | None = None
    words: dict[str, str] = field(default_factory=dict)  # what the route's pattern names

    @property
    def base(self) -> str:
        """The API's URL as this client knows it, without a slash at its end."""
        return self.host + self.prefix

    def number(self, name: str) -> int:
        """Return the word ``name`` of the path as a number; what is none does not exist."""
        word = self.words[name]
        if not word.isascii() or not word.isdigit():
            raise not_found()
        return int(word)

    def fields(self) -> dict[str, Any]:
        """Return the JSON object that was sent; nothing sent is an empty one."""
        sent = self.sent()
        if not isinstance(sent, dict):
            raise ApiError(400, "Body should be a JSON object")
        return sent

    def sent(self) -> Any:
        """Return the JSON that was sent, an empty object where nothing was."""
        if not self.content.strip():
            return {}
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise ApiError(400, "Problems parsing JSON") from error

    def text(self, name: str, resource: str, *, limit: int | None = None) -> str | None:
        """Return a text field that was sent, None where it was not."""
        value = self.fields().get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            kind = {int: "Integer", float: "Float", bool: "Boolean", list: "Array", dict: "Hash"}[type(value)]
            raise ApiError(422, f"Invalid request.\n\nFor 'properties/{name}', {value!r} is not a string ({kind}).")
        if limit is not None and len(value) > limit:
            raise invalid(resource, name, "custom", f"{name} is too long (maximum is {limit} characters)")
        return value

    def needed(self, name: str, resource: str, *, limit: int | None = None) -> str:
        """Return a text field that must be there and not blank."""
        if name not in self.fields():
            raise ApiError(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
        value = self.text(name, resource, limit=limit)
        if not (value or "").strip():
            raise invalid(resource, name, "missing_field")
        return value or ""

    def page(self, items: Sequence[Any], *, key: str | None = None, **more: Any) -> Answer:
        """Return the page of ``items`` that was asked for, with its Link header.

        With ``key`` the answer is an object with total_count and the items under that name.
        """
        size = min(max(self._positive("per_page", PER_PAGE), 1), MOST_PER_PAGE)
        page = max(self._positive("page", 1), 1)
        last = max(-(-len(items) // size), 1)
        shown = list(items[(page - 1) * size : page * size])
        links = []
        if page > 1:
            links += [("prev", min(page - 1, last)), ("first", 1)]
        if page < last:
            links = [*links[:1], ("next", page + 1), ("last", last), *links[1:]]
        link = ", ".join(f'<{self._url(page=number, per_page=size)}>; rel="{rel}"' for rel, number in links)
        body = shown if key is None else {"total_count": len(items), **more, key: shown}
        return Answer(body, headers={"Link": link} if link else {})

    def _positive(self, name: str, default: int) -> int:
        value = self.query.get(name, "")
        return int(value) if value.isascii() and value.isdigit() else default

    def _url(self, **changed: int) -> str:
        given = {name: value for name, value in self.query.items() if name not in changed}
        if "per_page" not in self.query:
            changed.pop("per_page", None)
        return f"{self.base}{self.path}?{urlencode({**given, **changed})}"
