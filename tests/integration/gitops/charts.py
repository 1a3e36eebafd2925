"""A repository of charts on loopback, with two versions of the chart ``mail``."""

from __future__ import annotations

import functools
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

FIXTURES = Path(__file__).parents[2] / "fixtures" / "validation"
CHART = FIXTURES / "chart"
OLD, NEW = "1.2.3", "1.3.0"
CHANGES = {OLD: {}, NEW: {f"version: {OLD}": f"version: {NEW}", "docker.io/library/mail": "docker.io/library/mailer"}}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Write the charts into ``folder``, serve them, and give their address."""
    told = [_entry(_packed(folder / f"mail-{version}.tgz", version), version) for version in (OLD, NEW)]
    (folder / "index.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "entries": {"mail": told}}))
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _packed(archive: Path, version: str) -> Path:
    with tarfile.open(archive, "w:gz") as packed:
        for file in sorted(CHART.rglob("*")):
            if file.is_file():
                text = file.read_text()
                for old, new in CHANGES[version].items():
                    text = text.replace(old, new)
                member = tarfile.TarInfo(f"mail/{file.relative_to(CHART).as_posix()}")
                member.size = len(text.encode())
                packed.addfile(member, io.BytesIO(text.encode()))
    return archive


def _entry(archive: Path, version: str) -> dict[str, Any]:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return {"apiVersion": "v2", "name": "mail", "version": version, "urls": [archive.name], "digest": digest}
