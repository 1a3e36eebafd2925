"""The server: takes requests in, meets them with faults where a test wants that, and answers as DigitalOcean does."""

from __future__ import annotations

import asyncio
import json
import traceback
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from automation import report
from automation.simulators.digitalocean import gate, routing
from automation.simulators.digitalocean.answers import Answer, ApiError, unauthorized
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud, Request, ready
from automation.simulators.digitalocean.faults import BEFORE, Fault
from automation.simulators.serving import Connection, Sending

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_NO_BODY = frozenset({204, 304})
_CUT = frozenset({"cut", "cut-after"})
_LARGEST = 8_000_000  # bytes of a request; what the real limit is, is not told


class App:
    """An ASGI application. ``closing`` ends requests that a fault made slow."""

    def __init__(self, cloud: Cloud) -> None:
        ready()
        self.cloud = cloud
        self.closing = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        call = await _read(scope, receive)
        with self.cloud.lock:
            fault = self.cloud.faults.meets(call.method, call.path)
        if fault is not None and fault.kind == "slow":
            await self._wait(fault.seconds)
        request_id = str(uuid.uuid4())
        with self.cloud.lock:
            answer = self._answer(call, fault, request_id)
            body = answer.body if isinstance(answer.body, bytes) else self._dump(answer)
            status = 0 if fault is not None and fault.kind in _CUT else answer.status
            self.cloud.requests.append(
                Request(call.method, call.path, call.query, status, fault.kind if fault else None, request_id)
            )
        sending = Sending(answer.status, self._headers(call, answer, request_id), body)
        connection = Connection(scope, send)
        if status == 0:
            connection.cut()
        elif fault is not None and fault.kind == "truncated":
            await connection.break_off(sending)
        else:
            await connection.answer(sending, head=call.method == "HEAD")

    def _answer(self, call: Call, fault: Fault | None, request_id: str) -> Answer:
        cloud = self.cloud
        cloud.settle()
        try:
            answer = self._handle(call, fault, request_id)
        except ApiError as error:
            answer = error.answer(request_id)
        except Exception:  # noqa: BLE001 - the simulator's own mistake must not end it
            report.note(f"The DigitalOcean simulator failed at {call.method} {call.path}:\n{traceback.format_exc()}")
            answer = ApiError(500, "server_error", "The simulator itself failed; see its log.").answer(request_id)
        if fault is not None and fault.kind == "5xx-after":
            return _broken(fault, request_id)
        return answer

    def _handle(self, call: Call, fault: Fault | None, request_id: str) -> Answer:
        cloud = self.cloud
        found = routing.find(call.method, call.path)
        if found is not None and found[0].open:
            call.words = found[1]
            return found[0].handler(cloud, call)
        call.token = gate.token_of(cloud, call)
        gate.count(cloud, call.token)
        if fault is not None and fault.kind in BEFORE:
            if fault.kind == "401":
                raise unauthorized()
            if fault.kind == "429":
                raise gate.too_many(cloud, call.token, retry_after=fault.retry_after)
            return _broken(fault, request_id)
        if found is None:
            cloud.note_unknown(call.method, call.path)
            raise ApiError(501, "not_implemented", f"The simulator does not know {call.method} {call.path}.")
        call.words = found[1]
        gate.admit(found[0], call.token)
        if call.too_large:
            raise ApiError(413, "payload_too_large", "The request is too large.")
        return found[0].handler(cloud, call)

    def _dump(self, answer: Answer) -> bytes:
        return b"" if answer.body is None or answer.status in _NO_BODY else self.cloud.dump(answer.body)

    def _headers(self, call: Call, answer: Answer, request_id: str) -> dict[str, str]:
        headers = {"x-request-id": request_id}
        if answer.status not in _NO_BODY:
            headers["content-type"] = "application/json; charset=utf-8"
        if call.token is not None:
            headers |= gate.rate_headers(self.cloud, call.token)
        return headers | answer.headers

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            return


async def _read(scope: Scope, receive: Receive) -> Call:
    content, size = bytearray(), 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if size <= _LARGEST:
            content += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    base = f"{scope['scheme']}://{headers.get('host', '')}"
    client = (scope.get("client") or ("127.0.0.1",))[0]
    return Call(scope["method"], path, query, headers, bytes(content), base, client, too_large=size > _LARGEST)


def _broken(fault: Fault, request_id: str) -> Answer:
    body: dict[str, Any] = {"id": "server_error", "message": "Unexpected server-side error", "request_id": request_id}
    return Answer(json.dumps(body).encode(), fault.status)
