"""Nodes that docker can't remove at once; the frozen pod itself is in tests/e2e/test_bad_luck.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_subprocess import FakeProcess

from automation.clusters import removal
from automation.errors import CommandFailed

NODES = ("a-control-plane", "a-worker")
IDENTITIES = {"a-control-plane": "1" * 64, "a-worker": "2" * 64}
REMOVE = ["docker", "rm", "-f", "-v"]


@pytest.fixture
def freezer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the freezer's tree, with what is frozen in the worker, two levels deep, and in a container of others."""
    states = {
        f"docker/{IDENTITIES['a-control-plane']}": "THAWED\n",
        f"system.slice/docker-{IDENTITIES['a-worker']}.scope": "FREEZING\n",
        f"system.slice/docker-{IDENTITIES['a-worker']}.scope/kubelet/pod": "FROZEN\n",
        f"docker/{'3' * 64}": "FROZEN\n",
    }
    for folder, state in states.items():
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "freezer.state").write_text(state)
    monkeypatch.setattr(removal, "_FREEZER", tmp_path)
    return tmp_path


def identify(fp: FakeProcess, *there: str) -> None:
    for node in NODES:
        found = (
            {"stdout": f"{IDENTITIES[node]}\n"} if node in there else {"returncode": 1, "stderr": "No such object\n"}
        )
        fp.register(["docker", "inspect", "--format", "{{.Id}}", node], **found)  # type: ignore[arg-type]


def test_what_is_frozen_is_thawed_and_what_is_left_is_removed(freezer: Path, fp: FakeProcess) -> None:
    fp.register([*REMOVE, *NODES], returncode=1, stderr="tried to kill container, but did not receive an exit event\n")
    identify(fp, *NODES)
    identify(fp, "a-worker")  # the other one is gone
    fp.register([*REMOVE, "a-worker"])
    removal.remove(NODES)
    assert fp.call_count([*REMOVE, "a-worker"]) == 1
    told = {file.parent.relative_to(freezer): file.read_text().strip() for file in freezer.rglob("freezer.state")}
    assert [str(folder) for folder, state in told.items() if state != "THAWED"] == [f"docker/{'3' * 64}"]


@pytest.mark.usefixtures("freezer")
def test_another_reason_is_told_as_it_is(fp: FakeProcess) -> None:
    fp.register([*REMOVE, "a-control-plane"], returncode=1, stderr="device or resource busy\n")
    identify(fp, *NODES)
    with pytest.raises(CommandFailed, match="device or resource busy"):
        removal.remove(["a-control-plane"])
