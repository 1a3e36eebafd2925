"""The server: takes requests in, meets them with faults where a test wants that, and answers as GitHub does."""

from __future__ import annotations

import asyncio
import fnmatch
import functools
import hashlib
import json
import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from automation.simulators.github import gate, operation
from automation.simulators.github.answers import DOCS, Answer, ApiError, Call
from automation.simulators.github.model import Effect, Fault, Token
from automation.simulators.github.routes import routes
from automation.simulators.github.routing import Route
from automation.simulators.serving import Connection, Sending

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from automation.simulators.github.driver import Driver

API_VERSIONS = ("2022-11-28", "2026-03-10")
_AT_ONCE = 32  # requests; those that a fault makes slow keep no other waiting
_PREFIX = "/api/v3"
_FREE = {"/rate_limit"}  # requests that cost nothing
_UNICORN = b"<html><head><title>Unicorn!</title></head><body><p>We couldn't respond to your request in time.</p></body>"
_BEFORE = {Effect.ANSWER, Effect.ABUSE, Effect.RATE_LIMIT, Effect.CUT}


@dataclass
class Outcome:
    """What goes back: an answer in bytes, whole, broken off half way, or not at all."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False
    truncated: bool = False


class App:
    """An ASGI application. ``closing`` ends requests that a fault made slow."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.world = driver.world
        self.closing = threading.Event()
        self._workers = ThreadPoolExecutor(_AT_ONCE, "github-simulator")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        from starlette.requests import Request  # noqa: PLC0415
        from starlette.responses import Response  # noqa: PLC0415

        request = Request(scope, receive)
        content = await request.body()
        raw_path = scope.get("raw_path") or scope["path"].encode()
        path, host = (
            raw_path.decode("latin-1").partition("?")[0],
            f"{scope['scheme']}://{request.headers.get('host', '')}",
        )
        query = dict(request.query_params)
        serve = functools.partial(self.serve, scope["method"], path, query)
        serve = functools.partial(serve, headers=request.headers, content=content, host=host)
        outcome = await asyncio.get_running_loop().run_in_executor(self._workers, serve)
        connection = Connection(scope, send)
        if outcome.cut:
            connection.cut()
            return
        if outcome.truncated:
            headers = {name.lower(): value for name, value in outcome.headers.items()}
            await connection.break_off(Sending(outcome.status, headers, outcome.body))
            return
        response = Response(outcome.body, outcome.status, outcome.headers)
        await response(scope, receive, send)

    def serve(
        self, method: str, path: str, query: dict[str, str], *, headers: Mapping[str, str], content: bytes, host: str
    ) -> Outcome:
        """Return what a request is answered with."""
        prefix = _PREFIX if path.startswith(f"{_PREFIX}/") else ""
        path = path.removeprefix(prefix) or "/"
        if method == "POST" and path == "/api/graphql":  # where a GitHub Enterprise Server has it
            prefix, path = _PREFIX, "/graphql"
        call = Call(method, path, query, headers, content, host, prefix)
        if path.startswith("/_simulator"):
            answer = operation.answer(self.driver, call)
            return Outcome(answer.status, {"Content-Type": "application/json"}, _dump(answer.body))
        with self.world.store.lock:
            fault = self._fault(method, path)
        if fault is not None and fault.effect is Effect.SLOW:
            self.closing.wait(fault.seconds)
        with self.world.store.lock:
            answer = self._answer(call, fault)
            self.world.store.save()
            outcome = self._conditional(call, answer)
            self.driver.note(call, outcome.status, fault)
        if fault is not None:
            outcome.cut = fault.effect in {Effect.CUT, Effect.APPLY_THEN_CUT}
            outcome.truncated = fault.effect is Effect.TRUNCATE
        return outcome

    def _answer(self, call: Call, fault: Fault | None) -> Answer:
        try:
            self._admit(call)
            if fault is not None and fault.effect in _BEFORE:
                return self._faulty(fault, call.token)
            answer = self._handle(call)
        except ApiError as error:
            answer = error.answer()
        if fault is not None and fault.effect is Effect.APPLY_THEN_ANSWER:
            return self._faulty(fault, call.token)
        return answer

    def _admit(self, call: Call) -> None:
        if not call.headers.get("user-agent"):
            message = (
                "Request forbidden by administrative rules. Please make sure your request has a User-Agent header."
            )
            raise ApiError(403, message)
        version = call.headers.get("x-github-api-version", API_VERSIONS[0])
        if version not in API_VERSIONS:
            supported = ", ".join(API_VERSIONS)
            raise ApiError(
                400, f'"{version}" is not a supported version. The following versions are supported: {supported}'
            )
        if call.path.startswith("/_storage/"):
            return
        call.token = gate.token_of(self.world, call)
        if call.token is not None and call.path not in _FREE:
            gate.count(self.world, call.token)
            gate.count_content(self.world, call.token, call)

    def _handle(self, call: Call) -> Answer:
        found = routes.find(call.method, call.path)
        if found is None:
            self.world.store.state.unknown.append(f"{call.method} {call.path}")
            return Answer(
                {
                    "message": f"The GitHub simulator does not know {call.method} {call.path}.",
                    "documentation_url": DOCS,
                    "status": "501",
                },
                501,
            )
        route: Route
        route, call.words = found
        return route.handler(gate.enter(self.world, call, route))

    def _fault(self, method: str, path: str) -> Fault | None:
        state = self.world.store.state
        for fault in state.faults:
            if fault.times < 1 or not _matches(fault, method, path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            state.faults = [it for it in state.faults if it.times > 0]
            return fault
        return None

    def _faulty(self, fault: Fault, token: Token | None) -> Answer:
        if fault.effect is Effect.ABUSE:
            return gate.abuse(fault.retry_after).answer()
        if fault.effect is Effect.RATE_LIMIT:
            return gate.rate_limited(self.world, token).answer()
        if fault.status >= 500 and fault.message is None:  # noqa: PLR2004 - the server's own errors are pages
            return Answer(_UNICORN, fault.status, {"Content-Type": "text/html; charset=utf-8"})
        return ApiError(fault.status, fault.message or "Simulated").answer()

    def _conditional(self, call: Call, answer: Answer) -> Outcome:
        """Add the headers that every answer has, and answer 304 to who has it already."""
        raw = isinstance(answer.body, bytes)
        body = answer.body if raw else b"" if answer.status in {204, 304} else _dump(answer.body)
        headers = {} if raw or not body else {"Content-Type": "application/json; charset=utf-8"}
        headers |= self._common(call)
        status = answer.status
        if call.method == "GET" and status == 200:  # noqa: PLR2004
            etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
            headers |= {"ETag": etag, "Cache-Control": "private, max-age=60, s-maxage=60"}
            headers["Vary"] = "Accept, Authorization, Cookie, X-GitHub-OTP"
            known = [tag.strip().removeprefix("W/") for tag in call.headers.get("if-none-match", "").split(",")]
            if etag.removeprefix("W/") in known:
                status, body = 304, b""
                if call.token is not None and call.path not in _FREE:
                    call.token.rate_used = max(call.token.rate_used - 1, 0)
                    headers |= gate.rate_headers(self.world, call.token)
        return Outcome(status, headers | answer.headers, body)

    def _common(self, call: Call) -> dict[str, str]:
        parts = (2, 3, 4, 4, 4)
        headers = {
            "X-GitHub-Request-Id": ":".join(secrets.token_hex(size).upper() for size in parts),
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Api-Version-Selected": call.headers.get("x-github-api-version", API_VERSIONS[0]),
            "Server": "github.com",
        }
        if call.prefix:
            headers["X-GitHub-Enterprise-Version"] = "3.18.0"
        if call.token is not None:
            headers |= gate.rate_headers(self.world, call.token)
            if call.token.permissions is None:
                headers |= {"X-OAuth-Scopes": "repo, workflow", "X-Accepted-OAuth-Scopes": "repo"}
        return headers


def _matches(fault: Fault, method: str, path: str) -> bool:
    return fnmatch.fnmatchcase(method, fault.method.upper()) and fnmatch.fnmatchcase(path, fault.path)


def _dump(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
