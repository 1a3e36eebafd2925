"""Nothing secret stands in Git: what is found, what is allowed, and what the command says."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.errors import ConfigurationError, VerificationFailed
from automation.jobs.delivery import leaks
from automation.site import Site
from automation.workspace import Workspace
from tests.integration.jobs.declared import MADE, declare


def git(workspace: Workspace, *words: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", "-C", workspace.root, *who, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(workspace: Workspace, message: str, **files: str) -> str:
    for name, text in files.items():
        (workspace.root / name).write_text(text)
    git(workspace, "add", "--all")
    git(workspace, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(workspace, "rev-parse", "HEAD")


@pytest.fixture
def repository(workspace: Workspace, site: Site) -> Workspace:
    git(workspace, "init", "--quiet")
    (workspace.root / ".gitignore").write_text(".dogitops/\n")
    commit(workspace, "First")
    return workspace


def token() -> str:
    digits = iter("0123456789abcdef" * 4)
    return "dop_" + "v1_" + "".join(digits)


def test_a_secret_in_an_old_commit_is_found_with_commit_and_line(repository: Workspace) -> None:
    bad = commit(repository, "A mistake", notes=f"one\ntwo\ntoken = {token()}\n")
    git(repository, "switch", "--quiet", "--create", "side")
    commit(repository, "Taken out", notes="one\ntwo\n")
    [leak] = leaks.check(repository, []).leaks
    assert (leak.rule, leak.path, leak.line, leak.commit) == ("digitalocean-token", "notes", 3, bad)
    assert token() not in repr(leak)


def test_a_secret_in_a_message_a_tag_another_branch_and_the_index_is_found(repository: Workspace) -> None:
    git(repository, "switch", "--quiet", "--create", "side")
    message = commit(repository, f"Uses {token()}a"[:-1])
    git(repository, "switch", "--quiet", "main")
    git(repository, "tag", "--annotate", "--message", f"with {token()}", "v1")
    (repository.root / "staged").write_text(token())
    git(repository, "add", "staged")
    found = {leak.path: leak for leak in leaks.check(repository, []).leaks}
    assert set(found) == {"(message of a commit)", "(message of a tag)", "staged"}
    assert found["(message of a commit)"].commit == message
    assert found["staged"].commit == ""


def test_the_environments_own_values_are_found_in_any_form(
    repository: Workspace, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("URL", "nothing special at all")
    monkeypatch.setenv("SHORT", "abc")
    keys = {
        "url": {"variable": "URL"},
        "short": {"variable": "SHORT"},
        "unset": {"variable": "NOT_SET"},
        "user": {"plain": "an ordinary name"},
    }
    site = declare(repository, facts, {"namespace": "app", "name": "s", "keys": keys}, MADE)
    password = site.lasting("app.made.password", 24).reveal()
    commit(repository, "Clean")
    looked = leaks.check(repository, ["there"])
    assert looked.leaks == []
    assert looked.values == 2
    assert looked.unknown == ["app/s unset (there)", "app/s short (there): too short"]
    encoded = base64.b64encode(password.encode()).decode()
    commit(repository, "Bad", plain="is nothing special at all.\n", manifest=f"data:\n  password: {encoded}\n")
    assert {(leak.rule, leak.path) for leak in leaks.check(repository, ["there"]).leaks} >= {
        ("value", "plain"),
        ("value", "manifest"),
    }


def test_what_is_allowed_needs_a_reason_and_a_rule_that_there_is(repository: Workspace) -> None:
    commit(repository, "Test", notes=token(), other=f"{token()[:-4]}ffff")
    first, second = leaks.check(repository, []).leaks
    allowed = repository.root / leaks.ALLOWED
    entry = {"rule": first.rule, "fingerprint": first.fingerprint, "reason": "made up for a test"}
    allowed.write_text(yaml.safe_dump({"allowed": [entry, {**entry, "fingerprint": "0" * 16}]}))
    looked = leaks.check(repository, [])
    assert [leak.path for leak in looked.leaks] == [second.path]
    assert looked.allowed == 1
    assert [one.fingerprint for one in looked.idle] == ["0" * 16]
    for wrong, told in (
        ({**entry, "reason": " "}, r"\.secrets-allowed\.yaml:\d+: allowed.0.reason"),
        ({key: entry[key] for key in ("rule", "fingerprint")}, "allowed.0.reason"),
        ({**entry, "rule": "value"}, "'rule' must be one of"),
        ({**entry, "path": "*"}, "either 'fingerprint' or 'path'"),
    ):
        allowed.write_text(yaml.safe_dump({"allowed": [wrong]}))
        with pytest.raises(ConfigurationError, match=told):
            leaks.check(repository, [])


def test_a_shallow_clone_is_refused(repository: Workspace, tmp_path: Path) -> None:
    commit(repository, "Second")
    url = f"file://{repository.root}"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", url, tmp_path / "shallow"], check=True)
    (tmp_path / "shallow" / "opentofu" / "environments").mkdir(parents=True, exist_ok=True)
    with pytest.raises(ConfigurationError, match="shallow clone") as caught:
        leaks.check(Workspace(tmp_path / "shallow"), [])
    assert "fetch-depth: 0" in (caught.value.hint or "")


def test_the_command_says_that_all_is_clean_and_fails_where_it_is_not(
    repository: Workspace, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from automation.cli import secrets as command  # noqa: PLC0415

    monkeypatch.setenv("DOGITOPS_ROOT", str(repository.root))
    command.check([])
    assert "Nothing secret stands in Git" in capfd.readouterr().err
    commit(repository, "Bad", notes=token())
    with pytest.raises(VerificationFailed, match="1 secrets stand in Git"):
        command.check([])
    shown = capfd.readouterr()
    assert "notes:1" in shown.out
    assert token() not in shown.out + shown.err


def test_this_project_has_nothing_secret_in_its_history() -> None:
    root = Path(__file__).resolve().parents[3]
    shallow = subprocess.run(
        ["git", "-C", root, "rev-parse", "--is-shallow-repository"], check=False, capture_output=True, text=True
    )
    if shallow.stdout.strip() != "false":
        pytest.skip("this is no clone with its whole history")
    looked = leaks.check(Workspace(root), [])
    assert looked.leaks == []
    assert looked.idle == []
