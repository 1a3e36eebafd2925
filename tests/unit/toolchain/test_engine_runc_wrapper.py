from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from automation.toolchain import runc_wrapper

LISTS = ("bounding", "effective", "permitted")


def process() -> dict[str, Any]:
    return {
        "args": ["/sbin/init"],
        "capabilities": {name: ["CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_SYS_ADMIN"] for name in LISTS},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1048576, "soft": 1048576}],
        "oomScoreAdj": -999,
    }


def expected() -> dict[str, Any]:
    return {
        "args": ["/sbin/init"],
        "capabilities": {name: ["CAP_CHOWN", "CAP_SYS_ADMIN"] for name in LISTS},
        "oomScoreAdj": 0,
    }


@pytest.mark.parametrize("words", [["--bundle", "{}"], ["-b", "{}"], ["--bundle={}"]])
@pytest.mark.parametrize("verb", ["create", "run", "restore"])
def test_a_bundle_loses_what_cant_be_had(tmp_path: Path, verb: str, words: list[str]) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"ociVersion": "1.0.2", "process": process()}))
    runc_wrapper.prepare(["--root", "/run/runc", verb, *(word.format(tmp_path) for word in words), "name"])
    assert json.loads(config.read_text()) == {"ociVersion": "1.0.2", "process": expected()}


def test_the_bundle_is_the_current_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"process": process()}))
    runc_wrapper.prepare(["create", "name"])
    assert json.loads((tmp_path / "config.json").read_text()) == {"process": expected()}


def test_a_process_that_joins_loses_it_too(tmp_path: Path) -> None:
    file = tmp_path / "process.json"
    file.write_text(json.dumps(process()))
    runc_wrapper.prepare(["exec", "--process", str(file), "--detach", "name"])
    assert json.loads(file.read_text()) == expected()


def test_other_verbs_touch_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = json.dumps({"process": process()})
    (tmp_path / "config.json").write_text(text)
    runc_wrapper.prepare(["state", "name"])
    assert (tmp_path / "config.json").read_text() == text


@pytest.mark.parametrize("text", [None, "{", "{}", '{"process": null}'])
def test_what_cant_be_read_is_left_to_runc(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    runc_wrapper.prepare(["create", "--bundle", str(tmp_path), "name"])


def test_a_container_more_likely_to_be_killed_stays_so() -> None:
    gentle = {"oomScoreAdj": 500}
    runc_wrapper.soften(gentle)
    assert gentle == {"oomScoreAdj": 500}


def test_it_runs_alone_without_our_package(tmp_path: Path) -> None:
    copy = tmp_path / "runc"
    copy.write_text(Path(runc_wrapper.__file__).read_text().replace("os.execv(runc", "print(runc"))
    done = subprocess.run([sys.executable, "-I", copy, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("'--version']")
