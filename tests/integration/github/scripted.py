"""A local HTTP server that answers from a script, for what a well-behaved GitHub never says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """One answer; ``body`` is sent as JSON unless it is bytes. ``cut`` closes the connection instead."""

    status: int = 200
    body: object = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Scripted(ThreadingHTTPServer):
    """Answers requests in the order of ``script``; the last answer is given again and again."""

    daemon_threads = True

    def __init__(self, script: list[Answer] | Callable[[Asked], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if callable(self.script):
            return self.script(asked)
        return self.script[min(len(self.asked), len(self.script)) - 1]


class _Handler(BaseHTTPRequestHandler):
    server: Scripted
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.next(Asked(self.command, self.path, dict(self.headers), body))
        if answer.cut:
            self.close_connection = True
            return
        sent = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            **answer.headers,
            "Content-Length": str(len(sent)),
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serve(script: list[Answer] | Callable[[Asked], Answer]) -> Iterator[Scripted]:
    server = Scripted(script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
