"""The key that seals plans: a 32-byte secret, or a passphrase made slow to guess by scrypt."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from automation.errors import ConfigurationError
from automation.secret import MASK, Secret

SALT_SIZE: Final = 16
KEY_SIZE: Final = 32
SECRET: Final = 0
PASSPHRASE: Final = 1
_SHORTEST_PASSPHRASE: Final = 16  # characters
_LOG2_N: Final = 15  # scrypt with n=2**15, r=8 takes 32 MiB and about 0.1 s
_STRONGEST: Final = 18  # 256 MiB: what an envelope from elsewhere may ask of us, before it is known to be ours


@dataclass(frozen=True)
class Work:
    """How much work a passphrase takes: scrypt's log2(n); 0 for a secret, which needs none."""

    log2_n: int

    @classmethod
    def checked(cls, kind: int, log2_n: int) -> Work | None:
        """Return what an envelope asks for, or None where that is too weak, too much or unknown."""
        if kind == SECRET and log2_n == 0:
            return cls(0)
        return cls(log2_n) if kind == PASSPHRASE and _LOG2_N <= log2_n <= _STRONGEST else None


@dataclass(frozen=True, repr=False)
class Derived:
    """The keys of one envelope, by their use; ``check`` is no key, it may be seen."""

    payload: bytes
    manifest: bytes
    check: bytes


class Key:
    """Opens and seals envelopes; never printed."""

    __slots__ = ("_secret", "kind")

    def __init__(self, secret: bytes, kind: int) -> None:
        self._secret = secret
        self.kind = kind

    @classmethod
    def from_secret(cls, secret: Secret) -> Key:
        """Read a key: 32 bytes in hex or base64 as they are, anything else of 16 characters or more as a passphrase.

        Raises ConfigurationError for what is too short to protect anything.
        """
        text = secret.reveal().strip()
        if raw := _raw(text):
            return cls(raw, SECRET)
        if len(text) < _SHORTEST_PASSPHRASE or len(set(text)) < _SHORTEST_PASSPHRASE // 2:
            raise ConfigurationError(
                "The key for plan envelopes is too easy to guess.",
                hint="Make one with 'openssl rand -hex 32' and keep it as a secret of the repository.",
            )
        return cls(text.encode(), PASSPHRASE)

    @property
    def work(self) -> Work:
        """The work that new envelopes ask for."""
        return Work(_LOG2_N if self.kind == PASSPHRASE else 0)

    def derive(self, salt: bytes, work: Work | None = None) -> Derived:
        """Return the keys of the envelope with this salt."""
        master = self._master(salt, work or self.work)
        parts = {use: _expanded(master, salt, f"dogitops envelope 1 {use}") for use in ("payload", "manifest", "check")}
        return Derived(parts["payload"], parts["manifest"], parts["check"][:16])

    def digest_key(self, scope: str) -> bytes:
        """Return 32 bytes that are the same for the same key and scope, for keyed digests that must be comparable."""
        salt = sha256(b"dogitops digest key").digest()[:SALT_SIZE]
        return _expanded(self._master(salt, self.work), salt, f"dogitops digest {scope}")

    def _master(self, salt: bytes, work: Work) -> bytes:
        return _stretched(self._secret, salt, work.log2_n) if self.kind == PASSPHRASE else self._secret

    def __repr__(self) -> str:
        return f"Key({MASK})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never pickled")


def _raw(text: str) -> bytes | None:
    """Return the 32 bytes that ``text`` stands for, if it does."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        return bytes.fromhex(text)
    if re.fullmatch(r"[A-Za-z0-9+/]{43}=?|[A-Za-z0-9_-]{43}=?", text):
        try:
            return base64.b64decode(text.rstrip("=").translate(str.maketrans("-_", "+/")) + "=", validate=True)
        except binascii.Error:
            return None
    return None


@lru_cache(maxsize=8)
def _stretched(passphrase: bytes, salt: bytes, log2_n: int) -> bytes:
    return Scrypt(salt=salt, length=KEY_SIZE, n=1 << log2_n, r=8, p=1).derive(passphrase)


def _expanded(master: bytes, salt: bytes, info: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=salt, info=info.encode()).derive(master)
