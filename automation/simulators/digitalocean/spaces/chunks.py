"""Bodies that come in pieces, each with a signature of its own (``Content-Encoding: aws-chunked``).

The pieces are taken apart and passed on as they are: the signature of the request is checked, those of the pieces
and a checksum that trails them are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

_LONGEST_LINE = 4096
BLOCK = 64 * 1024


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, none at the end."""

    def readline(self, limit: int, /) -> bytes:
        """Return a line with its end, of at most ``limit`` bytes."""


def plain(stream: Readable, length: int) -> Iterator[bytes]:
    """Yield a body of ``length`` bytes in blocks. Raises EOFError where it ends before."""
    while length > 0:
        block = stream.read(min(length, BLOCK))
        if not block:
            raise EOFError("the body ended before its Content-Length")
        length -= len(block)
        yield block


def signed(stream: Readable) -> Iterator[bytes]:
    """Yield what the pieces hold. Raises EOFError where they end before the last one, ValueError for other text."""
    while True:
        line = stream.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise EOFError("the body ended before its last chunk")
        size = int(line.split(b";")[0].strip(), 16)
        if size == 0:
            break
        yield from plain(stream, size)
        stream.readline(_LONGEST_LINE)
    while stream.readline(_LONGEST_LINE).strip():  # trailing headers, up to an empty line
        pass
