"""The command cost: of a plan that was given, and what it says where it can't be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from automation.cli import app
from automation.errors import ConfigurationError, DogitopsError, Refused

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOGITOPS_ROOT", str(ROOT))


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    change = {"actions": ["create"], "before": None, "after": {"size": "s-4vcpu-8gb"}, "after_unknown": {"id": True}}
    address = "module.machines.digitalocean_droplet.first"
    made = {"address": address, "mode": "managed", "type": "digitalocean_droplet", "change": change}
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"format_version": "1.2", "resource_changes": [made]}))
    return file


def cost(*words: Any) -> tuple[str, BaseException | None]:
    done = CliRunner().invoke(app, ["cost", *map(str, words)])
    return done.output, done.exception


def test_a_plan_is_priced_with_what_is_beside_it(plan: Path) -> None:
    told, problem = cost("single-node", "--plan", plan, "--json")
    assert problem is None
    found = json.loads(told)
    assert found["environment"] == "single-node"
    assert found["total"] == {"low": 48, "high": 53}
    assert [item["name"] for item in found["items"]] == [
        "module.machines.digitalocean_droplet.first",
        "Spaces, for the state and backups",
    ]


def test_the_table_has_short_names(plan: Path) -> None:
    told, problem = cost("single-node", "--plan", plan)
    assert problem is None
    assert "machines.droplet.first" in told
    assert "up to $33.00 above it" in told


def test_a_budget_that_is_exceeded_exits_with_3(plan: Path) -> None:
    told, problem = cost("single-node", "--plan", plan, "--check")
    assert "What single-node costs a month" in told
    assert isinstance(problem, Refused)
    assert problem.exit_code == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "can't be read as a plan"), ("[]", "is no plan"), ('{"resource_changes": 1}', "is no plan")],
)
def test_a_file_that_is_no_plan_is_a_wrong_use(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text)
    _, problem = cost("single-node", "--plan", file)
    assert isinstance(problem, ConfigurationError)
    assert words in problem.message
    assert "tofu show -json" in str(problem.hint)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    _, problem = cost("single-node", "--plan", tmp_path / "none.json")
    assert isinstance(problem, DogitopsError)
    assert "none.json" in problem.message


def test_an_environment_that_is_not_there_is_told_with_the_nearest(plan: Path) -> None:
    _, problem = cost("single-nod", "--plan", plan)
    assert isinstance(problem, ConfigurationError)
    assert "Did you mean 'single-node'?" in problem.message
    assert "dev" in str(problem.hint)


def test_an_environment_of_this_machine_costs_nothing() -> None:
    told, problem = cost("local")
    assert problem is None
    assert "Nothing that OpenTofu makes for local has a price." in told
