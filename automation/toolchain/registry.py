"""A small read-only registry (OCI distribution) over image layouts: clusters here pull from it as a mirror.

One server stands for several upstream registries: containerd names the one it means in ``?ns=``.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import re
import signal
import sys
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from automation import daemon
from automation.errors import ConfigurationError
from automation.toolchain import engine, oci
from automation.workspace import cache_folder

UPSTREAM = {
    "docker.io": "https://registry-1.docker.io",
    "quay.io": "https://quay.io",
    "registry.k8s.io": "https://registry.k8s.io",
    "ghcr.io": "https://ghcr.io",
    "public.ecr.aws": "https://public.ecr.aws",
    "registry.digitalocean.com": "https://registry.digitalocean.com",
}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PATH = re.compile(r"/v2/(?P<name>[a-z0-9][a-z0-9._/-]*)/(?P<kind>manifests|blobs)/(?P<what>[A-Za-z0-9._:-]+)")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def serve(folder: Path, port: int) -> str:
    """Start the registry on docker's bridge, where it does not run yet, and return its URL.

    Its record and log lie in ``folder``. Raises ConfigurationError when the port is taken.
    """
    address = engine.bridge_address()
    images = cache_folder() / "images"
    images.mkdir(parents=True, exist_ok=True)
    argv: list[str | Path] = [
        *(sys.executable, "-m", "automation.toolchain.registry"),
        *("--address", address, "--port", str(port), "--root", images),
    ]
    package = Path(__file__).parents[2]
    daemon.start(folder, "registry", argv, address=address, port=port, env={"PYTHONPATH": str(package)})
    return f"http://{address}:{port}"


def containerd_hosts(url: str) -> dict[str, str]:
    """Return containerd's configuration of the mirror at ``url``: text by file path below ``certs.d``.

    Each upstream is asked where the mirror does not have an image.
    """
    return {
        f"{registry}/hosts.toml": (f'server = "{upstream}"\n\n[host."{url}"]\n  capabilities = ["pull", "resolve"]\n')
        for registry, upstream in UPSTREAM.items()
    }


def find_manifest(root: Path, registry: str | None, name: str, what: str) -> tuple[Path, str] | None:
    """Return the manifest file, and its digest, of image ``name`` by tag or digest.

    Without ``registry`` (a client that is not a mirror's) any upstream's image of that name will do.
    """
    for layout in oci.layouts(root):
        host, _, rest = layout.reference.partition("/")
        repository, _, tag = rest.rpartition(":")
        if repository == name and registry in {None, host} and what in {tag, layout.digest}:
            return oci.blob(layout.folder, layout.digest), layout.digest
    return None


def find_blob(root: Path, digest: str) -> Path | None:
    """Return a blob of any image."""
    for folder in root.iterdir() if root.is_dir() else []:
        path = oci.blob(folder, digest)
        if not folder.name.startswith(".") and path.is_file():
            return path
    return None


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; everything else is refused."""

    protocol_version = "HTTP/1.1"
    server_version = "dogitops-registry"
    sys_version = ""
    timeout = 120

    def __init__(self, root: Path, *arguments: object) -> None:
        self.root = root
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer with headers and body."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer with headers alone."""
        self._answer(body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Write one line for each request to the log."""
        sys.stderr.write(f"{self.log_date_time_string()} {self.client_address[0]} {format % args}\n")

    def _answer(self, *, body: bool) -> None:
        parts = urlsplit(self.path)
        if parts.path in {"/v2", "/v2/"}:
            self._send(b"{}", {"Content-Type": "application/json"}, body=body)
            return
        match = _PATH.fullmatch(parts.path)
        if match is None or ".." in match["name"]:
            self._refuse("NAME_UNKNOWN", "no such address", body=body)
            return
        registry = parse_qs(parts.query).get("ns", [None])[0]
        if match["kind"] == "manifests":
            self._manifest(registry, match["name"], match["what"], body=body)
        else:
            self._blob(match["what"], body=body)

    def _manifest(self, registry: str | None, name: str, what: str, *, body: bool) -> None:
        found = find_manifest(self.root, registry, name, what)
        if found is None:
            self._refuse("MANIFEST_UNKNOWN", f"no image {registry or '*'}/{name} {what} here", body=body)
            return
        path, digest = found
        self._send(path.read_bytes(), {"Content-Type": oci.MANIFEST, "Docker-Content-Digest": digest}, body=body)

    def _blob(self, digest: str, *, body: bool) -> None:
        path = find_blob(self.root, digest) if _DIGEST.fullmatch(digest) else None
        if path is None:
            self._refuse("BLOB_UNKNOWN", f"no blob {digest} here", body=body)
            return
        with path.open("rb") as file:
            size = path.stat().st_size
            asked = _RANGE.fullmatch(self.headers.get("Range", ""))
            start, end = 0, size - 1
            if asked is not None:
                start, end = int(asked[1]), min(int(asked[2] or end), end)
                if start > end:
                    self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                    self.send_header("Content-Range", f"bytes */{size}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
            self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
            if asked is not None:
                self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Docker-Content-Digest", digest)
            self.send_header("Content-Length", str(end - start + 1))
            self.end_headers()
            if body and size:
                self.connection.sendfile(file, start, end - start + 1)

    def _send(self, data: bytes, headers: dict[str, str], *, body: bool, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Docker-Distribution-API-Version", "registry/2.0")
        self.end_headers()
        if body:
            self.wfile.write(data)

    def _refuse(self, code: str, message: str, *, body: bool) -> None:
        data = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self._send(data, {"Content-Type": "application/json"}, body=body, status=HTTPStatus.NOT_FOUND)


class Server(ThreadingHTTPServer):
    """Serves the layouts below ``root`` on one address of this machine, never on all of them."""

    daemon_threads = True

    def __init__(self, address: str, port: int, root: Path) -> None:
        if ipaddress.ip_address(address).is_unspecified:
            raise ConfigurationError(
                f"The registry does not listen on {address}: everyone who reaches this machine could use it.",
                hint="Give it one address, such as that of docker's bridge.",
            )
        try:
            super().__init__((address, port), partial(Handler, root))
        except OSError as error:
            raise ConfigurationError(
                f"The registry can't listen on {address}:{port}: {error.strerror}.",
                hint=f"'ss -ltnp sport = :{port}' names who does; or choose another port.",
            ) from error


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="python -m automation.toolchain.registry", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--root", required=True, type=Path)
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Server(arguments.address, arguments.port, arguments.root) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
