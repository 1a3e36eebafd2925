"""Policies: what is allowed on purpose, and input that is not as it must be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.errors import ConfigurationError, DogitopsError
from automation.opentofu import policy
from automation.opentofu.policy import given as policy_input
from automation.opentofu.policy.given import Source
from automation.opentofu.redact import Redactor
from automation.process import run
from automation.toolchain import install
from tests.integration.opentofu.case import (
    BAD,
    DROPLET,
    FIXTURES,
    POLICIES,
    ROOT,
    SILENT,
    Case,
    mutate_monitoring,
)

# Waivers and skipped rules


def test_a_comment_above_a_block_allows_what_it_says(bad: Case) -> None:
    told = 'resource "digitalocean_kubernetes_cluster" "silent"'
    bad.edit("main.tf", told, f"# dogitops:allow cluster_ha it is for a day only\n{told}")
    waived = [result for result in bad.check() if result.waived is not None]
    assert [(result.rule, result.severity, result.address) for result in waived] == [("cluster_ha", "warning", SILENT)]
    assert waived[0].waived == "it is for a day only"
    assert waived[0].message.startswith("The cluster does not set ha. ")
    assert waived[0].message.endswith(" A comment there allows it.")
    assert ("cluster_ha", "failure", "digitalocean_kubernetes_cluster.null") in bad.found()


def test_a_comment_inside_of_a_modules_block_allows_what_it_says(bad: Case) -> None:
    bad.edit("modules/gate/main.tf", "  provisioner", "  # dogitops:allow runs_programs to try it\n  provisioner")
    assert ("runs_programs", "warning", "module.gate.terraform_data.program") in bad.found()
    assert not [each for each in bad.check() if each.rule == "runs_programs" and each.severity == "failure"]


def test_a_comment_without_a_reason_allows_nothing(bad: Case) -> None:
    bad.edit("modules/gate/main.tf", "  provisioner", "  # dogitops:allow runs_programs\n  provisioner")
    results = bad.check()
    assert [each.severity for each in results if each.rule == "runs_programs"] == ["failure"]
    assert [each.message for each in results if each.rule == policy.WAIVER] == [
        "This allows runs_programs without a reason. Write '# dogitops:allow runs_programs REASON'."
    ]


def test_a_comment_for_a_rule_that_does_not_exist_is_a_failure(good: Case) -> None:
    good.edit("main.tf", "locals {", "# dogitops:allow cluster_hah typing is hard\nlocals {")
    (result,) = good.check()
    assert (result.rule, result.severity, result.line) == (policy.WAIVER, "failure", 1)
    assert result.message == "There is no policy 'cluster_hah' to allow. Did you mean 'cluster_ha'?"


def test_a_comment_that_allows_what_nobody_does_is_told(good: Case) -> None:
    good.edit("main.tf", "locals {", "# dogitops:allow cluster_ha it was so once\nlocals {")
    (result,) = good.check()
    assert (result.rule, result.severity) == (policy.WAIVER, "warning")
    assert "nothing here breaks it" in result.message


def test_a_skipped_rule_shows_what_it_would_have_found(bad: Case) -> None:
    (bad.root / "environment.yaml").write_text("plans:\n  skip_policies:\n    - cluster_ha\n")
    results = bad.check("cluster_ha")
    (told,) = [result for result in results if result.rule == "cluster_ha"]
    assert (told.severity, told.file, told.line) == ("warning", "opentofu/environments/bad/environment.yaml", 3)
    assert told.message == "Skipped by environment.yaml: it would have found 2 problems."
    assert told.waived


def test_a_skipped_rule_that_does_not_exist_is_refused(good: Case) -> None:
    with pytest.raises(ConfigurationError, match=r"names 'open_port', and .* Did you mean 'open_ports'\?"):
        good.check("open_port")


def test_the_local_environment_keeps_the_rules(tmp_path: Path, conftest: Path) -> None:
    root = tmp_path / "opentofu" / "environments" / "local"
    shutil.copytree(ROOT / "opentofu" / "environments" / "local", root)
    (root / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    quiet = {"TF_CLI_CONFIG_FILE": "/dev/null", "CHECKPOINT_DISABLE": "1"}
    tofu = install.path("tofu")
    run([tofu, "init", "-input=false"], cwd=root, env=quiet)
    run([tofu, "plan", "-input=false", "-out=plan"], cwd=root, env=quiet)
    plan = json.loads(run([tofu, "show", "-json", "plan"], cwd=root, env=quiet).stdout)
    results = policy.check(plan, root, POLICIES, (), Redactor(), conftest=conftest)
    assert {(result.rule, result.severity, result.waived is None) for result in results} == {
        ("runs_programs", "warning", False)
    }


# Secrets

LEAK = """package rules.leak

deny contains {"msg": sprintf("%v", [input.resources])} if true

deny contains {"msg": sprintf("%v", [input.files])} if true
"""


def test_no_message_repeats_a_secret(bad: Case) -> None:
    droplet = next(each for each in bad.plan["resource_changes"] if each["address"] == DROPLET)
    droplet["change"]["after"]["user_data"] = "password: correct-horse-battery"
    assert droplet["change"]["after"]["user_data"] in (bad.root / "main.tf").read_text()
    droplet["change"]["after_sensitive"] = {"user_data": True}
    bad.own_rule("leak", LEAK)
    told = [result.message for result in bad.check()]
    assert len(told) == 2
    assert not [message for message in told if "correct-horse-battery" in message]


# Bad input

GO_ON = 'package rules.{0}\n\ndeny contains {{"msg": "no"}} if input.never\n'


def test_a_rule_that_is_not_rego_is_named(good: Case) -> None:
    good.own_rule("broken", "package rules.broken\n\ndeny contains {\n")
    with pytest.raises(DogitopsError, match=r"The policies can't be run\.\n(?s:.*)broken\.rego:4") as caught:
        good.check()
    assert str(good.policies) in str(caught.value.hint)


def test_a_rule_that_fails_while_it_runs_is_named(good: Case) -> None:
    good.own_rule("fragile", 'package rules.fragile\n\ndeny contains {"msg": "x"} if to_number("x") == 1\n')
    with pytest.raises(DogitopsError, match=r"The policies can't be run\.\n.*fragile\.rego:3"):
        good.check()


def test_a_rule_in_a_file_of_another_name_is_refused(good: Case) -> None:
    good.own_rule("one", GO_ON.format("two"))
    with pytest.raises(ConfigurationError, match=r"rules\.two of .* is not in two\.rego"):
        good.check()


def test_a_folder_without_rules_is_refused(good: Case) -> None:
    good.policies = good.root
    with pytest.raises(ConfigurationError, match="There are no policies in"):
        good.check()


def test_a_configuration_of_conftest_that_leaves_rules_out_is_not_read(
    bad: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bad.root / "conftest.toml").write_text('namespace = ["nothing"]\nignore = "rego"\n')
    monkeypatch.chdir(bad.root)
    assert bad.found() == BAD


def test_a_missing_program_is_told_with_how_to_get_it(good: Case, tmp_path: Path) -> None:
    good.conftest = tmp_path / "conftest"
    with pytest.raises(ConfigurationError, match="was not found") as caught:
        good.check()
    assert caught.value.hint == "Install it with 'dogitops tools install conftest'."


@pytest.mark.parametrize("plan", [{}, [], None, {"configuration": 1}, {"format_version": "1.0", "values": {}}])
def test_what_is_no_plan_is_refused(good: Case, plan: Any) -> None:
    with pytest.raises(DogitopsError, match="something that is no plan"):
        policy.check(plan, good.root, POLICIES, (), Redactor(), conftest=good.conftest)


def test_a_file_that_is_not_opentofus_language_is_named_with_its_line(good: Case) -> None:
    good.edit("main.tf", 'tags = ["dogitops"]', "tags = ]")
    with pytest.raises(
        DogitopsError, match=r"main\.tf, line 2, is not OpenTofu's language: Invalid expression"
    ) as caught:
        good.check()
    assert str(good.root / "main.tf") in str(caught.value.hint)


def test_a_file_that_is_not_text_is_named(good: Case) -> None:
    (good.root / "main.tf").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DogitopsError, match=r"main\.tf, line 1, .*: Invalid character encoding"):
        good.check()


def test_an_environment_without_any_resource_is_judged(good: Case) -> None:
    good.plan["configuration"] = {"root_module": {}}
    del good.plan["resource_changes"]
    assert good.check() == ()


def test_a_module_that_is_not_ours_is_judged_by_the_plan_alone(good: Case) -> None:
    call = good.plan["configuration"]["root_module"]["module_calls"]["bastion"]
    call["source"] = "git::https://example.com/machine.git?ref=0123456789abcdef0123456789abcdef01234567"
    mutate_monitoring(good)
    (result,) = good.check()
    assert (result.rule, result.file, result.line) == ("droplet_monitoring", None, None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_plan_with_anything_anywhere_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    plan = json.loads((FIXTURES / "good" / "plan.json").read_text())
    place: Any = plan
    key = data.draw(st.sampled_from(sorted(plan)))
    for _ in range(data.draw(st.integers(0, 6))):
        if not place[key] or not isinstance(place[key], dict | list):
            break
        place = place[key]
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
    place[key] = data.draw(json_values)
    try:
        source = Source.read(tmp_path, plan, lambda _: {})
        made = policy_input.document(plan, source, Redactor())
    except DogitopsError:
        return
    json.dumps(made)
