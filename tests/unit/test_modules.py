"""Modules and environments of opentofu/, read as text: what must hold without a provider to ask."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from automation import environment
from automation.opentofu import bill, hcl

ROOT = Path(__file__).parents[2]
MODULES = sorted(file.parent for file in (ROOT / "opentofu" / "modules").glob("*/main.tf"))
ENVIRONMENTS = sorted(file.parent for file in (ROOT / "opentofu" / "environments").glob("*/environment.example.yaml"))
DESIGNS = ROOT / "docs" / "designs.md"

_VARIABLE = re.compile(r'^variable "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
_RUN = re.compile(r'^run "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)


def variables(folder: Path) -> dict[str, str]:
    """Return the bodies of a folder's variables by their names."""
    return dict(_VARIABLE.findall((folder / "variables.tf").read_text()))


def runs(module: Path) -> list[tuple[str, str]]:
    """Return the names and bodies of all runs of a module's tests."""
    return [run for file in (module / "tests").glob("*.tftest.hcl") for run in _RUN.findall(file.read_text())]


def named(folders: list[Path]) -> list[str]:
    return [folder.name for folder in folders]


def test_all_modules_and_designs_are_there() -> None:
    assert set(named(MODULES)) >= {
        *("dns", "firewall", "kubeadm-cluster", "kubernetes", "project", "registry", "single-node", "spaces"),
        *("storage", "vpc"),
    }
    assert named(ENVIRONMENTS) == ["dev", "production", "single-node", "staging", "todo"]


@pytest.mark.parametrize("module", MODULES, ids=lambda folder: folder.name)
def test_a_module_is_whole(module: Path) -> None:
    for name in ("variables.tf", "outputs.tf", "versions.tf", "README.md", "examples/basic/main.tf"):
        assert (module / name).is_file(), name
    versions = (module / "versions.tf").read_text()
    assert 'required_version = ">= 1.12.0"' in versions
    assert "source" not in versions or re.search(r'version = "~> 2\.\d+\.0"', versions), "pin a minor version"
    assert f"[{module.name}]({module.name}/README.md)" in (module.parent / "README.md").read_text()
    assert any('source = "./examples/basic"' in body for _, body in runs(module)), "no run plans the example"


@pytest.mark.parametrize("module", [*MODULES, *ENVIRONMENTS], ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_variables_and_outputs_are_described(module: Path) -> None:
    for name, body in variables(module).items():
        assert re.search(r'^  description = "[A-Z`].*\."$', body, re.MULTILINE), name
        assert re.search(r"^  type +=", body, re.MULTILINE), name
    outputs = re.findall(r'^output "(\w+)" \{\n(.*?)^\}', (module / "outputs.tf").read_text(), re.MULTILINE | re.DOTALL)
    assert outputs
    for name, body in outputs:
        assert re.search(r'^  description = "[A-Z`].*\."$', body, re.MULTILINE), name


@pytest.mark.parametrize("module", MODULES, ids=lambda folder: folder.name)
def test_every_validation_has_a_run_that_it_refuses(module: Path) -> None:
    refused = [name for _, body in runs(module) for name in re.findall(r"expect_failures = \[var\.(\w+)\]", body)]
    for name, body in variables(module).items():
        validations = len(re.findall(r"^  validation \{", body, re.MULTILINE))
        assert refused.count(name) >= validations, f"{name}: {validations} validations, {refused.count(name)} runs"
        free_text = not validations and not re.search(r"^  type += bool$", body, re.MULTILINE)
        assert not free_text, f"{name} takes anything"
    preconditions = (module / "main.tf").read_text().count("precondition {")
    others = [name for name, body in runs(module) if re.search(r"expect_failures = \[(?!var\.)", body)]
    assert len(others) >= preconditions, "a precondition has no run that it refuses"


@pytest.mark.parametrize("folder", ENVIRONMENTS, ids=lambda folder: folder.name)
def test_an_environment_could_be_taken_into_use(folder: Path) -> None:
    text = (folder / "environment.example.yaml").read_text()
    found = environment.read(text, folder.name, "environment.example.yaml")
    assert found.shared
    versions = (folder / "versions.tf").read_text()
    assert f'bucket                      = "{found.state.bucket}"' in versions
    assert "use_lockfile                = true" in versions
    assert not (folder / "environment.yaml").exists(), "one in use has no example"


@pytest.mark.parametrize(
    "file", sorted((ROOT / "opentofu" / "environments").glob("*/versions.tf")), ids=lambda file: file.parent.name
)
def test_every_state_is_locked(file: Path) -> None:
    """Whether the store keeps the lock is tried by 'dogitops state init', and before each apply."""
    text = file.read_text()
    assert re.search(r'^  backend "s3" \{$', text, re.MULTILINE), "its state is not in a bucket"
    assert re.search(r"^    use_lockfile += true$", text, re.MULTILINE)


@pytest.mark.parametrize("folder", ENVIRONMENTS, ids=lambda folder: folder.name)
def test_what_an_environment_costs_besides_can_be_read(folder: Path) -> None:
    assert bill.costs(folder).beside


def test_no_environment_overlaps_another() -> None:
    """Each names the ranges of all others, and the module vpc refuses an overlap."""
    ranges = {}
    others = {}
    for folder in ENVIRONMENTS:
        text = (folder / "main.tf").read_text()
        ranges[folder.name] = re.findall(r'^  ip_range +?= "(.+)"', text, re.MULTILINE)[0]
        others[folder.name] = set(re.findall(r'"([^"]+)"', re.findall(r"other_ranges += \[(.*)\]", text)[0]))
    for name, named_ones in others.items():
        assert named_ones == set(ranges.values()) - {ranges[name]}


def test_environments_are_made_of_modules_alone() -> None:
    for folder in ENVIRONMENTS:
        text = (folder / "main.tf").read_text()
        assert not re.findall(r"^resource ", text, re.MULTILINE)
        assert {Path(source).name for source in hcl.used(folder).modules} <= set(named(MODULES))


def test_every_file_that_the_designs_name_exists() -> None:
    found = set(re.findall(r"`([^`\s]*[/.][^`\s]*)`", DESIGNS.read_text()))
    assert len(found) > 60
    assert [name for name in sorted(found) if not (ROOT / name).exists()] == []


def test_the_designs_say_where_each_requirement_is_met() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in DESIGNS.read_text().splitlines()
        if re.match(r"\| [A-E]\d+ ", line)
    ]
    assert len(rows) > 250
    for row in rows:
        assert len(row) == 4, row
        number, requirement, place, tested = row
        assert requirement, number
        later = place.startswith(("later: ", "not planned")) or "later: " in place
        assert later or "`" in place or "DigitalOcean's" in place or place.startswith(("Git", "Kubernetes'")), row
        assert tested != "-" or later or "yet" in place, f"{number} is met and not tested"
