"""Keys of age (https://age-encryption.org/v1), with which SOPS opens files: X25519, written in Bech32 (BIP 173)."""

from __future__ import annotations

import hashlib
from typing import Final

from automation.secret import Secret

_LETTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def identity(seed: Secret) -> Secret:
    """Return the identity (``AGE-SECRET-KEY-1…``) that belongs to a seed: the same for the same seed, always."""
    key = hashlib.sha256(b"dogitops age identity\0" + seed.reveal().encode()).digest()
    return Secret(_bech32("age-secret-key-", key).upper())


def recipient(identity: Secret) -> str:
    """Return the recipient (``age1…``, public) of an identity. Raises ValueError for what is none."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415 - heavy

    key = X25519PrivateKey.from_private_bytes(_data(identity.reveal().strip()))
    return _bech32("age", key.public_key().public_bytes_raw())


def _data(text: str) -> bytes:
    prefix, _, letters = text.lower().rpartition("1")
    if prefix != "age-secret-key-" or any(letter not in _LETTERS for letter in letters):
        raise ValueError("this is no identity of age")
    values = [_LETTERS.index(letter) for letter in letters]
    if _checksum(prefix, values) != 1:
        raise ValueError("this identity of age has a wrong letter")
    return bytes(_regrouped(values[:-6], 5, 8))


def _bech32(prefix: str, data: bytes) -> str:
    values = _regrouped(data, 8, 5)
    check = _checksum(prefix, [*values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [(check >> 5 * (5 - place)) & 31 for place in range(6)]
    return f"{prefix}1{''.join(_LETTERS[value] for value in values)}"


def _checksum(prefix: str, values: list[int]) -> int:
    expanded = [*(ord(letter) >> 5 for letter in prefix), 0, *(ord(letter) & 31 for letter in prefix)]
    check = 1
    for value in (*expanded, *values):
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit in range(5):
            check ^= _GENERATOR[bit] if top >> bit & 1 else 0
    return check


def _regrouped(data: bytes | list[int], width: int, into: int) -> list[int]:
    """Return the same bits in groups of another width, the last one filled with zeros (going down: dropped)."""
    held, bits, groups = 0, 0, []
    for value in data:
        held, bits = held << width | value, bits + width
        while bits >= into:
            bits -= into
            groups.append(held >> bits & (1 << into) - 1)
    if into < width and bits:
        groups.append(held << (into - bits) & (1 << into) - 1)
    return groups
