"""A cluster in which all is well, and how what was seen of it is looked up."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from automation.verification.seen import Seen

KINDS = {
    "v1": {
        **{kind: (f"{kind.lower()}s", True) for kind in ("Pod", "Service", "Secret", "ConfigMap")},
        **{kind: (f"{kind.lower()}s", False) for kind in ("Namespace", "Node")},
    },
    "apps/v1": {"Deployment": ("deployments", True)},
    "autoscaling/v2": {"HorizontalPodAutoscaler": ("horizontalpodautoscalers", True)},
    "discovery.k8s.io/v1": {"EndpointSlice": ("endpointslices", True)},
    "networking.k8s.io/v1": {"Ingress": ("ingresses", True), "IngressClass": ("ingressclasses", False)},
}


READY = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}
PROBE = {"tcpSocket": {"port": 80}}
CONTAINER = {
    "name": "web",
    "image": "web:1",
    "resources": {part: {"cpu": "1", "memory": "1Mi"} for part in ("requests", "limits")},
    **dict.fromkeys(("startupProbe", "readinessProbe", "livenessProbe"), PROBE),
}


RULES = [
    {
        "host": "app.test",
        "http": {
            "paths": [
                {"path": "/api", "backend": {"service": {"name": "api", "port": {"name": "http"}}}},
                {"path": "/", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
            ]
        },
    }
]


def by_name(seen: list[Seen]) -> dict[str, Seen]:
    return {one.check: one for one in seen}


APP = "/api/v1/namespaces/app"


class App(ThreadingHTTPServer):
    """An application with tasks; ``status`` is what a path answers instead, ``ignores`` which methods do nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tasks: dict[str, str] = {}
        self.status: dict[str, int] = {}
        self.ignores: set[str] = set()
        self.page = True
        self.hosts: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: App

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_DELETE = do_GET  # noqa: N815

    def _serve(self) -> None:
        server = self.server
        server.hosts.add(self.headers["Host"])
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("/proxy")[2] or self.path
        if path in server.status:
            return self._answer(server.status[path], "")
        if self.command == "POST" and "POST" not in server.ignores:
            server.tasks[str(len(server.tasks) + 1)] = json.loads(body)["title"]
            return self._answer(201, json.dumps({"id": len(server.tasks)}))
        if self.command == "DELETE":
            known = server.tasks.pop(path.rpartition("/")[2], None)
            return self._answer(204 if known else 404, "")
        shown = json.dumps(server.tasks) if path != "/" or server.page else "<h1>Tasks</h1>"
        return self._answer(200, shown)

    def _answer(self, status: int, text: str) -> None:
        raw = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        pass
