"""A read-only smart-HTTP Git server over one repository: ``python -m automation.gitops.server``.

It serves ``/repository.git`` through Git's own ``git http-backend``, from a view of the repository that follows what
is checked out, so that a commit is there for clusters the moment it is made. Only fetching is allowed. It listens on
the address given and on no other; clusters reach it over the docker bridge.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from http.client import parse_headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Final
from urllib.parse import parse_qs, urlsplit

from automation.errors import DogitopsError
from automation.gitops.view import CONFIG, View

PATH: Final = "/repository.git"

_SERVICE: Final = "git-upload-pack"
_CHUNK: Final = 64 * 1024
_MAX_BODY: Final = 64 * 1024 * 1024  # bytes; a client's list of what it has is a few kilobytes
_AT_ONCE: Final = 8


class Server(ThreadingHTTPServer):
    """Serves what ``view`` shows of a repository."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], view: View) -> None:
        super().__init__(address, Handler)
        self.view = view
        self.slots = threading.BoundedSemaphore(_AT_ONCE)


class Handler(BaseHTTPRequestHandler):
    """Answers the two requests that a fetch makes, and refuses all others."""

    server: Server
    server_version = "dogitops"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds without a byte from the client

    def do_GET(self) -> None:
        """Advertise references, to those who want to fetch."""
        path, query = self._asked()
        if not path.startswith(f"{PATH}/"):
            self.send_error(HTTPStatus.NOT_FOUND)
        elif path == f"{PATH}/info/refs" and parse_qs(query).get("service") == [_SERVICE]:
            try:
                self.server.view.follow()
            except DogitopsError as error:
                self.log_error("%s", error.message)
                self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "The repository has no commit that could be served")
                return
            self._backend("/info/refs", f"service={_SERVICE}")
        else:
            self.send_error(HTTPStatus.FORBIDDEN, "Only fetching over smart HTTP is allowed")

    def do_POST(self) -> None:
        """Send a pack."""
        path, _ = self._asked()
        if path == f"{PATH}/{_SERVICE}":
            self._backend(f"/{_SERVICE}", "")
        elif path.startswith(f"{PATH}/"):
            self.close_connection = True  # its body stays unread
            self.send_error(HTTPStatus.FORBIDDEN, "This repository is read-only")
        else:
            self.close_connection = True
            self.send_error(HTTPStatus.NOT_FOUND)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log what went wrong only: clusters ask every few seconds, for ever."""
        if not str(int(code) if isinstance(code, HTTPStatus) else code).startswith("2"):
            super().log_request(code, size)

    def _asked(self) -> tuple[str, str]:
        url = urlsplit(self.path)
        return url.path, url.query

    def _backend(self, service: str, query: str) -> None:
        """Let ``git http-backend`` answer, and pass its answer on as it comes."""
        with self.server.slots:
            # Not process.run: a pack is binary and may be large, so it is passed on in pieces, never collected.
            child = subprocess.Popen(
                ["git", "http-backend"],
                env=self._variables(service, query),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert child.stdin is not None  # noqa: S101 - for the type checker
            assert child.stdout is not None  # noqa: S101 - for the type checker
            feeder = threading.Thread(target=self._feed, args=(child.stdin,), daemon=True)
            feeder.start()
            try:
                self._pass_on(child.stdout)
            except (BrokenPipeError, ConnectionResetError, TimeoutError):
                self.close_connection = True  # the client went away
            finally:
                child.stdout.close()
                child.kill()
                child.wait()
                if self.close_connection:  # the feeder may wait for a client that waits for us
                    with contextlib.suppress(OSError):
                        self.connection.shutdown(socket.SHUT_RD)
                feeder.join(timeout=5)

    def _variables(self, service: str, query: str) -> dict[str, str]:
        """Return the CGI variables: a clean environment, so that nobody's Git settings leak in."""
        given = {
            "CONTENT_TYPE": self.headers.get("Content-Type"),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding"),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol"),
        }
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(CONFIG),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_TRANSLATED": f"{self.server.view.folder}{service}",
            "QUERY_STRING": query,
            "REMOTE_ADDR": self.client_address[0],
            **{name: value for name, value in given.items() if value is not None},
        }

    def _feed(self, stdin: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            for piece in self._body():
                stdin.write(piece)
        with contextlib.suppress(OSError):
            stdin.close()

    def _body(self) -> Iterator[bytes]:
        """Yield the request's body, whether its length was announced or it comes in chunks."""
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            left = _MAX_BODY
            while size := int(self.rfile.readline(32).split(b";")[0], 16):
                left -= size
                if left < 0:
                    self.close_connection = True
                    return
                yield self.rfile.read(size)
                self.rfile.readline(4)
            while self.rfile.readline(1024).strip():
                pass
            return
        left = min(int(self.headers.get("Content-Length") or 0), _MAX_BODY)
        while left > 0:
            piece = self.rfile.read(min(left, _CHUNK))
            if not piece:
                return
            left -= len(piece)
            yield piece

    def _pass_on(self, stdout: IO[bytes]) -> None:
        headers = parse_headers(stdout)
        status = int((headers.get("Status") or "200").split()[0])
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() != "status":
                self.send_header(name, value)
        # Its length is not known before its end: the end of the connection is the end of the answer.
        self.send_header("Connection", "close")
        self.end_headers()
        while piece := stdout.read1(_CHUNK):  # type: ignore[attr-defined]  # a pipe is buffered
            self.wfile.write(piece)
        self.wfile.flush()
        self.close_connection = True


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until ended."""
    parser = argparse.ArgumentParser(prog="python -m automation.gitops.server", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--repository", required=True, type=Path, help="the repository's Git folder")
    parser.add_argument("--view", required=True, type=Path, help="a folder for what clusters see of it; made anew")
    options = parser.parse_args(argv)
    view = View(options.repository, options.view)
    with Server((options.address, options.port), view) as server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
