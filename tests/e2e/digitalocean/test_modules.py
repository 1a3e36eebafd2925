"""Modules and environments of opentofu/ with the real provider: mocked by ``tofu test``, and on a simulated account."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from automation.jobs.infrastructure import cost
from automation.opentofu import policy
from automation.opentofu.redact import Redactor
from automation.process import run
from automation.simulators.digitalocean import Delays, DigitalOceanSimulator, Limits
from automation.toolchain import install
from tests.e2e.digitalocean.provider import Root, buckets
from tests.integration.simulators.digitalocean.ocean import client_of

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

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
    files = (OPENTOFU / "modules" / name / "tests").glob("*.tftest.hcl")
    expected = sum(len(re.findall(r'^run "', file.read_text(), re.MULTILINE)) for file in files)
    assert f"Success! {expected} passed, 0 failed." in told


# What an environment is changed to in its life, to scale it: nothing may be destroyed for that.
CHANGES = {
    "production": ["-var=workers=5"],
    "single-node": [
        *("-var=size=s-2vcpu-4gb", "-var=volume_gib=20", "-var=datastore=etcd", "-var=servers=3", "-var=agents=1"),
    ],
}


def of(folder: Path, variables: dict[str, str]) -> Root:
    return Root(install.ensure("tofu")["tofu"], folder, variables)


@contextmanager
def account(configuration: dict[str, str], home: Path) -> Iterator[tuple[DigitalOceanSimulator, dict[str, str]]]:
    """Yield a simulated account and the variables with which the provider uses it, buckets included."""
    limits = Limits(hour=None, minute=None)
    with DigitalOceanSimulator(delays=Delays.scaled(0.01), limits=limits) as cloud, buckets(cloud, home) as spaces:
        yield (
            cloud,
            configuration
            | spaces
            | {
                "DIGITALOCEAN_TOKEN": cloud.token(),
                "DIGITALOCEAN_API_URL": cloud.url,
                "DIGITALOCEAN_REQUESTS_PER_SECOND": "0",
                "DIGITALOCEAN_HTTP_RETRY_WAIT_MIN": "0.1",
                "DIGITALOCEAN_HTTP_RETRY_WAIT_MAX": "1",
            },
        )
        assert cloud.unknown() == []


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


def given(folder: Path) -> list[str]:
    """Return the options that give what has no default, and let volumes be destroyed."""
    keep = (folder / "variables.tf").is_file() and "keep_data" in (folder / "variables.tf").read_text()
    example = ["-var-file=example.tfvars"] if (folder / "example.tfvars").exists() else []
    return [*example, *(["-var=keep_data=false"] if keep else [])]


def life(configuration: dict[str, str], lock: Path, place: str, home: Path) -> dict[str, list[str]]:
    """Apply, find nothing more to do, scale, find nothing to do, destroy; return what is left."""
    folder = shutil.copytree(OPENTOFU, home / "opentofu", ignore=shutil.ignore_patterns(".terraform*")) / place
    (folder / "backend_override.tf").write_text(LOCAL)
    shutil.copy(lock, folder)
    with account(configuration, home / "spaces") as (cloud, variables):
        root = of(folder, variables)
        root.tofu("init", "-input=false")
        words = given(folder)
        root.apply(*words)
        root.assert_nothing_to_do(*words)
        if folder.name in CHANGES:
            words += CHANGES[folder.name]
            assert re.search(r"Plan: \d+ to add, \d+ to change, 0 to destroy", root.apply(*words))
            root.assert_nothing_to_do(*words)
        root.apply("-destroy", *words)
        return left(cloud)


PLACES = [
    *(f"modules/{name}/examples/basic" for name in MODULES),
    *(f"environments/{name}" for name in ENVIRONMENTS),
]


@pytest.fixture(scope="module")
def lock(configuration: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lock file: without one, tofu writes the provider into the cache anew, while others run it from there."""
    folder = tmp_path_factory.mktemp("lock")
    shutil.copy(OPENTOFU / "modules" / "vpc" / "versions.tf", folder)
    of(folder, configuration).tofu("init", "-input=false")
    return folder / ".terraform.lock.hcl"


@pytest.fixture(scope="module")
def lives(
    request: pytest.FixtureRequest,
    configuration: dict[str, str],
    lock: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[dict[str, list[str]]]]]:
    """Begin the lives of all that are asked for, side by side: the provider waits more than it works."""
    asked = {getattr(item, "callspec", None) and item.callspec.params.get("place") for item in request.session.items}  # type: ignore[attr-defined]
    with ThreadPoolExecutor(5) as pool:
        yield {
            place: pool.submit(life, configuration, lock, place, tmp_path_factory.mktemp("life"))
            for place in PLACES
            if place in asked
        }


@pytest.mark.parametrize("place", PLACES)
def test_it_lives_and_nothing_is_left(lives: dict[str, Future[dict[str, list[str]]]], place: str) -> None:
    assert lives[place].result() == {}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_keeps_our_own_rules(configuration: dict[str, str], opentofu: Path, name: str) -> None:
    """Without an exception, once its provider is locked: ``init`` writes the lock file here."""
    folder = opentofu / "environments" / name
    (folder / "backend_override.tf").write_text(LOCAL)
    with account(configuration, opentofu / "spaces") as (_, variables):
        root = of(folder, variables)
        root.tofu("init", "-input=false")
        values = [word for word in given(folder) if "keep_data" not in word]
        root.tofu("plan", "-input=false", "-out=planned", *values)
        document: dict[str, Any] = json.loads(root.tofu("show", "-json", "planned"))
    redactor = Redactor()
    redactor.learn(document)
    conftest = install.path("conftest")
    assert policy.check(document, folder, opentofu / "policies", (), redactor, conftest=conftest) == ()


def test_a_kept_volume_is_not_destroyed(configuration: dict[str, str], opentofu: Path) -> None:
    folder = opentofu / "modules" / "storage" / "examples" / "basic"
    text = (folder / "main.tf").read_text()
    with account(configuration, opentofu / "spaces") as (cloud, variables):
        root = of(folder, variables)
        (folder / "main.tf").write_text(re.sub(r"keep +?= false", "keep = true", text))
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


def test_an_environment_is_taken_into_use(configuration: dict[str, str], tmp_path: Path) -> None:
    """As opentofu/environments/README.md says, with the state in (simulated) Spaces: plan, apply, destroy."""
    shutil.copytree(OPENTOFU, tmp_path / "opentofu", ignore=shutil.ignore_patterns(".terraform*"))
    folder = tmp_path / "opentofu" / "environments" / "single-node"
    shutil.copy(folder / "environment.example.yaml", folder / "environment.yaml")
    shutil.copy(folder / "example.tfvars", folder / "terraform.tfvars")
    with account(configuration, tmp_path / "spaces") as (cloud, variables):
        here = {
            "DOGITOPS_ROOT": str(tmp_path),
            "DOGITOPS_STATE": str(tmp_path / "kept"),
            "SPACES_ENDPOINT_URL": "http://fra1.digitaloceanspaces.com",  # through the proxy that serves them
            "NO_PROXY": "127.0.0.1,localhost",
        }
        env = {name: value for name, value in (variables | here).items() if name != "TF_PLUGIN_CACHE_DIR"}
        of(folder, variables).tofu("init", "-backend=false", "-input=false")  # locks the provider

        def dogitops(*words: str, code: int = 0, **more: str) -> str:
            done = run([sys.executable, "-m", "automation", *words], cwd=ROOT, env=env | more, check=False)
            assert done.returncode == code, done.text
            return done.text

        assert "+ module.machines.digitalocean_droplet.first" in dogitops("plan", "single-node")
        assert "198.19." in dogitops("apply", "single-node")
        assert "no changes" in dogitops("plan", "single-node")
        assert "reality is as described" in dogitops("drift", "single-node"), "what the provider fills in is no drift"
        api = client_of(cloud)
        api.tags.create({"name": "by-hand"})
        (droplet,) = api.droplets.list()["droplets"]
        tagged = {"resources": [{"resource_id": str(droplet["id"]), "resource_type": "droplet"}]}
        api.tags.assign_resources("by-hand", tagged)
        assert "by-hand" in dogitops("drift", "single-node", code=4)
        told = dogitops("destroy", "single-node", "--yes", code=3)
        assert "would destroy what single-node keeps (prevent_destroy)" in told
        told = dogitops("destroy", "single-node", "--yes", TF_VAR_keep_data="false")
        assert "backups stay" not in told, "their bucket was part of it"
        assert left(cloud) == {"spaces": ["dogitops-single-node-state"]}
