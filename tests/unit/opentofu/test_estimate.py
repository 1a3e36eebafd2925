"""What a root would make, planned by the real tofu without an account; here with the built-in provider alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.errors import ConfigurationError, DogitopsError
from automation.opentofu import estimate
from automation.toolchain import install
from automation.workspace import Workspace

MAIN = """
variable "size" { type = string }

resource "terraform_data" "it" {
  input = { size = var.size, from = module.inner.name }
}

module "inner" {
  source = "../../modules/inner"
}
"""
BACKEND = 'terraform {\n  backend "s3" {\n    bucket = "nobody-asks-for-it"\n  }\n}\n'


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "opentofu" / "environments" / "one"
    inner = tmp_path / "opentofu" / "modules" / "inner"
    root.mkdir(parents=True)
    inner.mkdir(parents=True)
    (root / "main.tf").write_text(MAIN)
    (root / "versions.tf").write_text(BACKEND)
    (inner / "main.tf").write_text('output "name" {\n  value = "inner"\n}\n')
    return Workspace(tmp_path)


@pytest.fixture
def tofu() -> Path:
    return install.path("tofu")


def sizes(workspace: Workspace, tofu: Path) -> list[str]:
    document = estimate.plan(workspace, "one", tofu)
    return [it["change"]["after"]["input"]["size"] for it in document["resource_changes"]]


def test_values_are_the_user_s_and_else_the_example_s(workspace: Workspace, tofu: Path) -> None:
    root = workspace.environments / "one"
    (root / "example.tfvars").write_text('size = "of the example"\n')
    assert sizes(workspace, tofu) == ["of the example"]
    (root / "terraform.tfvars").write_text('size = "mine"\n')
    assert sizes(workspace, tofu) == ["mine"]
    assert sorted(file.name for file in root.iterdir()) == [
        "example.tfvars", "main.tf", "terraform.tfvars", "versions.tf",
    ]  # fmt: skip


def test_a_root_that_can_not_be_planned_is_told_in_tofu_s_words(workspace: Workspace, tofu: Path) -> None:
    with pytest.raises(DogitopsError, match="No value for required variable") as problem:
        estimate.plan(workspace, "one", tofu)
    assert "opentofu/environments/one" in str(problem.value.hint)


def test_a_root_that_is_no_configuration_is_told(workspace: Workspace, tofu: Path) -> None:
    (workspace.environments / "one" / "main.tf").write_text('resource "a" {')
    with pytest.raises(ConfigurationError, match="of one is not valid"):
        estimate.plan(workspace, "one", tofu)


def test_a_provider_that_can_not_be_had_is_no_fault_of_the_configuration(
    workspace: Workspace, tofu: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tofu.rc").write_text('provider_installation {\n  filesystem_mirror {\n    path = "/nowhere"\n  }\n}\n')
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "tofu.rc"))
    needed = '  required_providers {\n    digitalocean = {\n      source = "digitalocean/digitalocean"\n    }\n  }\n'
    (workspace.environments / "one" / "versions.tf").write_text(f"terraform {{\n{needed}}}\n")
    with pytest.raises(DogitopsError, match="can't get the providers of one") as problem:
        estimate.plan(workspace, "one", tofu)
    assert "registry has them" in str(problem.value.hint)


def test_an_unknown_name_is_told_with_the_nearest(workspace: Workspace, tofu: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'onee'.*one"):
        estimate.plan(workspace, "onee", tofu)
