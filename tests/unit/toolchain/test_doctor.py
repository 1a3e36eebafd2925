from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from automation.cli.tools import app
from automation.errors import ConfigurationError
from automation.toolchain import doctor
from automation.toolchain.install import Installer

GIB = 2**20


@pytest.mark.parametrize(("total", "free", "state"), [(16, 12, "ok"), (16, 2, "note"), (3, 2, "fail"), (0, 0, "ok")])
def test_memory_is_judged(total: int, free: int, state: str) -> None:
    kib = {"MemTotal": total * GIB, "MemAvailable": free * GIB} if total else {}
    assert doctor.memory(kib).state == state


def test_this_machine_is_examined_without_touching_it(
    installer: Callable[[Path], Installer], released: Path, tmp_path: Path
) -> None:
    tools = installer(released)
    subjects = {check.subject: check for check in doctor.examine(tools)}
    assert {"python", "git", "docker client", "docker engine", "CAP_SYS_RESOURCE", "cgroups"} <= set(subjects)
    assert {"memory", "disk", "go", "tools", *doctor.HOSTS} <= set(subjects)
    assert subjects["python"].state == "ok"
    assert subjects["tools"].found == "0 of 1 installed and intact"
    assert not (tmp_path / "cache").exists()


def test_a_damaged_tool_is_found_though_its_size_and_time_are_right(
    installer: Callable[[Path], Installer], released: Path
) -> None:
    tools = installer(released)
    path = tools.ensure("hello")["hello"]
    stat = path.stat()
    path.write_bytes(path.read_bytes().replace(b"hello", b"HELLO"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    found = [check for check in doctor.examine(tools) if check.subject == "tools"]
    assert any("the content of hello is not what was installed" in check.found for check in found)


def test_the_commands_know_the_catalogue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOGITOPS_CACHE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    listed = CliRunner().invoke(app, ["list"])
    assert listed.exit_code == 0
    refused = CliRunner().invoke(app, ["path", "kubctl"])
    assert isinstance(refused.exception, ConfigurationError)
    assert "Did you mean 'kubectl'" in refused.exception.message


def test_a_machine_without_git_and_docker_cannot_run_the_demo_and_is_told_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOGITOPS_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "200"})
    assert isinstance(done.exception, ConfigurationError)
    assert done.exception.exit_code == 2
    assert {"git", "docker client", "docker engine"} <= set(re.findall(r"git|docker \w+", done.exception.message))
