"""Answers and errors, worded as DigitalOcean does it: ``{"id": …, "message": …, "request_id": …}``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """A response. ``body`` is JSON to be (resources in it are shown by their shape), bytes as they are, or nothing."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """An answer that ends the handling of a request."""

    def __init__(self, status: int, identifier: str, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.identifier, self.message = status, identifier, message
        self.headers = headers or {}

    def answer(self, request_id: str) -> Answer:
        """Return it as a response."""
        body = {"id": self.identifier, "message": self.message, "request_id": request_id}
        return Answer(body, self.status, dict(self.headers))


def bad_request(message: str) -> ApiError:
    """Return a 400."""
    return ApiError(400, "bad_request", message)


def unauthorized() -> ApiError:
    """Return the 401 of a token that is missing or wrong."""
    return ApiError(401, "unauthorized", "Unable to authenticate you.")


def forbidden() -> ApiError:
    """Return the 403 of a token that lacks a scope."""
    return ApiError(403, "Forbidden", "You are not authorized to perform this operation")


def not_found(message: str = "The resource you were accessing could not be found.") -> ApiError:
    """Return a 404."""
    return ApiError(404, "not_found", message)


def conflict(message: str, identifier: str = "conflict") -> ApiError:
    """Return a 409."""
    return ApiError(409, identifier, message)


def precondition_failed(message: str) -> ApiError:
    """Return a 412."""
    return ApiError(412, "precondition_failed", message)


def unprocessable(message: str) -> ApiError:
    """Return a 422, for what was understood and can't be done."""
    return ApiError(422, "unprocessable_entity", message)
