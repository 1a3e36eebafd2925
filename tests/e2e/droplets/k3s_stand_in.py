#!/usr/bin/python3
"""What stands in for the program k3s on machines here, where K3s itself can't be had: its words, and no Kubernetes.

It keeps a token, serves what says that it is ready over TLS, hands out short-lived tokens, and lets join who has one.
Where ``target`` names a real API, it passes everything on to that one instead.
"""
# ruff: noqa: EXE001, S104, S310, S323, T201 - a program of its own, for one machine

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = "@VERSION@"
CERTIFICATE, KEY = base64.b64decode("@CERTIFICATE@").decode(), base64.b64decode("@KEY@").decode()
SERVER, AGENT = Path("/var/lib/rancher/k3s/server"), Path("/var/lib/rancher/k3s/agent")
TARGET = Path("/usr/local/share/stand-in")  # a folder that gets `kubeconfig`, and then `address` (HOST:PORT)
CONFIG = Path("/etc/rancher/k3s/config.yaml")
KUBECONFIG = Path("/etc/rancher/k3s/k3s.yaml")
JOINED, TOKENS = SERVER / "joined", SERVER / "tokens"


def configuration() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in CONFIG.read_text().splitlines() if ": " in line)


def ready() -> None:
    """Tell systemd, as a service of the type notify does."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(b"READY=1", place.replace("@", "\0", 1))


class Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(200 if self.path.startswith("/readyz") else 404, b"ok")

    def do_POST(self) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        known = TOKENS.read_text().split() if TOKENS.exists() else []
        if token not in [*known, (SERVER / "token").read_text()]:
            self._answer(401, b"no")
            return
        with JOINED.open("a") as file:
            file.write(json.dumps({"name": self.path.rpartition("/")[2], "lasting": token not in known}) + "\n")
        self._answer(200, b"joined")

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve() -> None:
    keys = AGENT.parent / "tls.pem"
    keys.write_text(KEY + CERTIFICATE)
    server = ThreadingHTTPServer(("0.0.0.0", 6443), Api)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    user = {"name": "admin", "user": {"token": "full-rights-of-the-stand-in"}}
    authority = base64.b64encode(CERTIFICATE.encode()).decode()
    cluster = {"server": "https://127.0.0.1:6443", "certificate-authority-data": authority}
    write_kubeconfig(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "default", "cluster": cluster}],
                "users": [user],
                "contexts": [{"name": "default", "context": {"cluster": "default", "user": "admin"}}],
                "current-context": "default",
            }
        )
    )
    ready()
    server.serve_forever()


def write_kubeconfig(text: str) -> None:
    KUBECONFIG.touch(mode=0o600)
    KUBECONFIG.write_text(text)


def pass_on() -> None:
    """Let everything through to a real API, once there is one."""
    while not (TARGET / "address").exists():
        time.sleep(1)
    write_kubeconfig((TARGET / "kubeconfig").read_text())
    host, port = (TARGET / "address").read_text().strip().split(":")
    server = socket.create_server(("0.0.0.0", 6443))
    ready()
    while True:
        client, _ = server.accept()
        upstream = socket.create_connection((host, int(port)))
        for one, other in ((client, upstream), (upstream, client)):
            threading.Thread(target=pump, args=(one, other), daemon=True).start()


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def join(told: dict[str, str]) -> None:
    token = Path(told["token-file"]).read_text()
    context = ssl._create_unverified_context()
    request = urllib.request.Request(
        f"{told['server']}/join/{socket.gethostname()}", data=b"", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, context=context, timeout=20) as answer:
        assert answer.read() == b"joined"
    AGENT.mkdir(parents=True, exist_ok=True)
    (AGENT / "kubelet.kubeconfig").write_text("joined")


def main(words: list[str]) -> int:
    if words == ["--version"]:
        print(f"k3s version {VERSION} (it stands in for K3s)")
    elif words[:1] == ["kubectl"]:
        return subprocess.run(
            ["systemctl", "is-active", "--quiet", "dogitops-k3s@server.service"], check=False
        ).returncode
    elif words[:2] == ["token", "create"]:
        made = secrets.token_hex(16)
        with TOKENS.open("a") as file:
            file.write(f"{made}\n")
        print(made)
    elif words[:1] == ["agent"] or (words[:1] == ["server"] and "server" in configuration()):
        join(configuration())
        ready()
        threading.Event().wait()
    elif words[:1] == ["server"]:
        SERVER.mkdir(parents=True, exist_ok=True)
        if not (SERVER / "token").exists():
            (SERVER / "token").write_text(f"K10{secrets.token_hex(16)}")
        if TARGET.exists():
            pass_on()
        serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
