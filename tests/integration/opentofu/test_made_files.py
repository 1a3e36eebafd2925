"""Files that planning makes: they belong to the plan, and travel with it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automation.errors import ConfigurationError, DogitopsError
from automation.opentofu.runner import Tofu
from tests.integration.opentofu.program import PLANNING, tofu


def test_a_changed_module_makes_a_plan_another(root: Path) -> None:
    module = root.parents[1] / "modules" / "net"
    module.mkdir(parents=True)
    (module / "main.tf").write_text("# a net\n")
    (root / "main.tf").write_text('module "net" {\n  source = "../../modules/net"\n}\n')
    runner = tofu(root, PLANNING)
    runner.plan()
    (module / "main.tf").write_text("# another net\n")
    with pytest.raises(DogitopsError, match="has changed since the plan was made"):
        runner.saved_plan("local")


# A plan that archives something, as archive_file does, and an apply that needs it.
ARCHIVING = """
case "$1" in
  version) echo '{"terraform_version": "1.12.6"}';;
  plan) mkdir -p build "$TF_DATA_DIR/modules/far"; echo "archive $(date +%N)" >build/app.zip
    echo far >"$TF_DATA_DIR/modules/far/x.zip"
    for word; do case "$word" in -out=*) echo "the plan" >"${word#-out=}";; esac; done; exit 2;;
  show) echo '{}';;
  apply) cat build/app.zip "$TF_DATA_DIR/modules/far/x.zip" >"$T/deployed" || exit 1;;
esac
"""


def elsewhere(root: Path, place: Path) -> Path:
    """Return the same root in another clone, where nothing was planned."""
    other = place / "other" / "opentofu" / "environments" / "local"
    other.mkdir(parents=True)
    for file in root.iterdir():
        if file.is_file():
            (other / file.name).write_bytes(file.read_bytes())
    return other


def manifest(runner: Tofu, **other: str) -> dict[str, Any]:
    return {
        "environment": "local", "tofu_version": runner.version(), "lock_digest": runner.lock_digest(),
        "configuration": runner.configuration_digest(), **other,
    }  # fmt: skip


def test_files_made_while_planning_do_not_make_the_plan_another(root: Path) -> None:
    runner = tofu(root, ARCHIVING)
    before = runner.configuration_digest()
    runner.plan()
    assert (root / "build" / "app.zip").exists()
    assert runner.configuration_digest() == before
    runner.plan()
    assert runner.configuration_digest() == before, "an archive that was there is made anew"
    assert runner.saved_plan("local").manifest["made"].keys() == {
        "repository/opentofu/environments/local/build/app.zip", "modules/far/x.zip",
    }  # fmt: skip


def test_files_made_while_planning_are_put_back_for_the_apply(root: Path) -> None:
    runner = tofu(root, ARCHIVING)
    saved, _ = runner.plan()
    made = (root / "build" / "app.zip").read_text()
    (root / "build" / "app.zip").unlink()
    (root / "build").rmdir()
    runner.apply(saved)
    assert (root.parents[2] / "deployed").read_text() == made + "far\n"


def test_a_plan_travels_with_the_files_that_it_made(root: Path, tmp_path: Path) -> None:
    runner = tofu(root, ARCHIVING)
    runner.plan()
    told, files = manifest(runner), runner.export_plan()
    made = (root / "build" / "app.zip").read_text()
    other = tofu(elsewhere(root, tmp_path), ARCHIVING)
    saved = other.import_plan({**files, "review.json": b"{}"}, told)
    assert other.saved_plan("local") == saved
    assert saved.path.stat().st_mode & 0o777 == 0o600
    other.apply(saved)
    assert (other.root.parents[2] / "deployed").read_text() == made + "far\n"
    with pytest.raises(ConfigurationError, match="no saved plan"):
        other.saved_plan("local")


def test_an_imported_plan_brings_its_own_archive_and_not_one_that_lies_there(root: Path, tmp_path: Path) -> None:
    runner = tofu(root, ARCHIVING)
    runner.plan()
    other = tofu(elsewhere(root, tmp_path), ARCHIVING)
    (other.root / "build").mkdir()
    (other.root / "build" / "app.zip").write_text("an older one")
    other.apply(other.import_plan(runner.export_plan(), manifest(runner)))
    assert (other.root / "build" / "app.zip").read_text() == (root / "build" / "app.zip").read_text()


def test_an_archive_that_a_person_changed_is_not_overwritten(root: Path) -> None:
    runner = tofu(root, ARCHIVING)
    saved, _ = runner.plan()
    (root / "build" / "app.zip").write_text("by hand")
    with pytest.raises(DogitopsError, match="has been changed since"):
        runner.apply(saved)
    assert (root / "build" / "app.zip").read_text() == "by hand"
    assert not (root.parents[2] / "deployed").exists()


def test_a_file_of_git_that_somebody_edits_meanwhile_is_not_taken_for_a_made_one(root: Path) -> None:
    home = root.parents[2]
    (root / "user-data.tftpl").write_text("old\n")
    for words in (["init", "--quiet"], ["add", "opentofu"]):
        subprocess.run(["git", "-C", home, *words], check=True)
    runner = tofu(root, PLANNING.replace("exit 2", 'echo new >user-data.tftpl; echo "# more" >more.tf; exit 2'))
    saved, _ = runner.plan()
    assert saved.manifest["made"] == {}
    with pytest.raises(DogitopsError, match="has changed since the plan was made"):
        runner.saved_plan("local")


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"tofu_version": "1.11.0"}, "made with another OpenTofu (1.11.0, and here it is 1.12.6)"),
        ({"lock_digest": "a" * 64}, "made with another provider lock file (aaaaaaaaaaaa, and here it is none)"),
        ({"configuration": "b" * 64}, "made from another configuration of local"),
        ({"environment": "blue"}, "a plan of blue, not of local"),
    ],
)
def test_a_plan_for_something_else_is_not_imported(
    root: Path, tmp_path: Path, other: dict[str, str], told: str
) -> None:
    runner = tofu(root, ARCHIVING)
    runner.plan()
    there = tofu(elsewhere(root, tmp_path), ARCHIVING)
    with pytest.raises(DogitopsError) as caught:
        there.import_plan(runner.export_plan(), manifest(runner, **other))
    assert told in caught.value.message
    with pytest.raises(ConfigurationError, match="no saved plan"):
        there.saved_plan("local")


def test_a_plan_is_not_imported_where_the_configuration_has_moved_on(root: Path, tmp_path: Path) -> None:
    runner = tofu(root, ARCHIVING)
    runner.plan()
    there = tofu(elsewhere(root, tmp_path), ARCHIVING)
    (there.root / "main.tf").write_text("# moved on\n")
    with pytest.raises(DogitopsError, match="another configuration of local"):
        there.import_plan(runner.export_plan(), manifest(runner))


def without(name: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda files: {key: content for key, content in files.items() if not key.endswith(name)}


@pytest.mark.parametrize(
    "change",
    [
        without("plan.tfplan"), without("saved.json"), without("app.zip"), lambda files: {**files, "saved.json": b"{"},
        lambda files: {**files, "saved.json": b"[]"},
    ],
    ids=["no plan", "no record", "no archive", "broken record", "odd record"],
)  # fmt: skip
def test_an_envelope_that_lacks_something_is_told(
    root: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]]
) -> None:
    runner = tofu(root, ARCHIVING)
    runner.plan()
    there = tofu(elsewhere(root, tmp_path), ARCHIVING)
    with pytest.raises(DogitopsError, match="no saved plan of local that can be read"):
        there.import_plan(change(runner.export_plan()), manifest(runner))


@pytest.mark.parametrize(
    "name",
    [
        "repository/opentofu/environments/local/main.tf", "repository/opentofu/environments/local/x.auto.tfvars",
        "repository/opentofu/environments/local/environment.yaml", "repository/.github/workflows/apply.yml",
        "repository/opentofu/environments/local/../../../x", "/etc/passwd", "repository//etc/passwd", "modules/../x",
        "other/x", "repository/opentofu/environments/blue/x.zip", "repository/opentofu/environments/local/link/x.zip",
        "repository/", "modules/x/main.tf",
    ],
)  # fmt: skip
def test_a_plan_can_bring_only_files_that_planning_could_have_made(root: Path, tmp_path: Path, name: str) -> None:
    runner = tofu(root, ARCHIVING)
    runner.plan()
    there = tofu(elsewhere(root, tmp_path), ARCHIVING)
    (there.root / "link").symlink_to(tmp_path)
    files = runner.export_plan()
    record = json.loads(files["saved.json"])
    record["made"] = {name: "0" * 64}
    files = {**files, "saved.json": json.dumps(record).encode(), f"made/{name}": b"bad"}
    with pytest.raises(DogitopsError, match="a file that it can't have made") as caught:
        there.import_plan(files, manifest(runner))
    assert "Do not apply it" in (caught.value.hint or "")
