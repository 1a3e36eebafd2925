"""An account with one of everything that is ours, beside the same that is somebody else's."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PAST, FUTURE = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
DROPLET: dict[str, Any] = {"name": "x", "region": "fra1", "size": "s-1vcpu-1gb", "image": "ubuntu-24-04-x64"}


def key(number: int = 0) -> str:
    """Return an SSH key of its own."""
    blob = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + number.to_bytes(32, "big")
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} test"


KEY = key()
