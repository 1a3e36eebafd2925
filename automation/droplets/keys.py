"""SSH keys: of the one who logs in, and of the machine at its very first connection."""

from __future__ import annotations

from dataclasses import dataclass

import asyncssh

from automation.secret import Secret


@dataclass(frozen=True)
class KeyPair:
    """A pair of ed25519: the private half in OpenSSH's form, the public one as a line of ``authorized_keys``."""

    private: Secret
    public: str


def new_pair(comment: str) -> KeyPair:
    """Make a pair; the ``comment`` says in lists of keys what it is for."""
    key = asyncssh.generate_private_key("ssh-ed25519", comment=comment)
    return KeyPair(Secret(key.export_private_key().decode()), key.export_public_key().decode().strip())
