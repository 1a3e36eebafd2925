"""dogitops render: a plan's comment from a file or a pipe, its exit code as the guard's, its errors with advice."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from automation import environment
from automation.cli import pull_requests
from automation.errors import ConfigurationError, DogitopsError, Refused
from automation.jobs.pull_requests import render
from automation.opentofu.plan import PlanUnreadable
from automation.workspace import Workspace

ROOT = Path(__file__).resolve().parents[3]
VOLUME = {
    "address": "digitalocean_volume.data", "mode": "managed", "type": "digitalocean_volume", "name": "data",
    "provider_name": "p", "change": {"actions": ["delete"], "before": {"size": 10}, "after": None},
}  # fmt: skip


def document(*changes: dict[str, Any], **more: Any) -> str:
    told = {"format_version": "1.2", "terraform_version": "1.12.6", "resource_changes": list(changes), **more}
    return json.dumps(told)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(document(VOLUME))
    return path


def run(*arguments: str, stdin: str | None = None) -> tuple[str, DogitopsError | None]:
    """Run the command; return what it printed on stdout, and the error that ends it."""
    app = typer.Typer()
    pull_requests.register(app)
    app.command()(lambda: None)
    result = CliRunner().invoke(app, ["render", *arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, DogitopsError | SystemExit):
        raise result.exception
    return result.stdout, result.exception if isinstance(result.exception, DogitopsError) else None


def test_the_comment_is_printed_and_the_guard_refuses(file: Path) -> None:
    shown, error = run(str(file))
    assert "`digitalocean_volume.data`" in shown
    assert "/dogitops acknowledge plan DIGEST" in shown
    assert isinstance(error, Refused)
    assert error.exit_code == 3
    assert "1 protected resource" in error.message


def test_a_harmless_plan_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    harmless = {**VOLUME, "change": {"actions": ["create"], "before": None, "after": {"size": 10}}}
    path.write_text(document(harmless))
    shown, error = run(str(path))
    assert error is None
    assert "nothing is destroyed" in shown


def test_all_of_it_as_text(file: Path) -> None:
    shown, error = run(str(file), "--output", "text")
    assert "- digitalocean_volume.data" in shown
    assert "##" not in shown
    assert isinstance(error, Refused)


def test_a_pipe_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(document(VOLUME).encode())))
    assert render.render("-").findings


def test_what_is_printed_is_what_was_made(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    named = {
        **VOLUME,
        "change": {"actions": ["create"], "before": None, "after": {"name": ":key: [bold]x[/] " + "y" * 150}},
    }
    path.write_text(document(named))
    shown, _ = run(str(path))
    assert shown == render.render(str(path)).markdown + "\n"


def test_the_guards_of_an_environment_count(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "opentofu" / "environments" / "local"
    folder.mkdir(parents=True)
    told = (ROOT / "opentofu" / "environments" / "local" / "environment.yaml").read_text()
    (folder / "environment.yaml").write_text(f"{told}\nguards:\n  unprotect: [digitalocean_volume]\n")
    monkeypatch.setenv("DOGITOPS_ROOT", str(tmp_path))
    assert environment.load(Workspace.find(), "local").guards.unprotect == ("digitalocean_volume",)
    rendered = render.render(str(file), "local")
    assert rendered.findings == ()
    assert "`local`" in rendered.markdown


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        ("", PlanUnreadable, "not the JSON"),
        ('{"format_version": "1.2", "resource_ch', PlanUnreadable, "not the JSON"),
        ("[]", PlanUnreadable, "a list"),
        ("{}", PlanUnreadable, "format_version is missing"),
        ('{"format_version": "1.0", "values": {}}', PlanUnreadable, "a state"),
        ('{"format_version": "2.0", "terraform_version": "2.0.0", "resource_changes": []}', PlanUnreadable, "2.0"),
        (document({"address": "a.b"}), PlanUnreadable, "change is missing"),
    ],
)  # fmt: skip
def test_what_is_no_plan_is_refused_with_advice(
    tmp_path: Path, content: str, kind: type[DogitopsError], says: str
) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content)
    _, error = run(str(path))
    assert isinstance(error, kind)
    assert error.exit_code == 1
    assert says in error.message
    assert error.hint


def test_a_file_that_is_not_there_or_is_none_or_is_a_saved_plan(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    saved.write_bytes(b"PK\x03\x04rest")
    for path, says in (
        (tmp_path / "no.json", "no file"),
        (tmp_path, "can't be read"),
        (saved, "a saved plan, not its JSON"),
    ):
        _, error = run(str(path))
        assert isinstance(error, ConfigurationError)
        assert error.exit_code == 2
        assert says in error.message
        assert "tofu show -json" in (error.hint or "")


def test_an_unknown_environment_is_refused(file: Path) -> None:
    _, error = run(str(file), "--environment", "loacl")
    assert isinstance(error, ConfigurationError)
    assert "Did you mean 'local'?" in error.message
