from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from automation.errors import ConfigurationError
from automation.toolchain import engine, root

FakeDocker = Callable[[str], None]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """Put a docker client first on PATH that answers as the given shell script says."""
    monkeypatch.setenv("DOGITOPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)

    def answer(script: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "docker").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    return answer


@pytest.mark.parametrize(("bounding", "lacks"), [("000001ffffffffff", False), ("000001fffeffffff", True)])
def test_a_missing_capability_is_seen(tmp_path: Path, bounding: str, *, lacks: bool) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tcat\nCapEff:\t000001ffffffffff\nCapBnd:\t{bounding}\n")
    assert engine.lacks_sys_resource(status) is lacks


def test_a_system_that_tells_nothing_lacks_nothing(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tcat\n")
    assert not engine.lacks_sys_resource(tmp_path / "status")
    assert not engine.lacks_sys_resource(tmp_path / "none")


def test_our_runtime_leaves_other_settings_alone() -> None:
    settings = {
        "data-root": "/srv/docker",
        "runtimes": {"nvidia": {"path": "/usr/bin/nvidia-container-runtime"}},
        "default-runtime": "nvidia",
    }
    merged = engine.with_runtime(settings, Path("/opt/runc"))
    assert merged["data-root"] == "/srv/docker"
    assert merged["runtimes"]["nvidia"] == {"path": "/usr/bin/nvidia-container-runtime"}
    assert merged["runtimes"][merged["default-runtime"]] == {"path": "/opt/runc"}
    assert settings["default-runtime"] == "nvidia"
    assert engine.with_runtime(merged, Path("/opt/runc")) == merged


def test_the_address_of_an_interface() -> None:
    assert engine.interface_address("lo") == "127.0.0.1"
    assert engine.interface_address("none-such") is None


def test_an_engine_that_works_is_left_alone(docker: FakeDocker, tmp_path: Path) -> None:
    docker(f'echo "$@" >>{tmp_path}/asked; case "$1" in version) echo 28.0.0 ;; info) echo {engine.RUNTIME} ;; esac')
    engine.ensure_docker()
    assert {line.split()[0] for line in (tmp_path / "asked").read_text().splitlines()} <= {"version", "info"}


def test_a_user_who_may_not_use_docker_is_told_how(docker: FakeDocker) -> None:
    docker("echo 'permission denied while trying to connect to the docker API' >&2; exit 1")
    with pytest.raises(ConfigurationError, match="may not use it") as raised:
        engine.ensure_docker()
    assert "usermod -aG docker" in (raised.value.hint or "")


def test_a_remote_engine_that_does_not_answer_is_named(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    docker("echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    with pytest.raises(ConfigurationError, match=r"tcp://192\.0\.2\.1:2375 does not answer"):
        engine.ensure_docker()


def test_without_a_client_docker_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not engine.running()


def test_an_image_and_its_label(docker: FakeDocker) -> None:
    docker(
        """case "$*" in
        *Labels*kindest*) echo '{"dogitops.cni": "ptp"}' ;;
        *Labels*) echo null ;;
        *none*) exit 1 ;;
        esac"""
    )
    assert engine.image_exists("kindest/node:v1")
    assert not engine.image_exists("none")
    assert engine.image_label("kindest/node:v1", "dogitops.cni") == "ptp"
    assert engine.image_label("kindest/node:v1", "other") is None
    assert engine.image_label("plain", "dogitops.cni") is None


def test_what_is_there_needs_nothing() -> None:
    root.need({"sh": "dash", "/etc/passwd": "base-passwd"}, "to test")


def test_what_is_missing_is_named_where_it_cant_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no apt-get
    programs = {"no-such-program-1": "this-package", "no-such-program-2": "that-package", "/none.h": "that-package"}
    with pytest.raises(ConfigurationError, match="that-package this-package must be installed to test") as raised:
        root.need(programs, "to test")
    assert "apt-get install that-package this-package" in (raised.value.hint or "")
