"""Modules and environments of opentofu/ with the real provider: mocked by ``tofu test``, and on a simulated account."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from automation.jobs import cost
from automation.opentofu import policy
from automation.opentofu.redact import Redactor
from automation.process import run
from automation.simulators.digitalocean import DigitalOceanSimulator
from automation.toolchain import install
from tests.e2e.digitalocean.provider import Root, buckets

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]
OPENTOFU = ROOT / "opentofu"
MODULES = sorted(file.parent.name for file in (OPENTOFU / "modules").glob("*/main.tf"))
ENVIRONMENTS = sorted(file.parent.name for file in (OPENTOFU / "environments").glob("*/environment.example.yaml"))
LOCAL = 'terraform {\n  backend "local" {}\n}\n'
# Kinds that are the simulator's records, or always there: not what tofu makes.
NOT_MADE = {"actions", "images", "projects", "tags", "vpcs"}


@pytest.fixture
def opentofu(tmp_path: Path) -> Path:
    """Return a copy of opentofu/, so that nothing is written into the repository."""
    return Path(shutil.copytree(OPENTOFU, tmp_path / "opentofu", ignore=shutil.ignore_patterns(".terraform*")))


def of(folder: Path, variables: dict[str, str]) -> Root:
    return Root(install.ensure("tofu")["tofu"], folder, variables)


def test_everything_is_formatted() -> None:
    done = run([install.ensure("tofu")["tofu"], "fmt", "-check", "-diff", "-recursive", OPENTOFU], check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_what_its_readme_says(name: str) -> None:
    docs = install.ensure("terraform-docs")["terraform-docs"]
    module = OPENTOFU / "modules" / name
    done = run([docs, "--config", module.parent / ".terraform-docs.yml", "--output-check", module], check=False)
    assert done.returncode == 0, f"write it anew, as {module.parent / 'README.md'} says:\n{done.text}"


@pytest.mark.parametrize("name", MODULES)
def test_a_module_passes_its_own_tests(configuration: dict[str, str], opentofu: Path, name: str) -> None:
    root = of(opentofu / "modules" / name, configuration)
    root.tofu("init", "-backend=false", "-input=false")
    root.tofu("validate")
    told = root.tofu("test")
    expected = sum(file.read_text().count('\nrun "') for file in (OPENTOFU / "modules" / name / "tests").iterdir())
    assert f"Success! {expected} passed, 0 failed." in told


@pytest.fixture
def account(
    cloud: DigitalOceanSimulator, configuration: dict[str, str], tmp_path: Path
) -> Iterator[tuple[DigitalOceanSimulator, dict[str, str]]]:
    """Return a simulated account and the variables with which the provider uses it, buckets included."""
    with ExitStack() as stack:
        yield (
            cloud,
            configuration
            | {
                "DIGITALOCEAN_TOKEN": cloud.token(),
                "DIGITALOCEAN_API_URL": cloud.url,
                "DIGITALOCEAN_REQUESTS_PER_SECOND": "0",
                "DIGITALOCEAN_HTTP_RETRY_WAIT_MIN": "0.1",
                "DIGITALOCEAN_HTTP_RETRY_WAIT_MAX": "1",
            }
            | stack.enter_context(buckets(cloud, tmp_path / "spaces")),
        )


def left(cloud: DigitalOceanSimulator) -> dict[str, list[str]]:
    """Return what tofu should have destroyed; the key that the test itself uses stays."""
    found = {
        kind: [str(getattr(it, "name", it.id)) for it in every.values()]
        for kind, every in cloud.state.resources.items()
        if kind not in NOT_MADE and every
    }
    vpcs = cloud.state.resources.get("vpcs", {}).values()
    projects = cloud.state.resources.get("projects", {}).values()
    found["vpcs"] = [it.name for it in vpcs if not it.default]  # type: ignore[attr-defined]
    found["projects"] = [it.name for it in projects if not it.is_default]  # type: ignore[attr-defined]
    found["spaces_keys"] = [name for name in found.get("spaces_keys", []) if name != "tofu"]
    return {kind: names for kind, names in found.items() if names}


def lived(root: Root, cloud: DigitalOceanSimulator, *words: str) -> None:
    """Apply, find nothing more to do, destroy, and find nothing left."""
    root.tofu("init", "-input=false")
    root.apply(*words)
    root.assert_nothing_to_do(*words)
    root.apply("-destroy", *words)
    assert left(cloud) == {}


@pytest.mark.parametrize("name", MODULES)
def test_an_example_lives_and_goes(
    account: tuple[DigitalOceanSimulator, dict[str, str]], opentofu: Path, name: str
) -> None:
    cloud, variables = account
    lived(of(opentofu / "modules" / name / "examples" / "basic", variables), cloud)


def given(folder: Path) -> list[str]:
    """Return the options that give what has no default, and let volumes be destroyed."""
    keep = ["-var=keep_data=false"] if "keep_data" in (folder / "variables.tf").read_text() else []
    return [*(["-var-file=example.tfvars"] if (folder / "example.tfvars").exists() else []), *keep]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_lives_and_goes(
    account: tuple[DigitalOceanSimulator, dict[str, str]], opentofu: Path, name: str
) -> None:
    cloud, variables = account
    folder = opentofu / "environments" / name
    (folder / "backend_override.tf").write_text(LOCAL)
    lived(of(folder, variables), cloud, *given(folder))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_keeps_our_own_rules(
    account: tuple[DigitalOceanSimulator, dict[str, str]], opentofu: Path, name: str
) -> None:
    """Without an exception, once its provider is locked: ``init`` writes the lock file here."""
    _, variables = account
    folder = opentofu / "environments" / name
    (folder / "backend_override.tf").write_text(LOCAL)
    root = of(folder, variables)
    root.tofu("init", "-input=false")
    values = [word for word in given(folder) if "keep_data" not in word]
    root.tofu("plan", "-input=false", "-out=planned", *values)
    document: dict[str, Any] = json.loads(root.tofu("show", "-json", "planned"))
    redactor = Redactor()
    redactor.learn(document)
    conftest = install.path("conftest")
    assert policy.check(document, folder, opentofu / "policies", (), redactor, conftest=conftest) == ()


CHANGES: dict[str, tuple[list[str], str]] = {
    "single-node": (
        ["-var=size=s-2vcpu-4gb", "-var=volume_gib=20", "-var=datastore=etcd", "-var=servers=3", "-var=agents=1"],
        "3 to add, 2 to change, 0 to destroy",
    ),
    "production": (["-var=workers=5"], "2 to add, 0 to change, 0 to destroy"),
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_what_scales_is_not_replaced(
    account: tuple[DigitalOceanSimulator, dict[str, str]], opentofu: Path, name: str
) -> None:
    cloud, variables = account
    folder = opentofu / "environments" / name
    (folder / "backend_override.tf").write_text(LOCAL)
    root = of(folder, variables)
    root.tofu("init", "-input=false")
    root.apply(*given(folder))
    changes, counts = CHANGES[name]
    told = root.apply(*given(folder), *changes)
    assert counts in told
    root.assert_nothing_to_do(*given(folder), *changes)
    root.apply("-destroy", *given(folder), *changes)
    assert left(cloud) == {}


def test_a_kept_volume_is_not_destroyed(account: tuple[DigitalOceanSimulator, dict[str, str]], opentofu: Path) -> None:
    cloud, variables = account
    folder = opentofu / "modules" / "storage" / "examples" / "basic"
    text = (folder / "main.tf").read_text()
    root = of(folder, variables)
    (folder / "main.tf").write_text(text.replace("keep   = false", "keep   = true"))
    root.tofu("init", "-input=false")
    root.apply()
    assert "prevent_destroy" in root.apply("-destroy", code=1)
    (folder / "main.tf").write_text(text)
    root.apply("-destroy")
    assert left(cloud) == {}


# USD a month, from and to; within the designs' own figures where they give some.
COSTS = {
    "dev": (332, 337),
    "production": (240, 245),
    "single-node": (13, 18),
    "staging": (332, 337),
    "todo": (105, 182),
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_an_environment_costs(configuration: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable, value in configuration.items():
        monkeypatch.setenv(variable, value)
    for variable in ("DIGITALOCEAN_TOKEN", "SPACES_ACCESS_KEY_ID", "SPACES_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DOGITOPS_ROOT", str(ROOT))
    found, told = cost.bill(name)
    assert (found.total.low, found.total.high) == COSTS[name]
    assert found.unpriced == ()
    if told.budget is not None:
        cost.check(name, found, told)
    written = (OPENTOFU / "environments" / "README.md").read_text()
    assert f"${COSTS[name][0]} to ${COSTS[name][1]}" in written
