from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from automation.cli import app
from tests.integration.cli.conftest import Place

GROUPS = ("Infrastructure", "Pull requests", "Delivery", "Recovery", "Parts", "Machine")
COMMANDS = {
    *("plan", "apply", "destroy", "unlock", "cost", "resize", "join"),
    *("render", "changed", "answer", "release", "drift", "locks"),
    *("bootstrap", "status", "up", "down", "deploy", "promote", "verify"),
    *("backup", "restore", "drill", "evidence", "reap"),
    *("cluster", "gitops", "images", "tools", "simulate", "state", "nodes", "etcd", "secrets"),
}


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


def test_the_help_reads_like_a_table_of_contents() -> None:
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "100"}).output
    places = [told.index(f"─ {group} ─") for group in GROUPS]
    assert places == sorted(places), "what a newcomer needs first comes first"
    for command in COMMANDS:
        assert f"│ {command} " in told
    assert "objectstore" not in told, "for OpenTofu's roots, not for people"


def test_nothing_is_missing_from_this_list() -> None:
    assert {path[0] for path in ALL} - {"objectstore"} == COMMANDS


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "100"})
    assert shown.exit_code == 0
    command = ALL[path]
    sentence = (command.help or "").strip().splitlines()[0]
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert sentence.split()[0] in shown.output
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.name != "help":
            assert parameter.help, f"{' '.join(path)} --{parameter.name} has no help"


@pytest.mark.parametrize("width", ["20", "40", "200"])
def test_help_fits_every_terminal(place: Place, width: str) -> None:
    shown = place.run("--help", COLUMNS=width)
    assert shown.code == 0
    assert max(len(line) for line in shown.out.splitlines()) <= int(width)
    assert "Infrastructure" in shown.out


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys, automation.cli\n"
        "print([name for name in ('boto3', 'kubernetes', 'pydantic', 'cryptography', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [("plann",), ("plan",), ("plan", "there", "--nonsense"), ("tools", "instal")])
def test_a_wrong_command_line_exits_with_2(place: Place, arguments: tuple[str, ...]) -> None:
    done = place.run(*arguments)
    assert done.code == 2
    assert "Usage: dogitops" in done.err


def test_the_version_is_a_result(place: Place) -> None:
    done = place.run("--version")
    assert done.code == 0
    assert done.out.startswith("dogitops ")
    assert done.err == ""
