"""Releases of K3s as a server tells them, and the kubeconfig that a machine gives."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from automation.droplets import k3s
from automation.droplets.keys import KeyPair
from automation.droplets.machine import Machine
from automation.errors import ConfigurationError, DogitopsError, Refused
from tests.integration.droplets.server import SshServer

SUM = "0123456789abcdef" * 4
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: default, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: Zm9v}}]
"""


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "releases"
    (folder / "download" / k3s.VERSION).mkdir(parents=True)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setenv("DOGITOPS_K3S_RELEASES", f"http://127.0.0.1:{server.server_port}/")
    yield folder / "download" / k3s.VERSION
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_checksum_of_the_program_is_the_release_s_own(releases: Path) -> None:
    (releases / "sha256sum-amd64.txt").write_text(f"{'a' * 64}  k3s-airgap-images-amd64.tar\n{SUM}  k3s\n")
    told = k3s.release(k3s.VERSION)
    assert told["sha256"] == SUM
    assert told["url"].endswith("/download/v1.34.4%2Bk3s1/k3s"), "a mirror is downloaded from, too"


def test_a_version_that_does_not_exist(releases: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no K3s v1\.34\.99\+k3s1\.") as caught:
        k3s.sha256("v1.34.99+k3s1")
    assert "lists the releases" in (caught.value.hint or "")


@pytest.mark.parametrize("version", ["1.34.4+k3s1", "v1.34.4", "v1.34.4-k3s1", "latest", "", "v1.34.4+k3s1/../.."])
def test_what_names_no_release(version: str) -> None:
    with pytest.raises(ConfigurationError, match="names no release of K3s"):
        k3s.sha256(version)


def test_a_list_without_the_program(releases: Path) -> None:
    (releases / "sha256sum-amd64.txt").write_text(f"{SUM}  k3s-arm64\n")
    with pytest.raises(DogitopsError, match="does not name the program k3s"):
        k3s.sha256(k3s.VERSION)


@pytest.fixture
def machine(server: SshServer, boot_key: KeyPair) -> Machine:
    return server.machine(boot_key.public, first_contact=False)


def served(server: SshServer, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = server.root / "k3s.yaml"
    place.write_text(text)
    monkeypatch.setattr(k3s, "_KUBECONFIG", str(place))


def test_a_kubeconfig_is_for_use_from_here(
    server: SshServer, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    served(server, KUBECONFIG, monkeypatch)
    (cluster,) = yaml.safe_load(k3s.kubeconfig(machine))["clusters"]
    assert cluster["cluster"] == {
        "server": "https://127.0.0.1:6443", "tls-server-name": "kubernetes", "certificate-authority-data": "Zm9v",
    }  # fmt: skip


def test_none_is_asked_for_while_the_machine_may_be_another(machine: Machine) -> None:
    with pytest.raises(Refused, match="is sent no secret"):
        k3s.kubeconfig(replace(machine, first_contact=True))


def test_what_is_no_kubeconfig(server: SshServer, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    served(server, "[]", monkeypatch)
    with pytest.raises(DogitopsError, match="is no kubeconfig"):
        k3s.kubeconfig(machine)
