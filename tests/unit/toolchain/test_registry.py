from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation import daemon
from automation.errors import ConfigurationError
from automation.toolchain import oci, registry
from automation.toolchain.oci import Item, Settings

Answer = tuple[int, dict[str, str], bytes]


def publish(root: Path, folder: str, reference: str, content: bytes = b"x" * 1000) -> oci.Layout:
    root.mkdir(exist_ok=True)
    layer = oci.write_layer(root / f".{folder}.tar", [Item("/file", 0o644, content=content)])
    oci.write_layout(root / folder, reference, [layer], Settings(), arch="amd64", recipe="abc")
    layout = oci.read_layout(root / folder)
    assert layout is not None
    return layout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    publish(tmp_path / "images", "redis", "docker.io/library/redis:7")
    return tmp_path / "images"


@pytest.fixture
def port(root: Path) -> Iterator[int]:
    with registry.Server("127.0.0.1", 0, root) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def ask(port: int, path: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers=headers or {})
    response = connection.getresponse()
    answer = response.status, dict(response.headers), response.read()
    connection.close()
    return answer


def layer_of(layout: oci.Layout) -> str:
    manifest = json.loads(oci.blob(layout.folder, layout.digest).read_text())
    digest: str = manifest["layers"][0]["digest"]
    return digest


def test_it_says_that_it_is_a_registry(port: int) -> None:
    status, headers, _ = ask(port, "/v2/")
    assert status == 200
    assert headers["Docker-Distribution-API-Version"] == "registry/2.0"


def test_an_image_is_pulled_as_a_client_does_it(root: Path, port: int) -> None:
    status, headers, _ = ask(port, "/v2/library/redis/manifests/7?ns=docker.io", method="HEAD")
    assert status == 200
    digest = headers["Docker-Content-Digest"]
    status, headers, body = ask(port, f"/v2/library/redis/manifests/{digest}?ns=docker.io")
    assert status == 200
    assert headers["Content-Type"] == oci.MANIFEST
    assert f"sha256:{hashlib.sha256(body).hexdigest()}" == digest
    manifest = json.loads(body)
    for part in (manifest["config"], *manifest["layers"]):
        status, _, blob = ask(port, f"/v2/library/redis/blobs/{part['digest']}?ns=docker.io")
        assert status == 200
        assert len(blob) == part["size"]
        assert f"sha256:{hashlib.sha256(blob).hexdigest()}" == part["digest"]


def test_the_upstream_that_is_meant_decides(root: Path, port: int) -> None:
    publish(root, "other", "quay.io/library/redis:7", b"another")
    answers = [ask(port, f"/v2/library/redis/manifests/7?ns={host}")[1] for host in ("docker.io", "quay.io")]
    assert answers[0]["Docker-Content-Digest"] != answers[1]["Docker-Content-Digest"]
    assert ask(port, "/v2/library/redis/manifests/7?ns=ghcr.io")[0] == 404


def test_without_an_upstream_any_will_do(port: int) -> None:
    assert ask(port, "/v2/library/redis/manifests/7")[0] == 200


def test_an_image_built_later_is_there_at_once(root: Path, port: int) -> None:
    assert ask(port, "/v2/velero/velero/manifests/v1?ns=docker.io")[0] == 404
    publish(root, "velero", "docker.io/velero/velero:v1")
    assert ask(port, "/v2/velero/velero/manifests/v1?ns=docker.io")[0] == 200


def test_head_tells_the_length_and_sends_nothing(root: Path, port: int) -> None:
    layout = next(oci.layouts(root))
    status, headers, body = ask(port, f"/v2/library/redis/blobs/{layer_of(layout)}", method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) == oci.blob(layout.folder, layer_of(layout)).stat().st_size


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-9", 206, 0, 9),
        ("bytes=100-", 206, 100, None),
        ("bytes=5-99999999", 206, 5, None),
        ("lines=1", 200, 0, None),
    ],
)
def test_part_of_a_blob(  # noqa: PLR0917 - two fixtures and a table
    root: Path, port: int, asked: str, status: int, first: int, last: int | None
) -> None:
    layout = next(oci.layouts(root))
    whole = oci.blob(layout.folder, layer_of(layout)).read_bytes()
    found, headers, body = ask(port, f"/v2/library/redis/blobs/{layer_of(layout)}", headers={"Range": asked})
    end = len(whole) - 1 if last is None else last
    assert found == status
    assert body == whole[first : end + 1]
    if status == 206:
        assert headers["Content-Range"] == f"bytes {first}-{end}/{len(whole)}"


def test_a_part_beyond_the_end_is_refused(root: Path, port: int) -> None:
    layout = next(oci.layouts(root))
    status, headers, body = ask(
        port, f"/v2/library/redis/blobs/{layer_of(layout)}", headers={"Range": "bytes=99999999-"}
    )
    assert (status, body) == (416, b"")
    assert headers["Content-Range"].startswith("bytes */")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/etc/passwd",
        "/v2/../../etc/passwd",
        "/v2/library/redis/blobs/../../oci-layout",
        "/v2/library/redis/blobs/oci-layout",
        f"/v2/library/redis/blobs/sha256:{'0' * 64}",
        "/v2/library/redis/manifests/8",
        "/v2/library/../redis/manifests/7",
    ],
)
def test_what_is_not_there_is_not_found(port: int, path: str) -> None:
    status, _, body = ask(port, path)
    assert status == 404
    assert json.loads(body)["errors"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_written(root: Path, port: int, method: str) -> None:
    before = sorted(root.rglob("*"))
    status, _, _ = ask(port, "/v2/library/redis/blobs/uploads/", method=method)
    assert status == 501
    assert sorted(root.rglob("*")) == before


def test_many_requests_go_over_one_connection(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    for path in ("/v2/", "/v2/library/redis/manifests/8", "/v2/library/redis/manifests/7"):
        connection.request("GET", path)
        connection.getresponse().read()
    connection.close()


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])  # noqa: S104 - what must be refused
def test_it_listens_on_one_address_only(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigurationError, match="does not listen on"):
        registry.Server(address, 0, tmp_path)


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"can't listen on 127.0.0.1:{port}") as raised:
            registry.Server("127.0.0.1", port, tmp_path)
    assert str(port) in (raised.value.hint or "")


def test_it_runs_as_a_program_of_its_own(root: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv: list[str | Path] = [sys.executable, "-m", "automation.toolchain.registry"]
    argv += ["--address", "127.0.0.1", "--port", str(port), "--root", root]
    package = Path(registry.__file__).parents[2]
    running = daemon.start(
        tmp_path / "run",
        "registry",
        argv,
        address="127.0.0.1",
        port=port,
        env={**os.environ, "PYTHONPATH": str(package)},
    )
    try:
        assert ask(port, "/v2/library/redis/manifests/7?ns=docker.io")[0] == 200
    finally:
        assert daemon.stop(tmp_path / "run", "registry")
    assert not running.alive


def test_containerd_asks_the_mirror_first_and_then_upstream() -> None:
    files = registry.containerd_hosts("http://172.17.0.1:7482")
    hosts = ("docker.io", "quay.io", "registry.k8s.io", "ghcr.io", "public.ecr.aws", "registry.digitalocean.com")
    assert set(files) == {f"{host}/hosts.toml" for host in hosts}
    told = tomllib.loads(files["docker.io/hosts.toml"])
    assert told["server"] == "https://registry-1.docker.io"
    assert told["host"] == {"http://172.17.0.1:7482": {"capabilities": ["pull", "resolve"]}}
