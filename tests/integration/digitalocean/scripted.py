"""A server that answers what a test tells it, for what no simulator says on purpose."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.transport import Patience
from automation.secret import Secret

# Nothing waits for long, whatever happens.
HASTE = Patience(first=0.01, longest=0.02, poll=0.01, settle=0.05, limit=2.0, cluster=5, deletion=5, busy=0.5, read=5)
TOKEN = "dop_v1_0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Told:
    """An answer. ``cut`` ends the connection before its last byte."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class Scripted:
    """Gives its answers in turn, the last for ever, and remembers what was asked."""

    url: str
    answers: list[Told]
    asked: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    def next(self) -> Told:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def scripted(*answers: Told) -> Iterator[Scripted]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    script = Scripted(f"http://127.0.0.1:{server.server_port}", list(answers))

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.asked.append(f"{self.command} {self.path}")
            script.authorizations.append(self.headers.get("Authorization", ""))
            told = script.next()
            body = told.body if isinstance(told.body, bytes) else json.dumps(told.body).encode() if told.body else b""
            self.send_response_only(told.status)
            headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **told.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[:-1] if told.cut else body)
            self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def account(url: str, patience: Patience = HASTE, token: str = TOKEN) -> DigitalOcean:
    return DigitalOcean(Secret(token), url, patience)


def error(status: int, message: str, identity: str = "error", **headers: str) -> Told:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Told(status, {"id": identity, "message": message}, named)
