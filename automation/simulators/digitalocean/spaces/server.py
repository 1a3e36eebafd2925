"""The S3 server behind Spaces: versitygw, as a background process of its own."""

from __future__ import annotations

import socket
from pathlib import Path

from automation import daemon
from automation.errors import ConfigurationError
from automation.objectstore import ObjectStore
from automation.secret import Secret

SERVER = "spaces"
ADDRESS, REGION = "127.0.0.1", "us-east-1"
_ATTEMPTS = 5


def serve(folder: Path, binary: Path) -> ObjectStore:
    """Start ``binary`` over ``folder`` where it does not run yet, on a free port of loopback, and return it.

    Unlike :func:`automation.objectstore.serve_local` it keeps versions of objects, since Spaces does.
    """
    access_key = Secret.kept_in(folder / "access-key", 20)
    secret_key = Secret.kept_in(folder / "secret-key", 40)
    data, versions = folder / "data", folder / "versions"
    for made in (data, versions):
        made.mkdir(parents=True, exist_ok=True, mode=0o700)
    running = daemon.find(folder, SERVER)
    for attempt in range(_ATTEMPTS):
        port = running.port if running is not None else _free_port()
        try:
            daemon.start(
                folder,
                SERVER,
                [binary, "--quiet", "--port", f"{ADDRESS}:{port}", "--region", REGION,
                 "posix", "--versioning-dir", versions, data],
                address=ADDRESS,
                port=port,
                env={"ROOT_ACCESS_KEY": access_key, "ROOT_SECRET_KEY": secret_key},
            )  # fmt: skip
        except ConfigurationError:  # someone took the port since we looked
            if attempt == _ATTEMPTS - 1:
                raise
            running = None
            continue
        return ObjectStore(f"http://{ADDRESS}:{port}", REGION, access_key, secret_key)
    raise AssertionError("the last attempt returns or raises")


def stop(folder: Path) -> bool:
    """End the server over ``folder``; its data stays. Return whether it ran."""
    return daemon.stop(folder, SERVER)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
