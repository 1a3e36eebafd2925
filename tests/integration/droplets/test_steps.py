"""The scripts of opentofu/modules/cloud-init: looked through by shellcheck, and the parts that need no machine run."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

MODULE = Path(__file__).parents[3] / "opentofu" / "modules" / "cloud-init"
SCRIPTS = sorted([*(MODULE / "files").glob("*.sh"), *(MODULE / "steps").rglob("*.sh")])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(script: Path) -> None:
    command = [Path(sys.executable).with_name("shellcheck"), "-x", "-P", "SCRIPTDIR", "--severity=style", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


class Station:
    """A folder with what a step finds on a machine; programs that need a machine stand in by shell scripts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lib = root / "lib"
        self.lib.mkdir()
        for name in ("lib.sh", "kubeadm.sh", "bucket.sh"):
            (self.lib / name).write_text((MODULE / "files" / name).read_text())
        (root / "bin").mkdir()
        for folder in ("state", "handover/restore", "server"):
            (root / folder).mkdir(parents=True)
        self.node("first")

    def node(self, role: str, **facts: str) -> None:
        known = {"ROLE": role, "VOLUME": f"{self.root}/volume", "RESTORE": "", "DATASTORE": "sqlite", **facts}
        (self.root / "node.env").write_text("".join(f'{name}="{value}"\n' for name, value in known.items()))

    def program(self, name: str, text: str) -> None:
        (self.root / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.root / "bin" / name).chmod(0o755)

    def run(self, step: str, *arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        """Run a script of steps/, or of files/ where its name says so."""
        folder = MODULE if step.startswith("files/") else MODULE / "steps"
        env = {
            **os.environ,
            "PATH": f"{self.root}/bin:{os.environ['PATH']}:/usr/sbin:/sbin",
            "DOGITOPS_LIB": str(self.lib),
            "DOGITOPS_NODE": f"{self.root}/node.env",
            "DOGITOPS_STATE": f"{self.root}/state",
            "DOGITOPS_HANDOVER": f"{self.root}/handover",
            "DOGITOPS_ARTIFACTS": f"{self.root}/artifacts",
            "DOGITOPS_SERVER": f"{self.root}/server",
            "DOGITOPS_PAUSE": "0",
            "DOGITOPS_TRIES": "3",
            "DOGITOPS_PATIENCE": "0",
            "DOGITOPS_VOLUME_PATIENCE": "0",
            **more,
        }
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            env.pop(name, None)
        return subprocess.run(
            ["sh", folder / step, *arguments],
            env=env, input=stdin, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[str, bytes], tuple[str, str]]]:
    """Return what serves some bytes, and tells their address and sha256."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def serve(name: str, content: bytes) -> tuple[str, str]:
        (folder / name).write_bytes(content)
        return f"http://127.0.0.1:{server.server_port}/{name}", hashlib.sha256(content).hexdigest()

    yield serve
    server.shutdown()
    server.server_close()
    thread.join()


Served = Callable[[str, bytes], tuple[str, str]]


def test_a_program_is_downloaded_once(station: Station, served: Served) -> None:
    url, sum_ = served("tool", b"#!/bin/sh\necho pinned\n")
    target = station.root / "usr" / "tool"
    (station.root / "artifacts").write_text(f"{sum_} {url} {target}\n")
    assert station.run("common/50-artifacts.sh").returncode == 0
    assert subprocess.run([target], capture_output=True, text=True, check=True).stdout == "pinned\n"
    served("tool", b"changed since")
    assert station.run("common/50-artifacts.sh").returncode == 0, "it was downloaded again"


def test_an_archive_is_unpacked_as_its_options_say(station: Station, served: Served, tmp_path: Path) -> None:
    inside = tmp_path / "in" / "etcd-v1"
    inside.mkdir(parents=True)
    for name in ("etcd", "etcdctl"):
        (inside / name).write_text(name)
    packed = subprocess.run(["tar", "-C", inside.parent, "-cz", "etcd-v1"], check=True, capture_output=True).stdout
    url, sum_ = served("etcd.tar.gz", packed)
    options = "--strip-components=1 --wildcards */etcdctl"
    (station.root / "artifacts").write_text(f"{sum_} {url} {station.root}/unpacked/ {options}\n")
    done = station.run("common/50-artifacts.sh")
    assert done.returncode == 0, done.stderr
    assert [it.name for it in (station.root / "unpacked").iterdir()] == ["etcdctl"]


def test_another_content_than_the_pinned_one_is_not_installed(station: Station, served: Served) -> None:
    url, got = served("tool", b"from somebody else")
    target = station.root / "tool"
    (station.root / "artifacts").write_text(f"{'0' * 64} {url} {target}\n")
    done = station.run("common/50-artifacts.sh")
    assert done.returncode == 1
    assert f"{url} has the sha256 {got}, and pinned is {'0' * 64}" in done.stderr
    assert f"{url} could not be had with the sha256" in done.stderr
    assert not target.exists()


def test_a_download_is_tried_again(station: Station, served: Served) -> None:
    url, sum_ = served("tool", b"content")
    tries = station.root / "tries"
    third = f'[ "$(wc -l <"{tries}")" -ge 3 ] && PATH=/usr/bin:/bin exec curl "$@"'
    station.program("curl", f'echo again >>"{tries}"\n{third}\nexit 56')
    (station.root / "artifacts").write_text(f"{sum_} {url} {station.root}/tool\n")
    done = station.run("common/50-artifacts.sh")
    assert done.returncode == 0, done.stderr
    assert "attempt 2 of 3 failed" in done.stderr
    assert (station.root / "tool").read_bytes() == b"content"


def test_a_volume_that_is_not_attached_is_named(station: Station) -> None:
    done = station.run("k3s/40-volume.sh")
    assert done.returncode == 1
    assert f"the volume {station.root}/volume is not attached" in done.stderr


def test_only_the_first_server_has_the_volume(station: Station) -> None:
    station.node("agent")
    assert station.run("k3s/40-volume.sh").returncode == 0


def test_nothing_is_restored_unless_asked_for(station: Station) -> None:
    done = station.run("k3s/60-restore.sh")
    assert done.returncode == 0
    assert "nothing is restored" in done.stderr


def test_a_restore_waits_for_the_snapshot_that_was_named(station: Station) -> None:
    station.node("first", RESTORE="nightly-1")
    done = station.run("k3s/60-restore.sh")
    assert done.returncode == 1
    assert "waiting for restore/nightly-1 to be handed over" in done.stderr
    assert "nobody handed over restore/nightly-1" in done.stderr


def handed(station: Station, content: str) -> None:
    (station.root / "handover" / "restore" / "nightly-1").write_text(content)
    (station.root / "handover" / "k3s-token").write_text("K10token")


def test_a_snapshot_is_put_in_place(station: Station) -> None:
    station.node("first", RESTORE="nightly-1")
    handed(station, "SQLite format 3\n and the rest")
    done = station.run("k3s/60-restore.sh")
    assert done.returncode == 0, done.stderr
    assert (station.root / "server" / "db" / "state.db").read_text().endswith("the rest")
    assert (station.root / "server" / "token").stat().st_mode & 0o777 == 0o600


def test_what_is_no_database_is_not_restored(station: Station) -> None:
    station.node("first", RESTORE="nightly-1")
    handed(station, "404 page not found")
    done = station.run("k3s/60-restore.sh")
    assert done.returncode == 1
    assert "nightly-1 is no SQLite database" in done.stderr
    assert not (station.root / "server" / "db").exists()


def test_a_datastore_that_is_there_is_not_overwritten(station: Station) -> None:
    station.node("first", RESTORE="nightly-1")
    handed(station, "SQLite format 3")
    (station.root / "server" / "db").mkdir()
    done = station.run("k3s/60-restore.sh")
    assert done.returncode == 1
    assert "nightly-1 is not restored over it" in done.stderr


def test_another_version_than_the_one_asked_for_is_named(station: Station) -> None:
    station.node(
        "first", K3S_VERSION="v1.34.4+k3s1", FIRST_SERVER="", KUBERNETES_VERSION="1.34.4", ENDPOINT="127.0.0.1:6443"
    )
    station.program("k3s", "echo 'k3s version v1.33.0+k3s1 (abc)'")
    station.program("kubeadm", "echo v1.33.0")
    assert "v1.34.4+k3s1 was asked for" in station.run("k3s/70-k3s.sh").stderr
    assert "this is kubeadm v1.33.0, and v1.34.4 was asked for" in station.run("kubeadm/60-kubeadm.sh").stderr
