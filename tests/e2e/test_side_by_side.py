"""Plans of several environments at once, by the real command line, tofu and store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.objectstore import ObjectStore
from tests.e2e.pulls import ENVIRONMENT_YAML, VERSIONS, served_store

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("one", "two", "three")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    with served_store(tmp_path / "objectstore") as served:
        yield served


@pytest.fixture
def workspace(tmp_path: Path, store: ObjectStore) -> Path:
    for name in NAMES:
        folder = tmp_path / "repository" / "opentofu" / "environments" / name
        folder.mkdir(parents=True)
        bucket = f"dogitops-{name}-state"
        (folder / "environment.yaml").write_text(ENVIRONMENT_YAML.format(endpoint=store.endpoint, bucket=bucket))
        (folder / "versions.tf").write_text(VERSIONS.format(bucket=bucket))
        (folder / "main.tf").write_text(f'resource "terraform_data" "{name}" {{\n  input = "{name}"\n}}\n')
    return tmp_path / "repository"


def dogitops(workspace: Path, store: ObjectStore, *arguments: str) -> subprocess.CompletedProcess[str]:
    keys = {
        "SPACES_ACCESS_KEY_ID": store.access_key.reveal(),
        "SPACES_SECRET_ACCESS_KEY": store.secret_key.reveal(),
        "DOGITOPS_ROOT": str(workspace),
        "PYTHONPATH": str(ROOT),
    }
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "DOGITOPS_STATE"))}
    return subprocess.run(
        [sys.executable, "-m", "automation", *arguments],
        env={**mine, **keys},
        capture_output=True,
        text=True,
        check=False,
    )


def test_environments_are_planned_side_by_side_and_applied_one_by_one(workspace: Path, store: ObjectStore) -> None:
    planned = dogitops(workspace, store, "plan", *NAMES)
    assert planned.returncode == 0, planned.stderr
    for name in NAMES:
        assert f"terraform_data.{name}" in planned.stdout
        assert f"dogitops apply {name}" in planned.stderr
        assert f"{name} > Planning {name}" in planned.stderr, "every line says whose it is"
    began = [planned.stderr.index(f"{name} > Preparing") for name in NAMES]
    ended = [planned.stderr.index(f"{name} ✓ Planning") for name in NAMES]
    assert max(began) < min(ended), "they were not at work at the same time"
    assert dogitops(workspace, store, "apply", "two").returncode == 0
    state = store.client().get_object(Bucket="dogitops-two-state", Key="environment.tfstate")["Body"].read()
    assert [one["name"] for one in json.loads(state)["resources"]] == ["two"]


def test_one_broken_environment_does_not_spoil_the_others(workspace: Path, store: ObjectStore) -> None:
    broken = workspace / "opentofu" / "environments" / "two" / "main.tf"
    broken.write_text('resource "terraform_data" "two" {\n  input = nothing.here\n}\n')
    done = dogitops(workspace, store, "plan", *NAMES)
    assert done.returncode == 2, done.stderr
    assert "main.tf" in done.stderr
    assert "Traceback" not in done.stderr
    assert dogitops(workspace, store, "apply", "one").returncode == 0
    assert dogitops(workspace, store, "apply", "two").returncode == 2


def test_a_secret_in_an_output_is_not_printed(workspace: Path, store: ObjectStore) -> None:
    main = workspace / "opentofu" / "environments" / "one" / "main.tf"
    main.write_text(main.read_text() + 'output "admin_password" {\n  value = "canary-in-an-output"\n}\n')
    planned = dogitops(workspace, store, "plan", "one")
    applied = dogitops(workspace, store, "apply", "one")
    assert (planned.returncode, applied.returncode) == (0, 0), planned.stderr + applied.stderr
    assert "admin_password" in planned.stdout
    assert "canary-in-an-output" not in planned.stdout + planned.stderr + applied.stdout + applied.stderr
