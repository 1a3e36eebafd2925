"""Spaces of a simulated cloud: the S3 server, and the front that asks the cloud about keys."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from automation.simulators.digitalocean.spaces import server
from automation.simulators.digitalocean.spaces.front import Front

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud


@contextlib.contextmanager
def serving(cloud: Cloud, binary: Path, folder: Path, *, address: str = "127.0.0.1", port: int = 0) -> Iterator[Front]:
    """Serve the buckets of a cloud with the S3 server ``binary``, kept in ``folder``; its keys open them.

    ``address`` is loopback, or docker's bridge, where containers reach it.

    Raises ConfigurationError when the S3 server can't be started, OSError when the port is taken.
    """
    from automation.simulators.digitalocean.models.spaces import Account  # noqa: PLC0415 - it needs what is here

    try:
        front = Front(server.serve(folder, binary), Account(cloud), address=address, port=port)
        front.start()
        try:
            yield front
        finally:
            front.stop()
    finally:
        server.stop(folder)
