"""Commands in the pods of the stand-in: the server's side of a WebSocket, as kubectl exec speaks it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
import subprocess
from http.server import BaseHTTPRequestHandler
from typing import Any


class Exec:
    """An exec request over a WebSocket that ``handler`` got; ``variables`` are added to the environment."""

    def __init__(
        self, handler: BaseHTTPRequestHandler, query: dict[str, list[str]], subprotocol: str, variables: dict[str, str]
    ) -> None:
        self.handler = handler
        self.subprotocol = subprotocol
        self.variables = variables
        self.argv = query["command"]
        self.has_stdin = query.get("stdin") == ["true"]

    def run(self) -> None:
        """Shake hands, run the command on this machine, and send what it says."""
        key = self.handler.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.handler.send_response(101)
        self.handler.send_header("Upgrade", "websocket")
        self.handler.send_header("Connection", "Upgrade")
        accepted = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()
        self.handler.send_header("Sec-WebSocket-Accept", accepted)
        self.handler.send_header("Sec-WebSocket-Protocol", self.subprotocol)
        self.handler.end_headers()
        self.handler.close_connection = True
        stdin = self._receive() if self.has_stdin else None
        if stdin is None and self.has_stdin:
            return
        if self.argv == ["vanish"]:  # the pod is gone in the middle of a command
            return
        environment = {**os.environ, **self.variables}
        done = subprocess.run(self.argv, input=stdin or b"", capture_output=True, env=environment, check=False)
        for channel, data in ((1, done.stdout), (2, done.stderr)):
            for start in range(0, len(data), 10_000):
                self._send(channel, data[start : start + 10_000])
        status: dict[str, Any] = {"status": "Success"}
        if done.returncode:
            causes = [{"reason": "ExitCode", "message": str(done.returncode)}]
            status = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
        self._send(3, json.dumps(status).encode())
        self.handler.wfile.write(b"\x88\x02\x03\xe8")

    def _receive(self) -> bytes | None:
        """Return all of stdin, once the client says that it ends; None when the client leaves."""
        parts: list[bytes] = []
        while True:
            head = self.handler.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                return None
            size = head[1] & 127
            if size > 125:
                raw = self.handler.rfile.read(2 if size == 126 else 8)
                size = struct.unpack("!H" if size == 126 else "!Q", raw)[0]
            mask = self.handler.rfile.read(4)
            data = self.handler.rfile.read(size)
            plain = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
            if plain[:1] == b"\xff":
                return b"".join(parts)
            parts.append(plain[1:])

    def _send(self, channel: int, data: bytes) -> None:
        payload = bytes([channel]) + data
        size = struct.pack("!B", len(payload)) if len(payload) < 126 else struct.pack("!BH", 126, len(payload))
        self.handler.wfile.write(b"\x82" + size + payload)
