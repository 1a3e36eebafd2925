"""The runner with a script in tofu's place; tests/e2e/test_state.py has the real one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from automation.errors import CommandFailed, ConfigurationError, DogitopsError
from automation.opentofu.explain import Passing
from automation.opentofu.outcome import State
from automation.opentofu.runner import StateLocked, Tofu
from automation.secret import Secret
from tests.integration.opentofu.program import PLANNING, tofu

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


@pytest.fixture(autouse=True)
def impatience() -> Iterator[None]:
    """Try again at once, and one time less."""
    with stamina.set_testing(testing=True, attempts=3):
        yield


def failing(root: Path, text: str, code: int = 1) -> Tofu:
    (root.parents[2] / "said").write_text(text)
    return tofu(root, f'cat "$T/said" >&2; exit {code}')


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


def test_providers_are_kept_in_one_place_for_all_environments(root: Path) -> None:
    runner = tofu(root, 'echo "$TF_PLUGIN_CACHE_DIR" >"$T/cache-used"; test -d "$TF_PLUGIN_CACHE_DIR"')
    runner.init()
    assert (root.parents[2] / "cache-used").read_text().strip() == str(root.parents[2] / "cache" / "providers")


@pytest.mark.parametrize("where", ["variable", "configuration"])
def test_a_users_own_provider_cache_is_used(root: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    if where == "variable":
        monkeypatch.setenv("TF_PLUGIN_CACHE_DIR", "/their/own")
    else:
        file = root.parents[2] / "own.tofurc"
        file.write_text('plugin_cache_dir = "/their/own"\n')
        monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(file))
    runner = tofu(root, 'echo "${TF_PLUGIN_CACHE_DIR:-none}" >"$T/cache-used"')
    runner.init()
    assert (root.parents[2] / "cache-used").read_text().strip() == ("/their/own" if where == "variable" else "none")


COUNTING = 'echo x >>"$T/tries"; [ "$(wc -l <"$T/tries")" -ge {} ] || {{ cat "$T/said" >&2; exit 1; }}'
FAULT = "Error: Failed to install provider\n\nError while installing a/b v1.0.0: 503 Service Unavailable"


@pytest.mark.parametrize("verb", ["init", "plan", "resources"])
def test_faults_that_pass_are_tried_again(root: Path, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    home = root.parents[2]
    (home / "said").write_text(FAULT)
    failing_twice = 'case "$1" in show) ;; *) ' + COUNTING.format(3) + ";; esac\n" + PLANNING
    getattr(tofu(root, failing_twice), verb)()
    assert (home / "tries").read_text().count("x") == 3
    assert capsys.readouterr().err.count("Trying again") == 2


def test_what_does_not_pass_is_told_in_the_end(root: Path) -> None:
    (root.parents[2] / "said").write_text(FAULT)
    with pytest.raises(Passing, match="can't download the providers of local"):
        tofu(root, COUNTING.format(99)).init()
    assert (root.parents[2] / "tries").read_text().count("x") == 3


@pytest.mark.parametrize(("verb", "text"), [("plan", "Error: no such luck"), ("plan", LOCKED)])
def test_other_troubles_are_not_tried_again(root: Path, verb: str, text: str) -> None:
    (root.parents[2] / "said").write_text(text)
    with pytest.raises(DogitopsError):
        getattr(tofu(root, COUNTING.format(99)), verb)()
    assert (root.parents[2] / "tries").read_text().count("x") == 1


def test_an_apply_is_never_tried_again(root: Path) -> None:
    saved, _ = tofu(root, PLANNING).plan()
    (root.parents[2] / "said").write_text(FAULT)
    with pytest.raises(CommandFailed):
        tofu(root, COUNTING.format(99)).apply(saved)
    assert (root.parents[2] / "tries").read_text().count("x") == 1


def said_in_json(root: Path, *messages: dict[str, Any]) -> str:
    """Return an apply that says these messages; `show` and `plan` are as before."""
    (root.parents[2] / "messages").write_text("".join(json.dumps(one) + "\n" for one in messages))
    return PLANNING.replace('apply) echo "$@" >>"$T/applied"', 'apply) cat "$T/messages"; exit "$(cat "$T/code")"')


def message(kind: str, address: str, action: str, text: str = "", **other: Any) -> dict[str, Any]:
    told = {"resource": {"addr": address}, "action": action, **other}
    return {"type": kind, "@message": text, "change" if kind == "planned_change" else "hook": told}


def test_an_apply_returns_what_became_of_each_resource(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runner = tofu(
        root,
        said_in_json(
            root,
            message("planned_change", "a.one", "create", "a.one: Plan to create"),
            message("apply_start", "a.one", "create", "a.one: Creating..."),
            message("apply_complete", "a.one", "create", "a.one: Creation complete after 2s", elapsed_seconds=2),
        ),
    )
    (root.parents[2] / "code").write_text("0")
    saved, _ = runner.plan()
    done = runner.apply(saved)
    assert [(step.address, step.state, step.seconds) for step in done.steps] == [("a.one", State.DONE, 2)]
    assert runner.outcome == done
    told = capsys.readouterr().err
    assert "a.one: Creation complete after 2s" in told
    assert "Plan to create" not in told


def test_an_apply_that_fails_half_way_leaves_what_it_did(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Secret("canary-value-8")
    diagnostic = {
        "severity": "error", "summary": "denied", "detail": "canary-value-8 and canary-id-9", "address": "a.two",
    }  # fmt: skip
    script = said_in_json(
        root,
        message("planned_change", "a.one", "create"), message("planned_change", "a.two", "create"),
        message("planned_change", "a.three", "create"), message("apply_complete", "a.one", "create"),
        message("apply_errored", "a.two", "create", "a.two: canary-id-9 failed for canary-value-8"),
        {"type": "diagnostic", "@message": "Error: canary-id-9", "diagnostic": diagnostic},
    )  # fmt: skip
    (root.parents[2] / "code").write_text("1")
    runner = tofu(root, script)
    runner.redact = lambda text: text.replace("canary-id-9", "(hidden)")
    saved, _ = runner.plan()
    with pytest.raises(CommandFailed, match="denied") as caught:
        runner.apply(saved)
    assert runner.outcome is not None
    assert [step.address for step in runner.outcome.done] == ["a.one"]
    assert [step.address for step in runner.outcome.failed] == ["a.two"]
    assert [step.address for step in runner.outcome.not_started] == ["a.three"]
    for told in (caught.value.message, repr(runner.outcome), capsys.readouterr().err):
        assert "canary" not in told
    assert not saved.path.exists()


def test_a_lock_told_in_json_keeps_the_plan(root: Path) -> None:
    detail = "Error message: x\nLock Info:\n  ID:        3319fd9d\n  Who:       ada@laptop\n"
    diagnostic = {"severity": "error", "summary": "Error acquiring the state lock", "detail": detail}
    runner = tofu(root, said_in_json(root, {"type": "diagnostic", "diagnostic": diagnostic}))
    (root.parents[2] / "code").write_text("1")
    saved, _ = runner.plan()
    with pytest.raises(StateLocked, match="locked by ada@laptop") as caught:
        runner.apply(saved)
    assert "dogitops unlock local 3319fd9d" in (caught.value.hint or "")
    assert runner.saved_plan("local") == saved


@pytest.mark.parametrize(
    ("destroy", "refresh_only", "option"), [(True, False, "-destroy"), (False, True, "-refresh-only")]
)
def test_plans_of_other_kinds(root: Path, destroy: bool, refresh_only: bool, option: str) -> None:
    runner = tofu(root, 'echo "$@" >>"$T/argv"\n' + PLANNING)
    runner.plan(destroy=destroy, refresh_only=refresh_only)
    argv = (root.parents[2] / "argv").read_text().splitlines()[0].split()
    assert option in argv
    assert len({"-destroy", "-refresh-only"} & set(argv)) == 1


STATE = {"version": 4, "serial": 7, "lineage": "3319fd9d-2c98", "outputs": {"x": {"value": "canary-value-5"}}}


@pytest.mark.parametrize(
    ("text", "identity"), [(json.dumps(STATE), ("3319fd9d-2c98", 7)), ("", ("", 0)), ("\n", ("", 0))]
)
def test_a_state_is_known_by_lineage_and_serial(root: Path, text: str, identity: tuple[str, int]) -> None:
    (root.parents[2] / "state").write_text(text)
    assert tofu(root, 'cat "$T/state"').state_identity() == identity


@pytest.mark.parametrize("text", ['{"serial": "canary-value-5"}', "canary-value-5", '["canary-value-5"]'])
def test_a_state_that_is_none_is_not_shown(root: Path, text: str) -> None:
    (root.parents[2] / "state").write_text(text)
    with pytest.raises(DogitopsError, match="not one that OpenTofu wrote") as caught:
        tofu(root, 'cat "$T/state"').state_identity()
    assert "canary" not in caught.value.message


def test_the_version_is_asked_for_once(root: Path) -> None:
    runner = tofu(root, 'echo x >>"$T/tries"; echo \'{"terraform_version": "1.12.6", "platform": "linux_amd64"}\'')
    assert (runner.version(), runner.version()) == ("1.12.6", "1.12.6")
    assert (root.parents[2] / "tries").read_text() == "x\n"


def test_the_lock_files_digest_is_nothing_without_one(root: Path) -> None:
    runner = tofu(root, "")
    assert runner.lock_digest() == ""
    (root / ".terraform.lock.hcl").write_text("# locked\n")
    first = runner.lock_digest()
    (root / ".terraform.lock.hcl").write_text("# otherwise\n")
    assert len(first) == 64
    assert runner.lock_digest() != first
