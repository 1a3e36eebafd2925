"""The runner with a script in tofu's place; tests/e2e/test_state.py has the real one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from automation.errors import CommandFailed, ConfigurationError, DogitopsError
from automation.opentofu.runner import StateLocked, Tofu
from automation.secret import Secret

LOCKED = """
╷
│ Error: Error acquiring the state lock
│
│ Error message: operation error S3: PutObject, https response error
│ StatusCode: 412, RequestID: Y2KRFBISKMOMRKUL, HostID:
│ Lr4KcCYwytma, PreconditionFailed
│ Lock Info:
│   ID:        3319fd9d-2c98-230c-1c31-cce9e084ce6a
│   Path:      dogitops-local-state/environment.tfstate
│   Operation: OperationTypeApply
│   Who:       ada@laptop
│   Version:   1.12.6
│   Created:   2026-11-21 11:32:38.541 +0000 UTC
│   Info:
╵
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "opentofu" / "environments" / "local"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text("# a root\n")
    (folder / "environment.yaml").write_text("a: 1\n")
    return folder


def tofu(root: Path, script: str, **variables: str | Secret) -> Tofu:
    """Return a runner whose tofu is a shell script; it finds the test's folder in $T."""
    home = root.parents[2]
    binary = home / "tofu"
    binary.write_text(f"#!/bin/sh\nT={home}\n{script}\n")
    binary.chmod(0o755)
    return Tofu(binary, root, home / "kept", variables)


def failing(root: Path, text: str, code: int = 1) -> Tofu:
    (root.parents[2] / "said").write_text(text)
    return tofu(root, f'cat "$T/said" >&2; exit {code}')


PLANNING = """
case "$1" in
  plan) for word; do case "$word" in -out=*) echo "the plan" >"${word#-out=}";; esac; done; exit 2;;
  show) echo '{"resource_changes": []}';;
  apply) echo "$@" >>"$T/applied";;
esac
"""


def test_secrets_travel_in_the_environment_alone(root: Path) -> None:
    runner = tofu(
        root, 'echo "$@" >"$T/argv"; env >"$T/env"', AWS_SECRET_ACCESS_KEY=Secret("canary-value-1"), A_PLAIN_ONE="x"
    )
    runner.init()
    home = root.parents[2]
    told = dict(line.split("=", 1) for line in (home / "env").read_text().splitlines() if "=" in line)
    assert told["AWS_SECRET_ACCESS_KEY"] == "canary-value-1"
    assert told["A_PLAIN_ONE"] == "x"
    assert "canary" not in (home / "argv").read_text()
    assert told["TF_DATA_DIR"].startswith(str(home / "kept")), "nothing may be written into the root"
    assert told["TF_INPUT"] == "0"
    assert told["DOGITOPS_ROOT"] == str(home)
    assert sorted(path.name for path in root.iterdir()) == ["environment.yaml", "main.tf"]


def test_provisioners_find_this_very_program(root: Path) -> None:
    runner = tofu(root, 'cd / && dogitops --version >"$T/version"')
    runner.init()
    assert (root.parents[2] / "version").read_text().startswith("dogitops ")


def test_a_users_own_configuration_of_the_command_line_is_used(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = root.parents[2] / "own.tofurc"
    own.write_text("# mine\n")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(own))
    runner = tofu(root, 'echo "$TF_CLI_CONFIG_FILE" >"$T/used"')
    runner.init()
    assert (root.parents[2] / "used").read_text().strip() == str(own)


def test_a_missing_configuration_of_the_command_line_is_an_empty_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(root / "nowhere"))
    runner = tofu(root, 'test -f "$TF_CLI_CONFIG_FILE" && test ! -s "$TF_CLI_CONFIG_FILE"')
    runner.init()


def test_the_providers_lock_file_is_never_changed_where_there_is_one(root: Path) -> None:
    runner = tofu(root, 'echo "$@" >>"$T/argv"')
    runner.init()
    (root / ".terraform.lock.hcl").write_text("# locked\n")
    runner.init()
    first, second = (root.parents[2] / "argv").read_text().splitlines()
    assert "-lockfile=readonly" not in first
    assert "-lockfile=readonly" in second


def test_a_plan_is_applied_once_whether_or_not_it_succeeds(root: Path) -> None:
    runner = tofu(root, PLANNING)
    saved, _ = runner.plan()
    assert saved.manifest["changes"]
    assert saved.path.stat().st_mode & 0o777 == 0o600
    runner.apply(runner.saved_plan("local"))
    assert str(saved.path) in (root.parents[2] / "applied").read_text()
    with pytest.raises(ConfigurationError, match="no saved plan for local"):
        runner.saved_plan("local")
    broken = tofu(root, PLANNING.replace('apply) echo "$@" >>"$T/applied"', "apply) exit 1"))
    saved, _ = broken.plan()
    with pytest.raises(CommandFailed):
        broken.apply(saved)
    assert not saved.path.exists()


def test_a_new_plan_takes_the_old_ones_place_even_when_it_fails(root: Path) -> None:
    tofu(root, PLANNING).plan()
    with pytest.raises(CommandFailed):
        failing(root, "Error: no such luck").plan()
    with pytest.raises(ConfigurationError, match="no saved plan"):
        tofu(root, PLANNING).saved_plan("local")


@pytest.mark.parametrize("name", ["main.tf", "environment.yaml", "new.tf", ".terraform.lock.hcl"])
def test_a_plan_of_another_configuration_is_refused(root: Path, name: str) -> None:
    runner = tofu(root, PLANNING)
    runner.plan()
    (root / name).write_text("# other\n")
    with pytest.raises(DogitopsError, match="has changed since the plan was made") as caught:
        runner.saved_plan("local")
    assert "dogitops plan local" in (caught.value.hint or "")


def test_what_is_no_configuration_does_not_matter(root: Path) -> None:
    runner = tofu(root, PLANNING)
    runner.plan()
    (root / "README.md").write_text("words")
    assert runner.saved_plan("local").is_destroy is False


def test_a_changed_plan_is_refused(root: Path) -> None:
    runner = tofu(root, PLANNING)
    saved, _ = runner.plan()
    saved.path.write_text("another plan")
    with pytest.raises(DogitopsError, match="not the file that was planned"):
        runner.saved_plan("local")


def test_a_broken_record_of_the_plan_counts_as_none(root: Path) -> None:
    runner = tofu(root, PLANNING)
    saved, _ = runner.plan()
    saved.path.with_suffix(".json").write_text("{")
    with pytest.raises(ConfigurationError, match="no saved plan"):
        runner.saved_plan("local")


def test_a_lock_is_told_with_its_own_id_and_not_with_that_of_a_request(root: Path) -> None:
    with pytest.raises(StateLocked) as caught:
        failing(root, LOCKED).plan()
    assert caught.value.message == "The state is locked by ada@laptop since 2026-11-21 11:32:38.541 +0000 UTC."
    assert "'dogitops unlock local 3319fd9d-2c98-230c-1c31-cce9e084ce6a'" in (caught.value.hint or "")


def test_an_apply_that_met_a_lock_keeps_its_plan(root: Path) -> None:
    saved, _ = tofu(root, PLANNING).plan()
    with pytest.raises(StateLocked):
        failing(root, LOCKED).apply(saved)
    assert tofu(root, PLANNING).saved_plan("local") == saved


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Error: Failed to save plan: write /x: no space left on device", "Free some disk space"),
        ("Error: Saved plan is stale\n\nThe given plan file can no longer be applied", "dogitops plan local"),
        ('Error: operation error S3: ListObjectsV2: Get "x": dial tcp: connection refused', "Check the endpoint"),
    ],
)
def test_known_troubles_say_what_to_do(root: Path, text: str, told: str) -> None:
    with pytest.raises(DogitopsError) as caught:
        failing(root, text).plan()
    assert told in (caught.value.hint or "")


def test_no_state_yet_means_no_resources_but_an_unreachable_one_does_not(root: Path) -> None:
    assert (
        failing(root, "No state file was found!\n\nState management commands require a state file.").resources() == []
    )
    with pytest.raises(DogitopsError, match="can't be reached"):
        failing(root, "Error: S3: dial tcp 127.0.0.1:1: connect: connection refused").resources()


def test_sensitive_outputs_stay_inside(root: Path) -> None:
    values = {"a": {"value": 1, "sensitive": False}, "b": {"value": "canary-value-2", "sensitive": True}}
    assert tofu(root, f"echo '{json.dumps(values)}'").outputs() == {"a": 1}


def test_colours_and_frames_are_taken_out_of_what_is_shown(root: Path) -> None:
    with pytest.raises(CommandFailed) as caught:
        failing(root, "\x1b[31m╷\x1b[0m\n│ \x1b[1mError: \x1b[0mno such luck\n╵\n").unlock("x")
    assert "\x1b" not in caught.value.message
    assert "│" not in caught.value.message
    assert "no such luck" in caught.value.message
