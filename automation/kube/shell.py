"""Commands in containers, over the API server's WebSocket."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, Final, cast

from automation.errors import CommandFailed, DeadlineExceeded, DogitopsError

STDIN, STDOUT, STDERR, ERROR = range(4)

_CHUNK: Final = 32 * 1024
_SHOWN: Final = 80  # characters of one word of a command line that an error shows


def question(argv: Sequence[str], container: str | None, *, has_stdin: bool) -> list[tuple[str, str]]:
    """Return the query of an exec request."""
    query = [("command", word) for word in argv]
    query += [("container", container)] if container else []
    query += [("stdin", "true")] if has_stdin else []
    return [*query, ("stdout", "true"), ("stderr", "true"), ("tty", "false")]


def converse(socket: Any, where: str, argv: Sequence[str], stdin: bytes | None, timeout: float) -> str:
    """Feed ``stdin``, collect both streams, and return stdout once the command has ended well.

    ``socket`` is the kubernetes package's WSClient in binary mode, ``where`` is ``namespace/pod`` for errors.
    """
    from websocket import WebSocketException  # noqa: PLC0415 - heavy

    heard = _Heard(socket)
    name = " ".join(argv[:3])
    deadline = time.monotonic() + timeout
    try:
        if stdin is not None:
            _feed(socket, heard, stdin, where)
        while socket.is_open() and not heard.parts[ERROR]:
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeadlineExceeded(f"{name} in {where} did not finish within {timeout:.0f} s.")
            heard.more(min(left, 1.0))
    except (WebSocketException, OSError) as error:
        if not heard.parts[ERROR]:
            raise DogitopsError(
                f"The connection to {where} broke while {name} ran: {error}",
                hint="The pod may have been stopped; look at it and try again.",
            ) from error
    out, err, status = (heard.text(channel) for channel in (STDOUT, STDERR, ERROR))
    if not status:
        raise DogitopsError(
            f"The connection to {where} closed before {name} had ended.\n{err}".rstrip(),
            hint="The pod may have been stopped; look at it and try again.",
        )
    ended = cast("dict[str, Any]", json.loads(status))
    if ended.get("status") != "Success":
        words = [word if len(word) <= _SHOWN else f"{word[:_SHOWN]}…" for word in argv]
        raise CommandFailed(("exec", where, *words), _exit_code(ended), err or out or str(ended.get("message")))
    return out


class _Heard:
    """What came from the container so far, by channel."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.parts: dict[int, list[bytes]] = {STDOUT: [], STDERR: [], ERROR: []}

    def more(self, patience: float) -> None:
        self._socket.update(timeout=patience)
        for channel, parts in self.parts.items():
            # Ask for a channel only when it holds something: asking for an empty one reads the socket.
            if channel in self._socket._channels:  # noqa: SLF001 - there is no other way to tell
                parts.append(self._socket.read_channel(channel))

    def text(self, channel: int) -> str:
        return b"".join(self.parts[channel]).decode(errors="replace")


def _feed(socket: Any, heard: _Heard, stdin: bytes, where: str) -> None:
    if socket.subprotocol != "v5.channel.k8s.io":  # older ones have no way to say where stdin ends
        raise DogitopsError(
            f"The server of {where} cannot be told where stdin ends (it speaks {socket.subprotocol}).",
            hint="Use Kubernetes 1.30 or newer.",
        )
    for start in range(0, len(stdin), _CHUNK):
        socket.write_channel(STDIN, stdin[start : start + _CHUNK])
        heard.more(0)
    socket.close_channel(STDIN)


def _exit_code(status: dict[str, Any]) -> int:
    causes = (status.get("details") or {}).get("causes") or []
    codes = [cause.get("message", "") for cause in causes if cause.get("reason") == "ExitCode"]
    return int(codes[0]) if codes and codes[0].isdigit() else -1
