"""A small S3 server over HTTP: the part of the API that is used here."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PAGE = 3  # objects in one answer, so that listing needs several


class S3(ThreadingHTTPServer):
    """Buckets and the keys in them, over the part of S3's API that is used here.

    ``conditions`` says how it treats conditional writes: "honoured", "ignored" (as some compatibles do), "told" (it
    answers that they failed, and writes all the same), "unknown" (it refuses all of them as not implemented), and
    "new only" and "match only" (it honours one of the two, and ignores the other).
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.buckets: dict[str, list[str]] = {}
        self.bodies: dict[tuple[str, str], bytes] = {}
        self.conditions = "honoured"
        self.refuse_with: str | None = None
        self.lose_answers = 0  # so many next writes are done, and the connection is closed without an answer
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.lock = threading.RLock()


class Handler(BaseHTTPRequestHandler):
    server: S3
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"  # so that clients which wait for "100 Continue" get it

    def do_GET(self) -> None:
        bucket, key, query = self._asked()
        if not bucket:
            names = "".join(f"<Bucket><Name>{name}</Name></Bucket>" for name in self.server.buckets)
            self._answer(200, f"<ListAllMyBucketsResult><Buckets>{names}</Buckets></ListAllMyBucketsResult>")
        elif bucket not in self.server.buckets:
            self._answer(404, "<Error><Code>NoSuchBucket</Code></Error>")
        elif key:
            self._object(bucket, key)
        else:
            self._listing(bucket, query)

    def _listing(self, bucket: str, query: dict[str, list[str]]) -> None:
        after, prefix = (query.get(name, [""])[0] for name in ("continuation-token", "prefix"))
        with self.server.lock:
            rest = [key for key in sorted(self.server.buckets[bucket]) if key > after and key.startswith(prefix)]
        page = rest[:PAGE]
        more = len(rest) > PAGE
        listed = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(self.server.bodies.get((bucket, key), b''))}</Size>"
            "<LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if more else ""
        body = f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{listed}"
        self._answer(200, f"<ListBucketResult>{body}</ListBucketResult>")

    def _object(self, bucket: str, key: str) -> None:
        with self.server.lock:
            body = self.server.bodies.get((bucket, key))
        if body is None:
            self._answer(404, "<Error><Code>NoSuchKey</Code></Error>")
            return
        ranged = re.fullmatch(r"bytes=0-(\d+)", self.headers.get("Range", ""))
        if ranged and not body:
            self._answer(416, "<Error><Code>InvalidRange</Code></Error>")
            return
        self._answer(206 if ranged else 200, body[: int(ranged[1]) + 1] if ranged else body, etag=etag(body))

    def do_PUT(self) -> None:
        bucket, key, _ = self._asked()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not key:
            self.server.buckets[bucket] = []
            self._answer(200)
            return
        how = self.server.conditions
        with self.server.lock:
            allowed = self._condition(self.server.bodies.get((bucket, key)), how)
            if how == "unknown" and {"If-Match", "If-None-Match"} & set(self.headers):
                self._answer(501, "<Error><Code>NotImplemented</Code></Error>")
                return
            if (allowed or how == "told") and not self.server.refuse_with:
                self.server.bodies[bucket, key] = body
                self.server.buckets[bucket] = sorted({*self.server.buckets[bucket], key})
            if self.server.lose_answers:
                self.server.lose_answers -= 1
                self.close_connection = True
                return
        if allowed:
            self._answer(200, etag=etag(body))
        else:
            self._answer(412, "<Error><Code>PreconditionFailed</Code></Error>")

    def _condition(self, there: bytes | None, how: str) -> bool:
        if self.headers.get("If-None-Match") == "*" and how not in {"ignored", "match only"}:
            return there is None
        if "If-Match" in self.headers and how not in {"ignored", "new only"}:
            return there is not None and etag(there) == self.headers["If-Match"]
        return True

    def do_DELETE(self) -> None:
        bucket, key, _ = self._asked()
        if key:
            with self.server.lock:
                if key in self.server.buckets[bucket]:
                    self.server.buckets[bucket].remove(key)
                self.server.bodies.pop((bucket, key), None)
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

    def _answer(self, status: int, body: str | bytes = "", *, etag: str = "") -> None:
        refused = self.server.refuse_with
        if refused:
            status, body = 403, f"<Error><Code>{refused}</Code><Message>no</Message></Error>"
        raw = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(raw)))
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


def etag(body: bytes) -> str:
    """Return what S3 names a content with."""
    return f'"{md5(body, usedforsecurity=False).hexdigest()}"'


@contextmanager
def serving() -> Iterator[S3]:
    server = S3()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
