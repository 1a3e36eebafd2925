"""A small stand-in for a Kubernetes API: it stores objects, and answers the requests that our client makes."""

from __future__ import annotations

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from automation.kube import Kube

Manifest = dict[str, Any]

KINDS = {
    "v1": {"Namespace": ("namespaces", False), "Secret": ("secrets", True), "Pod": ("pods", True)},
    "argoproj.io/v1alpha1": {
        "Application": ("applications", True),
        "ApplicationSet": ("applicationsets", True),
        "AppProject": ("appprojects", True),
    },
}


class Api(ThreadingHTTPServer):
    """``objects`` is what is stored, by path; ``writes`` the paths written to, in order; ``managers`` for whom."""

    daemon_threads = True

    def __init__(self, kubeconfig: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, Manifest] = {}
        self.writes: list[tuple[str, str]] = []
        self.managers: dict[str, str] = {}
        self.kinds = {version: dict(kinds) for version, kinds in KINDS.items()}
        server = {"name": "a", "cluster": {"server": f"http://127.0.0.1:{self.server_address[1]}"}}
        context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
        config = {"clusters": [server], "contexts": [context], "current-context": "a", "users": [{"name": "a"}]}
        config["users"] = [{"name": "a", "user": {}}]
        kubeconfig.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **config}))
        self.kube = Kube(kubeconfig)

    def put(self, api_version: str, kind: str, name: str, namespace: str | None = None, **rest: Any) -> Manifest:
        """Store an object as if it had always been there."""
        metadata = {"name": name, **rest.pop("metadata", {}), **({"namespace": namespace} if namespace else {})}
        manifest = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}
        plural, _ = self.kinds[api_version][kind]
        scope = f"/namespaces/{namespace}" if namespace else ""
        self.objects[f"{_root(api_version)}{scope}/{plural}/{name}"] = manifest
        return manifest

    def find(self, kind: str, name: str) -> Manifest:
        """Return the one stored object of this kind and name."""
        [found] = [one for one in self.objects.values() if (one["kind"], one["metadata"]["name"]) == (kind, name)]
        return found


class Handler(BaseHTTPRequestHandler):
    server: Api
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/readyz":
            return self._answer(200, "ok")
        for version, kinds in self.server.kinds.items():
            if path == _root(version):
                resources = [{"name": p, "kind": k, "namespaced": n, "verbs": []} for k, (p, n) in kinds.items()]
                return self._answer(200, {"resources": resources})
        if path in self.server.objects:
            return self._answer(200, self.server.objects[path])
        parent, _, plural = path.rpartition("/")
        known = {plural for kinds in self.server.kinds.values() for plural, _ in kinds.values()}
        if plural in known and parent:
            items = [one for at, one in self.server.objects.items() if _in(at, parent, plural)]
            wanted = parse_qs(urlsplit(self.path).query).get("labelSelector", [""])[0]
            return self._answer(200, {"items": [one for one in items if _has(one, wanted)]})
        return self._answer(404, {"message": "not found", "reason": "NotFound"})

    def do_POST(self) -> None:
        body = self._body()
        path = f"{urlsplit(self.path).path}/{body['metadata']['name']}"
        if path in self.server.objects:
            return self._answer(409, {"message": "exists", "reason": "AlreadyExists"})
        return self._store(path, {}, body)

    def do_PATCH(self) -> None:
        path = urlsplit(self.path).path
        body = self._body()
        before = self.server.objects.get(path)
        if before is None and "merge-patch" in self.headers["Content-Type"]:
            return self._answer(404, {"message": "not found", "reason": "NotFound"})
        return self._store(path, before or {}, body)

    def log_message(self, *_: Any) -> None:
        pass

    def _store(self, path: str, before: Manifest, change: Manifest) -> None:
        after = _merged(before, change)
        for key, value in after.pop("stringData", {}).items():
            after.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
        self.server.objects[path] = after
        self.server.writes.append((self.command, path))
        self.server.managers[path] = parse_qs(urlsplit(self.path).query).get("fieldManager", [""])[0]
        self._answer(200, after)

    def _body(self) -> Manifest:
        body: Manifest = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return body

    def _answer(self, status: int, body: Manifest | str) -> None:
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _root(api_version: str) -> str:
    return f"/{'apis' if '/' in api_version else 'api'}/{api_version}"


def _in(path: str, parent: str, plural: str) -> bool:
    """Whether the object at ``path`` belongs to a collection, of one namespace or of all."""
    folder, _, _ = path.rpartition("/")
    return folder == f"{parent}/{plural}" or (
        "/namespaces/" not in parent and folder.startswith(f"{parent}/namespaces/") and folder.endswith(f"/{plural}")
    )


def _has(manifest: Manifest, selector: str) -> bool:
    """Whether an object has the labels of a selector such as ``a=1,b=2``."""
    labels = manifest["metadata"].get("labels") or {}
    return all(
        labels.get(key) == value for key, _, value in (it.partition("=") for it in filter(None, selector.split(",")))
    )


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
