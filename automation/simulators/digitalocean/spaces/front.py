"""The HTTP server in front of the S3 server: it checks keys and grants, and passes requests on signed anew."""

from __future__ import annotations

import http.client
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from automation.objectstore import ObjectStore
from automation.simulators.digitalocean.spaces import chunks, grants, signature
from automation.simulators.digitalocean.spaces.signature import Asked, Unsigned

NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")  # of a bucket: docs.digitalocean.com, "Spaces limits"
_PUBLIC = re.compile(r"([a-z]{3}[0-9])\.digitaloceanspaces\.com")
_HOP = frozenset(
    {"connection", "host", "authorization", "transfer-encoding", "expect", "proxy-connection", "proxy-authorization",
     "keep-alive", "te", "trailer", "upgrade", "x-amz-date", "x-amz-content-sha256", "content-length", "user-agent",
     "accept-encoding", "x-amz-decoded-content-length", "x-amz-trailer", "amz-sdk-invocation-id", "amz-sdk-request"}
)  # fmt: skip
_LOOPBACK = "127.0.0.1"
_LONGEST_SETTING = 1_000_000  # bytes of a lifecycle configuration


class Keeper(Protocol):
    """What the front asks the account about, from any thread."""

    def key(self, access_key: str) -> tuple[str, tuple[tuple[str, str], ...]] | None:
        """Return the secret and the grants ``(bucket, permission)`` of a key, None where there is none."""

    def created(self, bucket: str, region: str) -> None:
        """Take note of a bucket that was made."""

    def deleted(self, bucket: str) -> None:
        """Take note of a bucket that was removed."""

    def region(self, bucket: str) -> str:
        """Return where a bucket lies; of one that nobody took note of, the default."""

    def lifecycle(self, bucket: str) -> str:
        """Return a bucket's lifecycle configuration, empty where it has none."""

    def set_lifecycle(self, bucket: str, text: str) -> None:
        """Keep a bucket's lifecycle configuration."""


class Front(ThreadingHTTPServer):
    """Serves a store under virtual-host names. ``region`` is where buckets of a plain ``localhost`` lie.

    ``taken`` are names of buckets that other accounts have; without ``conditions`` writes ignore them, as some stores
    do.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, store: ObjectStore, keeper: Keeper, *, address: str = _LOOPBACK, port: int = 0, region: str = "nyc3"
    ) -> None:
        super().__init__((address, port), _Handler)
        self.address = address
        backend = urlsplit(store.endpoint)
        self.backend = (backend.hostname or _LOOPBACK, backend.port or 80)
        self.store, self.keeper, self.default_region = store, keeper, region
        self.taken: set[str] = set()
        self.conditions = True
        self.deciding = threading.Lock()  # held while a write with a condition is done
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="spaces", daemon=True)

    @property
    def url(self) -> str:
        """The endpoint to give to clients: buckets are names below it."""
        return f"http://localhost:{self.server_address[1]}"

    @property
    def proxy(self) -> str:
        """The same server for ``HTTP_PROXY``, where names below localhost don't resolve."""
        return f"http://{self.address}:{self.server_address[1]}"

    def start(self) -> None:
        """Serve until :meth:`stop`."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self.shutdown()
        self._thread.join(10)
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up."""
        del request, client_address


class _Handler(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 300

    def do_GET(self) -> None:
        """Serve any method."""
        self.request_id = f"tx{secrets.token_hex(10)}"
        self.bucket = ""
        self._taken = False  # whether the body was read
        self._begun = False  # whether an answer was begun
        try:
            self._serve()
        except Unsigned as error:
            self._refuse(error.status, error.code, str(error))
        except (OSError, http.client.HTTPException, EOFError, ValueError) as error:
            self.close_connection = True
            if not self._begun:
                self._refuse(503, "ServiceUnavailable", f"The S3 server behind the simulator failed: {error}")

    do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - named by the base class

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Write nothing: keys are in these lines."""

    def _serve(self) -> None:
        headers = {name.lower(): ",".join(self.headers.get_all(name, [])) for name in self.headers}
        target = urlsplit(self.path) if self.path.startswith("http") else urlsplit("//" + "host" + self.path)
        host = target.netloc if self.path.startswith("http") else headers.get("host", "")
        headers["host"] = host
        query = signature.parse_query(target.query)
        region, self.bucket, key = self._place(host, target.path)
        asked = Asked(self.command, target.path, query, headers)
        signed = signature.read(asked)
        found = self.server.keeper.key(signed.access_key)
        if found is None:
            raise Unsigned(
                403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
            )
        secret_key, granted = found
        signature.check(signed, secret_key, asked)
        names = [name for name, _ in query]
        need = grants.needed(self.command, self.bucket, key, names)
        if not grants.allows(granted, self.bucket, need):
            raise Unsigned(403, "AccessDenied", "Access Denied")
        query = [(name, value) for name, value in query if not name.startswith("X-Amz-")]
        if self._own_answer(key, names):
            return
        creates = self.command == "PUT" and bool(self.bucket) and not key and not names
        if self.bucket in self.server.taken:
            raise Unsigned(409, "BucketAlreadyExists", "") if creates else Unsigned(403, "AccessDenied", "")
        if creates and not NAME.fullmatch(self.bucket):
            raise Unsigned(400, "InvalidBucketName", "The specified bucket is not valid.")
        if "if-none-match" in headers and self.command == "PUT":
            with self.server.deciding:
                if self._is_deleted(key):  # the server behind takes the mark of a deletion for an object
                    del headers["if-none-match"]
                answer = self._pass_on(headers, signed.payload, key, query, creates=creates)
        else:
            answer = self._pass_on(headers, signed.payload, key, query, creates=creates)
        if creates and answer.status == 200:  # noqa: PLR2004
            self.server.keeper.created(self.bucket, region)
        elif self.command == "DELETE" and self.bucket and not key and not names and answer.status == 204:  # noqa: PLR2004
            self.server.keeper.deleted(self.bucket)
        self._give_back(answer)

    def _place(self, host: str, path: str) -> tuple[str, str, str]:
        """Return the region, the bucket (empty: the service itself) and the key that host and path name."""
        name = host.partition(":")[0].lower()
        first, _, rest = name.partition(".")
        for whole, bucket in ((name, ""), (rest, first)):
            public = _PUBLIC.fullmatch(whole)
            if public or whole == "localhost" or (not bucket and whole in {_LOOPBACK, self.server.address}):
                region = public[1] if public else self.server.default_region
                if bucket:
                    return region, bucket, path.removeprefix("/")
                bucket, _, key = path.removeprefix("/").partition("/")  # noqa: PLW2901 - path style
                return region, bucket, key
        raise Unsigned(404, "NoSuchBucket", f"The simulator serves no Spaces under {name}.")

    def _own_answer(self, key: str, names: list[str]) -> bool:
        """Answer what the S3 server behind does not know: where a bucket lies, and lifecycles."""
        keeper = self.server.keeper
        if key or not self.bucket or not {"location", "lifecycle"} & set(names) or not self._exists():
            return False
        if "location" in names:
            self._answer(200, f"<LocationConstraint>{keeper.region(self.bucket)}</LocationConstraint>")
        elif self.command == "GET":
            text = keeper.lifecycle(self.bucket)
            if not text:
                raise Unsigned(404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
            self._answer(200, text)
        else:
            sent = b"".join(self._body())
            keeper.set_lifecycle(self.bucket, sent.decode() if self.command == "PUT" else "")
            self._answer(200 if self.command == "PUT" else 204, "")
        return True

    def _exists(self) -> bool:
        reached = self._reach(Asked("HEAD", f"/{self.bucket}", [], {}), signature.UNSIGNED, iter(()), None)
        reached.read()
        return reached.status == 200  # noqa: PLR2004

    def _is_deleted(self, key: str) -> bool:
        """Whether an object is not there (any more), whatever earlier versions of it are kept."""
        reached = self._reach(Asked("HEAD", f"/{self.bucket}/{key}", [], {}), signature.UNSIGNED, iter(()), None)
        reached.read()
        return reached.status == 404  # noqa: PLR2004

    def _body(self) -> Iterator[bytes]:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LONGEST_SETTING:
            raise Unsigned(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        self._taken = True
        return chunks.plain(self.rfile, length)

    def _pass_on(
        self, headers: Mapping[str, str], payload: str, key: str, query: list[tuple[str, str]], *, creates: bool
    ) -> http.client.HTTPResponse:
        kept = {name: value for name, value in headers.items() if name not in _HOP}
        if not self.server.conditions:
            kept = {name: value for name, value in kept.items() if not name.startswith("if-")}
        length: int | None = int(headers.get("content-length") or 0)
        if headers.get("transfer-encoding"):
            raise Unsigned(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        if payload.startswith("STREAMING-"):
            length = int(headers.get("x-amz-decoded-content-length") or 0)
            coding = [word.strip() for word in kept.pop("content-encoding", "").split(",")]
            coding = [word for word in coding if word and word != "aws-chunked"]
            if coding:
                kept["content-encoding"] = ",".join(coding)
            body, payload = chunks.signed(self.rfile), signature.UNSIGNED
        else:
            body = chunks.plain(self.rfile, length or 0)
        if creates:  # else it refuses every ACL; and where it lies is told by the front
            kept.setdefault("x-amz-object-ownership", "BucketOwnerPreferred")
            b"".join(body)
            body, length, payload = iter(()), 0, signature.UNSIGNED
        self._taken = True
        path = f"/{self.bucket}" + (f"/{key}" if key else "") if self.bucket else "/"
        return self._reach(Asked(self.command, path, query, kept), payload, body, length)

    def _reach(self, asked: Asked, payload: str, body: Iterator[bytes], length: int | None) -> http.client.HTTPResponse:
        """Ask the S3 server as its owner; return its answer, whose body is still to be read."""
        host, port = self.server.backend
        own = {"host": f"{host}:{port}"} | {k: v for k, v in asked.headers.items() if k.startswith("x-amz-")}
        store = self.server.store
        access_key, secret_key = store.access_key.reveal(), store.secret_key.reveal()
        signed = signature.sign(access_key, secret_key, store.region, replace(asked, headers=own), payload)
        connection = http.client.HTTPConnection(host, port, timeout=120)
        query = signature.canonical_query(asked.query)
        url = signature.canonical_path(asked.path) + (f"?{query}" if query else "")
        connection.putrequest(asked.method, url, skip_host=True, skip_accept_encoding=True)
        for name, value in {**asked.headers, **own, **signed}.items():
            connection.putheader(name, value)
        if length is not None and (length or asked.method in {"PUT", "POST"}):
            connection.putheader("content-length", str(length))
        connection.putheader("connection", "close")
        connection.endheaders()
        for block in body:
            connection.send(block)
        return connection.getresponse()

    def _give_back(self, answer: http.client.HTTPResponse) -> None:
        self._begun = True
        self.send_response_only(answer.status, answer.reason)
        length = answer.getheader("content-length")
        whole = b"" if length is not None else answer.read()
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "content-length", "keep-alive", "server"}:
                self.send_header(name, value)
        if answer.status not in {204, 304}:
            self.send_header("Content-Length", length if length is not None else str(len(whole)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if whole:
            self.wfile.write(whole)
        while block := answer.read(chunks.BLOCK):
            self.wfile.write(block)

    def _refuse(self, status: int, code: str, message: str) -> None:
        if not self._taken and (int(self.headers.get("Content-Length") or 0) or "Transfer-Encoding" in self.headers):
            self.close_connection = True  # the body that was not read is no next request
        self._answer(
            status,
            f"<Error><Code>{code}</Code><Message>{escape(message)}</Message><BucketName>{escape(self.bucket)}"
            f"</BucketName><RequestId>{self.request_id}</RequestId><HostId>simulated</HostId></Error>",
        )

    def _answer(self, status: int, text: str) -> None:
        self._begun = True
        body = text.encode()
        if text and not text.startswith("<?xml"):
            body = b'<?xml version="1.0" encoding="UTF-8"?>' + body
        self.send_response_only(status)
        self.send_header("x-amz-request-id", self.request_id)
        self.send_header("Content-Type", "application/xml")
        if status != 204:  # noqa: PLR2004
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
