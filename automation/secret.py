"""Secrets as a type of their own: printed as ``***``, opened on purpose, masked wherever text leaves us."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Final, NoReturn

MASK: Final = "***"
_MIN_MASKED_LENGTH: Final = 6  # shorter values would blank out ordinary words

_known: set[str] = set()


class Secret:
    """A value that must not be seen. ``str``, ``repr`` and formatting give ``***``; ``reveal`` opens it.

    Every value (and every line of a multi-line one) is remembered, so that :func:`masked` can take it out
    of the output of other programs.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        for part in {value, *value.splitlines()}:
            if len(part.strip()) >= _MIN_MASKED_LENGTH:
                _known.add(part.strip())

    def reveal(self) -> str:
        """Return the plain value. Call it only where the value leaves for where it is needed."""
        return self._value

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and secrets.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    @classmethod
    def generate(cls, length: int = 32) -> Secret:
        """Return a fresh random secret of about ``length`` URL-safe characters."""
        return cls(secrets.token_urlsafe(length)[:length])

    def derived(self, purpose: str, length: int = 32) -> Secret:
        """Return the secret of ``length`` URL-safe characters for a purpose: the same for the same two, always.

        None of them tells anything about another one (HMAC-SHA256 in counter mode, NIST SP 800-108).
        """
        made, count = b"", 0
        while len(made) * 4 < length * 3:
            count += 1
            made += hmac.digest(self._value.encode(), count.to_bytes(4) + purpose.encode(), hashlib.sha256)
        return Secret(urlsafe_b64encode(made).decode()[:length])

    @classmethod
    def kept_in(cls, path: Path, length: int = 32) -> Secret:
        """Return the secret kept in ``path`` (mode 0600), making it first where there is none."""
        try:
            return cls(path.read_text().strip())
        except FileNotFoundError:
            pass
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = cls.generate(length)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process was first
            return cls(path.read_text().strip())
        with os.fdopen(descriptor, "w") as file:
            file.write(fresh.reveal())
        return fresh


def masked(text: str) -> str:
    """Return ``text`` with every known secret value replaced by ``***``."""
    for value in sorted(_known, key=len, reverse=True):
        if value in text:
            text = text.replace(value, MASK)
    return text


def known_values() -> frozenset[str]:
    """Return every value that :func:`masked` takes out, for who must look for other forms of them, too."""
    return frozenset(_known)
