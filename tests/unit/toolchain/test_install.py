from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.errors import ConfigurationError, DogitopsError
from automation.toolchain import release
from automation.toolchain.install import Installer

PROGRAM = b"#!/bin/sh\necho hello from a release\n"
RUN = """
import sys
from pathlib import Path
from automation.toolchain import catalogue
from automation.toolchain.install import Installer
print(Installer(catalogue.load(Path(sys.argv[1])), Path(sys.argv[2])).ensure("hello")["hello"])
"""

Make = Callable[[Path], Installer]


@pytest.fixture(autouse=True)
def _forget_hosts() -> None:
    release._reachable.clear()


def start(catalogue: Path, home: Path) -> subprocess.Popen[str]:
    """Install hello in a process of its own."""
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(catalogue), str(home)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said_by(path: Path) -> str:
    return subprocess.run([path], check=True, capture_output=True, text=True).stdout.strip()


def test_a_release_is_taken_and_kept(installer: Make, released: Path, vendor: Any) -> None:
    tools = installer(released)
    path = tools.ensure("hello")["hello"]
    assert said_by(path) == "hello from a release"
    assert tools.state("hello")[0] == "installed"
    vendor.files.clear()
    assert tools.ensure("hello") == {"hello": path}


def test_an_unknown_program_gets_a_suggestion_and_nothing_is_installed(installer: Make, released: Path) -> None:
    tools = installer(released)
    with pytest.raises(ConfigurationError, match="Did you mean 'hello'"):
        tools.ensure("hello", "helo")
    assert tools.state("hello") == ("missing", None)


def test_a_mismatch_is_never_passed_over_by_building(
    installer: Make, released: Path, vendor: Any, module: dict[str, Any]
) -> None:
    entry = yaml.safe_load(released.read_text())
    entry["tools"]["hello"]["build"] = module
    released.write_text(yaml.safe_dump(entry))
    vendor.files["/v1.0.0/hello"] = b"something else"
    tools = installer(released)
    with pytest.raises(DogitopsError, match="not what its vendor says"):
        tools.ensure("hello")
    assert tools.state("hello") == ("missing", None)


def test_where_the_release_is_gone_the_tool_is_built(
    installer: Make, released: Path, vendor: Any, module: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    entry = yaml.safe_load(released.read_text())
    entry["tools"]["hello"]["build"] = module
    released.write_text(yaml.safe_dump(entry))
    vendor.files.clear()
    path = installer(released).ensure("hello")["hello"]
    assert subprocess.run([path], check=True, capture_output=True, text=True).stderr.strip() == "1.0.0"
    told = " ".join(capfd.readouterr().err.split())
    assert "answered 404; building it instead" in told
    assert "hello 1.0.0 built in" in told


def test_a_damaged_entry_is_noticed_said_and_replaced(
    installer: Make, released: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tools = installer(released)
    path = tools.ensure("hello")["hello"]
    path.write_bytes(PROGRAM.replace(b"hello", b"HELLO"))
    assert tools.state("hello")[0].startswith("damaged")
    assert said_by(tools.ensure("hello")["hello"]) == "hello from a release"
    told = " ".join(capfd.readouterr().err.split())
    assert "hello in the cache is damaged (the content of hello is not what was installed): installing it again" in told


def test_two_at_once_install_it_once_and_the_second_says_that_it_waits(
    released: Path, vendor: Any, tmp_path: Path
) -> None:
    vendor.stall = "/v1.0.0/hello"
    first = start(released, tmp_path / "cache")
    assert vendor.stalled.wait(20)
    second = start(released, tmp_path / "cache")
    assert second.stderr is not None
    waiting = second.stderr.readline()
    vendor.resume.set()
    outputs = [process.communicate(timeout=20) for process in (first, second)]
    assert "hello 1.0.0: another process is installing it" in waiting
    assert [process.returncode for process in (first, second)] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0]
    assert vendor.asked.count("/v1.0.0/hello") == 1


def test_killed_in_the_middle_the_next_run_starts_over(released: Path, vendor: Any, tmp_path: Path) -> None:
    vendor.stall = "/v1.0.0/hello"
    killed = start(released, tmp_path / "cache")
    assert vendor.stalled.wait(20)
    shelf = tmp_path / "cache" / "tools" / "hello"
    assert [path.name.startswith(".partial-") for path in shelf.iterdir() if path.is_dir()] == [True]
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=20)
    vendor.stall = None
    again = start(released, tmp_path / "cache")
    told = again.communicate(timeout=20)
    assert again.returncode == 0, told
    assert said_by(Path(told[0].strip())) == "hello from a release"
    assert not [path for path in shelf.iterdir() if path.name.startswith(".partial-")]


def test_no_network_at_all_is_told(
    installer: Make, write_catalogue: Callable[..., Path], module: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:9")
    path = write_catalogue(
        hello={"version": "1.0.0", "purpose": "says hello", "needed_for": ["tests"], "seconds": 1, "build": module}
    )
    with pytest.raises(DogitopsError, match="source of hello can't be downloaded") as caught:
        installer(path).ensure("hello")
    assert "network" in (caught.value.hint or "")
