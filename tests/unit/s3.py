"""A small S3 server over HTTP: the part of the API that is used here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PAGE = 3  # objects in one answer, so that listing needs several


class S3(ThreadingHTTPServer):
    """Buckets and the keys in them, over the part of S3's API that is used here."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.buckets: dict[str, list[str]] = {}
        self.refuse_with: str | None = None
        self.seen: list[tuple[str, str, dict[str, str]]] = []


class Handler(BaseHTTPRequestHandler):
    server: S3

    def do_GET(self) -> None:
        bucket, _, query = self._asked()
        if not bucket:
            names = "".join(f"<Bucket><Name>{name}</Name></Bucket>" for name in self.server.buckets)
            self._answer(200, f"<ListAllMyBucketsResult><Buckets>{names}</Buckets></ListAllMyBucketsResult>")
            return
        keys = self.server.buckets[bucket]
        after = query.get("continuation-token", [""])[0]
        rest = [key for key in keys if key > after]
        page = rest[:PAGE]
        more = len(rest) > PAGE
        listed = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in page)
        token = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if more else ""
        body = f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{listed}"
        self._answer(200, f"<ListBucketResult>{body}</ListBucketResult>")

    def do_PUT(self) -> None:
        bucket, _, _ = self._asked()
        self.server.buckets[bucket] = []
        self._answer(200)

    def do_DELETE(self) -> None:
        bucket, key, _ = self._asked()
        if key:
            self.server.buckets[bucket].remove(key)
        elif self.server.buckets[bucket]:
            self._answer(409, "<Error><Code>BucketNotEmpty</Code></Error>")
            return
        else:
            del self.server.buckets[bucket]
        self._answer(204)

    def _asked(self) -> tuple[str, str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        self.server.seen.append((self.command, self.path, dict(self.headers.items())))
        return bucket, key, parse_qs(parts.query)

    def _answer(self, status: int, body: str = "") -> None:
        refused = self.server.refuse_with
        if refused:
            status, body = 403, f"<Error><Code>{refused}</Code><Message>no</Message></Error>"
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@contextmanager
def serving() -> Iterator[S3]:
    server = S3()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
