"""A stand-in for a cluster's API server: it speaks real HTTP and real WebSockets, stores objects, and runs commands.

What a cluster's controllers would do (Velero's, say), a test does in ``react``, which sees every stored object.
"""

from __future__ import annotations

import base64
import json
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from automation.kube import Kube
from tests.integration.kube.command import Exec

Manifest = dict[str, Any]

KINDS: dict[str, dict[str, tuple[str, bool]]] = {
    "v1": {
        "Namespace": ("namespaces", False),
        "Node": ("nodes", False),
        "PersistentVolume": ("persistentvolumes", False),
        "PersistentVolumeClaim": ("persistentvolumeclaims", True),
        "Pod": ("pods", True),
        "ConfigMap": ("configmaps", True),
        "Secret": ("secrets", True),
        "Service": ("services", True),
        "Event": ("events", True),
    },
    "apps/v1": {"Deployment": ("deployments", True), "DaemonSet": ("daemonsets", True)},
    "rbac.authorization.k8s.io/v1": {"ClusterRole": ("clusterroles", False)},
    "apiextensions.k8s.io/v1": {"CustomResourceDefinition": ("customresourcedefinitions", False)},
    "argoproj.io/v1alpha1": {
        "Application": ("applications", True),
        "ApplicationSet": ("applicationsets", True),
        "AppProject": ("appprojects", True),
    },
    "velero.io/v1": {
        "Backup": ("backups", True),
        "BackupStorageLocation": ("backupstoragelocations", True),
        "PodVolumeBackup": ("podvolumebackups", True),
        "PodVolumeRestore": ("podvolumerestores", True),
        "Restore": ("restores", True),
    },
}


@dataclass(frozen=True)
class Fault:
    """An answer that the next request gets instead of its own; status 0 cuts the connection."""

    status: int
    message: str = ""


class Cluster(ThreadingHTTPServer):
    """``objects`` holds what is stored, by path, and ``kinds`` what there is; ``faults`` what goes wrong next.

    ``asked`` are the requests, ``writes`` those that changed something, both in order, ``managers`` in whose name each
    object was written last. ``logs`` are those of pods, by name. The kubeconfig is written to the file ``kubeconfig``.
    """

    daemon_threads = True

    def __init__(self, kubeconfig: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kinds = {version: dict(kinds) for version, kinds in KINDS.items()}
        self.objects: dict[str, Manifest] = {}
        self.asked: list[tuple[str, str]] = []
        self.writes: list[tuple[str, str]] = []
        self.managers: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.logs: dict[str, str] = {}
        self.environment: dict[str, str] = {}
        self.subprotocol = "v5.channel.k8s.io"
        self.react: Callable[[Manifest], None] = lambda _: None
        self.kubeconfig = kubeconfig
        self.write_kubeconfig()
        self.kube = Kube(self.kubeconfig)

    def write_kubeconfig(self, scheme: str = "http", port: int | None = None) -> None:
        told = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": f"{scheme}://127.0.0.1:{port or self.server_port}"}}],
            "users": [{"name": "u", "user": {"token": "let-me-in"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        self.kubeconfig.write_text(yaml.safe_dump(told))

    def put(self, api_version: str, kind: str, name: str, namespace: str | None = None, **rest: Any) -> Manifest:
        """Store an object as if it had always been there, and return it: changing it changes what is stored."""
        plural, _ = self.kinds[api_version][kind]
        metadata = {"name": name, "uid": str(uuid.uuid4()), "creationTimestamp": now(), **rest.pop("metadata", {})}
        if namespace:
            metadata["namespace"] = namespace
        manifest = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}
        scope = f"/namespaces/{namespace}" if namespace else ""
        self.objects[f"{root(api_version)}{scope}/{plural}/{name}"] = manifest
        return manifest

    def find(self, kind: str, name: str) -> Manifest:
        """Return the one stored object of this kind and name."""
        [found] = [one for one in self.objects.values() if (one["kind"], one["metadata"]["name"]) == (kind, name)]
        return found


class _Handler(BaseHTTPRequestHandler):
    server: Cluster
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:  # noqa: PLR0911 - one return an endpoint
        if self._faulty():
            return None
        path, query = self._where()
        if path.endswith("/exec"):
            return Exec(self, query, self.server.subprotocol, self.server.environment).run()
        if path == "/readyz":
            return self._send(200, b"ok", "text/plain")
        if path.endswith("/log"):
            return self._log(path.split("/")[-2], query)
        for version, kinds in self.server.kinds.items():
            if path == root(version):
                return self._answer(200, {"resources": [_resource(kind, *told) for kind, told in kinds.items()]})
        if path in {"/api", "/apis"}:
            return self._answer(200, _aggregated(self.server.kinds, path))
        if path in self.server.objects:
            return self._answer(200, self.server.objects[path])
        parent, _, plural = path.rpartition("/")
        if plural in {plural for kinds in self.server.kinds.values() for plural, _ in kinds.values()}:
            return self._list(parent, plural, query)
        return self._refuse(404, "NotFound", f"{path} not found")

    def _log(self, pod: str, query: dict[str, list[str]]) -> None:
        if pod not in self.server.logs:
            return self._refuse(404, "NotFound", f"{pod} has no log")
        lines = self.server.logs[pod].splitlines()[-int(query["tailLines"][0]) :]
        return self._send(200, "\n".join(lines).encode(), "text/plain")

    def do_POST(self) -> None:
        if self._faulty():
            return None
        body = self._body()
        path = f"{self._where()[0]}/{body['metadata']['name']}"
        if path in self.server.objects:
            return self._refuse(409, "AlreadyExists", "it exists")
        return self._store(path, {}, body)

    def do_PATCH(self) -> None:
        if self._faulty():
            return None
        path, query = self._where()
        body = self._body()
        before = self.server.objects.get(path)
        applies = "apply-patch" in self.headers["Content-Type"]
        if applies and not query.get("fieldManager"):
            return self._refuse(400, "BadRequest", "PATCH by apply needs a field manager")
        if not applies and before is None:
            return self._refuse(404, "NotFound", f"{path} not found")
        return self._store(path, before or {}, body)

    def do_DELETE(self) -> None:
        if self._faulty():
            return None
        path, _ = self._where()
        found = self.server.objects.get(path)
        if found is None:
            return self._refuse(404, "NotFound", f"{path} not found")
        if found["metadata"].get("finalizers"):
            found["metadata"]["deletionTimestamp"] = now()
        else:
            del self.server.objects[path]
        self.server.writes.append(("DELETE", path))
        self.server.react({**found, "kind": f"deleted {found['kind']}"})
        return self._answer(200, {"kind": "Status", "status": "Success"})

    def log_message(self, *_: Any) -> None:
        pass

    def _where(self) -> tuple[str, dict[str, list[str]]]:
        split = urlsplit(self.path)
        return split.path, parse_qs(split.query)

    def _faulty(self) -> bool:
        self.server.asked.append((self.command, self.path))
        if self.headers["Authorization"] != "Bearer let-me-in":
            self._refuse(401, "Unauthorized", "Unauthorized")
            return True
        if not self.server.faults:
            return False
        fault = self.server.faults.pop(0)
        if fault.status == 0:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self._body()
            self._refuse(fault.status, "", fault.message)
        return True

    def _list(self, parent: str, plural: str, query: dict[str, list[str]]) -> None:
        wanted = dict(part.split("=") for part in query.get("labelSelector", [""])[0].split(",") if part)
        found = [
            {key: value for key, value in one.items() if key not in {"apiVersion", "kind"}}
            for at, one in sorted(self.server.objects.items())
            if _belongs(at, parent, plural) and wanted.items() <= (one["metadata"].get("labels") or {}).items()
        ]
        start, limit = int(query.get("continue", ["0"])[0]), int(query.get("limit", ["1000"])[0])
        more = str(start + limit) if start + limit < len(found) else ""
        self._answer(200, {"metadata": {"continue": more}, "items": found[start : start + limit]})

    def _store(self, path: str, before: Manifest, change: Manifest) -> None:
        stored = _merged(before, change)
        stored["metadata"].setdefault("uid", str(uuid.uuid4()))
        stored["metadata"].setdefault("creationTimestamp", now())
        for key, value in stored.pop("stringData", {}).items():
            stored.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
        self.server.objects[path] = stored
        self.server.writes.append((self.command, path))
        self.server.managers[path] = self._where()[1].get("fieldManager", [""])[0]
        answer = json.loads(json.dumps(stored))
        self.server.react(stored)
        self._answer(200, answer)

    def _body(self) -> Manifest:
        read: Manifest = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}")
        return read

    def _refuse(self, status: int, reason: str, message: str) -> None:
        self._answer(status, {"kind": "Status", "message": message, "reason": reason})

    def _answer(self, status: int, body: Manifest) -> None:
        self._send(status, json.dumps(body).encode(), "application/json")

    def _send(self, status: int, raw: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def now(offset: float = 0) -> str:
    """Return the time as Kubernetes writes it, ``offset`` seconds from now."""
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() + offset, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def root(api_version: str) -> str:
    return f"/{'apis' if '/' in api_version else 'api'}/{api_version}"


def _resource(kind: str, plural: str, namespaced: bool) -> Manifest:
    return {"name": plural, "kind": kind, "namespaced": namespaced, "verbs": ["get", "list"]}


def _aggregated(kinds: dict[str, dict[str, tuple[str, bool]]], path: str) -> Manifest:
    items = [
        {
            "metadata": {"name": version.rpartition("/")[0]},
            "versions": [
                {
                    "version": version.rpartition("/")[2],
                    "resources": [
                        {
                            "resource": plural,
                            "responseKind": {
                                "group": version.rpartition("/")[0],
                                "version": version.rpartition("/")[2],
                                "kind": kind,
                            },
                            "scope": "Namespaced" if namespaced else "Cluster",
                            "verbs": ["get", "list"],
                        }
                        for kind, (plural, namespaced) in told.items()
                    ],
                }
            ],
        }
        for version, told in kinds.items()
        if ("/" in version) == (path == "/apis")
    ]
    return {"kind": "APIGroupDiscoveryList", "items": items}


def _belongs(path: str, parent: str, plural: str) -> bool:
    """Whether the object at ``path`` is in a collection, of one namespace or of all."""
    folder = path.rpartition("/")[0]
    inside = folder.startswith(f"{parent}/namespaces/") and folder.endswith(f"/{plural}")
    return folder == f"{parent}/{plural}" or ("/namespaces/" not in parent and inside)


def _merged(before: Manifest, change: Manifest) -> Manifest:
    merged = dict(before)
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = _merged(merged.get(key) or {}, value)
        else:
            merged[key] = value
    return merged
