"""SSH keys of the account."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import unprocessable
from automation.simulators.digitalocean.model import Resource, kind

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud


@kind("ssh_keys")
@dataclass(slots=True)
class Key(Resource):
    """``fingerprint`` is the MD5 one, as DigitalOcean gives it."""

    id: int
    name: str
    public_key: str
    fingerprint: str


def create(cloud: Cloud, name: str, public_key: str) -> Key:
    """Keep a key. Raises the 422 of what is no key, or is there already (an assumption: no evidence for its words)."""
    fingerprint = fingerprint_of(public_key)
    if any(it.fingerprint == fingerprint for it in cloud.state.all(Key).values()):
        raise unprocessable("SSH Key is already in use on your account")
    return cloud.state.add(Key(cloud.new_id(), name, public_key, fingerprint))


def fingerprint_of(public_key: str) -> str:
    """Return the MD5 fingerprint of an OpenSSH public key. Raises the 422."""
    kind_, _, rest = public_key.strip().partition(" ")
    try:
        decoded = base64.b64decode(rest.partition(" ")[0], validate=True)
    except (ValueError, binascii.Error):
        decoded = b""
    if not decoded or not kind_.startswith(("ssh-", "ecdsa-", "sk-")):
        raise unprocessable("Key invalid, key should be of the format `[type] [key] [comment]`")
    digest = hashlib.md5(decoded, usedforsecurity=False).hexdigest()
    return ":".join(digest[index : index + 2] for index in range(0, 32, 2))


def find(cloud: Cloud, identifier: int | str) -> Key | None:
    """Return the key of that id or fingerprint."""
    keys = cloud.state.all(Key)
    text = str(identifier)
    if text.isascii() and text.isdigit():
        return keys.get(int(text)) if len(text) < 20 else None  # noqa: PLR2004 - digits
    return next((it for it in keys.values() if it.fingerprint == text), None)


@events.shape(Key)
def _shape(cloud: Cloud, key: Key) -> dict[str, Any]:  # noqa: ARG001 - all shapes take the cloud
    return {"id": key.id, "fingerprint": key.fingerprint, "public_key": key.public_key, "name": key.name}
