"""The policies with the real conftest, on plans that OpenTofu 1.12.6 and DigitalOcean's provider 2.99.1 made."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.environment import OWNED_PREFIX
from automation.errors import ConfigurationError, DogitopsError
from automation.opentofu import policy
from automation.opentofu.policy import PolicyResult
from automation.opentofu.policy import given as policy_input
from automation.opentofu.policy.given import Source
from automation.opentofu.redact import Redactor
from automation.process import run
from automation.toolchain import install

ROOT = Path(__file__).parents[3]
POLICIES = ROOT / "opentofu" / "policies"
FIXTURES = ROOT / "tests" / "fixtures" / "policies"
RULES = {file.stem for file in POLICIES.glob("*.rego") if not file.stem.endswith("_test")}

Plan = dict[str, Any]


@pytest.fixture(scope="session")
def conftest() -> Path:
    return install.path("conftest")


class Case:
    """A copy of an environment and its plan, to be changed and judged."""

    def __init__(self, name: str, home: Path, conftest: Path) -> None:
        self.root = home / "opentofu" / "environments" / name
        shutil.copytree(FIXTURES / name, self.root)
        self.plan: Plan = json.loads((FIXTURES / name / "plan.json").read_text())
        self.policies = POLICIES
        self.conftest = conftest

    def check(self, *skip: str) -> tuple[PolicyResult, ...]:
        redactor = Redactor()
        redactor.learn(self.plan)
        return policy.check(self.plan, self.root, self.policies, skip, redactor, conftest=self.conftest)

    def found(self) -> set[tuple[str, str, str | None]]:
        return {(result.rule, result.severity, result.address) for result in self.check()}

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.root / file).read_text()
        assert old in text
        (self.root / file).write_text(text.replace(old, new, 1))

    def line(self, file: str, text: str) -> int:
        lines = (self.root / file).read_text().splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def after(self, address: str) -> Plan:
        """Return the planned values of a resource."""
        values: Plan = next(
            each["change"]["after"] for each in self.plan["resource_changes"] if each["address"] == address
        )
        return values

    def own_rule(self, name: str, text: str) -> None:
        """Judge by one rule alone."""
        self.policies = self.root.parents[1] / "policies"
        self.policies.mkdir(exist_ok=True)
        (self.policies / f"{name}.rego").write_text(text)


@pytest.fixture
def good(tmp_path: Path, conftest: Path) -> Case:
    return Case("good", tmp_path, conftest)


@pytest.fixture
def bad(tmp_path: Path, conftest: Path) -> Case:
    return Case("bad", tmp_path, conftest)


def test_a_plan_that_keeps_every_rule_gives_no_result(good: Case) -> None:
    assert good.check() == ()


SILENT = "digitalocean_kubernetes_cluster.silent"
DROPLET = 'digitalocean_droplet.machine["one"]'
GATE = 'module.gate[0].digitalocean_firewall.gate["a \\"quoted\\" [key]"]'
BUCKET = "digitalocean_spaces_bucket.backups"
BAD = {
    ("locked_providers", "failure", None),
    ("pinned_providers", "failure", None),
    ("required_version", "failure", None),
    ("cluster_ha", "failure", SILENT),
    ("cluster_ha", "failure", "digitalocean_kubernetes_cluster.null"),
    ("cluster_upgrades", "warning", SILENT),
    ("open_ports", "failure", SILENT),
    ("open_ports", "failure", GATE),
    ("ownership", "failure", SILENT),
    ("ownership", "failure", DROPLET),
    ("ownership", "failure", "digitalocean_database_cluster.open"),
    ("ownership", "failure", BUCKET),
    ("ownership", "failure", GATE),
    ("ownership", "warning", "digitalocean_volume.data"),
    ("droplet_access", "failure", DROPLET),
    ("droplet_monitoring", "warning", DROPLET),
    ("database_sources", "failure", "digitalocean_database_cluster.open"),
    ("database_sources", "failure", "digitalocean_database_firewall.wide"),
    ("bucket_private", "failure", BUCKET),
    ("bucket_private", "failure", "digitalocean_spaces_bucket_policy.backups"),
    ("bucket_versioning", "failure", BUCKET),
    ("prevent_destroy", "warning", "digitalocean_volume.data"),
    ("prevent_destroy", "warning", "digitalocean_database_cluster.open"),
    ("prevent_destroy", "warning", "digitalocean_database_cluster.wide"),
    ("prevent_destroy", "warning", BUCKET),
    ("runs_programs", "failure", "module.gate.terraform_data.program"),
}


def test_a_plan_that_breaks_the_rules_is_told_each_of_them(bad: Case) -> None:
    assert bad.found() == BAD


def test_failures_come_before_warnings(bad: Case) -> None:
    severities = [result.severity for result in bad.check()]
    assert severities == sorted(severities)


def test_each_result_stands_where_its_block_does(bad: Case) -> None:
    places = {(result.rule, result.address): (result.file, result.line) for result in bad.check()}
    main = "opentofu/environments/bad/main.tf"
    gate = "opentofu/environments/bad/modules/gate/main.tf"
    assert places["cluster_ha", SILENT] == (main, bad.line("main.tf", '"silent" {'))
    assert places["droplet_access", DROPLET] == (main, bad.line("main.tf", '"machine" {'))
    assert places["open_ports", GATE] == (gate, bad.line("modules/gate/main.tf", '"gate" {'))
    assert places["required_version", None] == (main, 1)


def test_the_same_finding_about_many_instances_is_one_result(bad: Case) -> None:
    told = [result for result in bad.check() if result.rule == "droplet_access"]
    assert [result.address for result in told] == [DROPLET]
    assert told[0].message.endswith(" The same goes for 1 more of its instances.")


def mutate_provider(case: Case) -> None:
    case.plan["configuration"]["provider_config"]["external"] = {
        "name": "external",
        "full_name": "registry.opentofu.org/hashicorp/external",
        "version_constraint": "~> 2.3",
    }
    lock = case.root / ".terraform.lock.hcl"
    lock.write_text(
        lock.read_text() + '\nprovider "registry.opentofu.org/hashicorp/external" {\n'
        '  version = "2.3.5"\n  hashes  = ["h1:a"]\n}\n'
    )


def mutate_external_data(case: Case) -> None:
    case.plan["configuration"]["root_module"]["resources"].append({
        "address": "data.external.who", "mode": "data", "type": "external", "name": "who",
        "provider_config_key": "digitalocean", "expressions": {}, "schema_version": 0,
    })  # fmt: skip


def mutate_module(case: Case) -> None:
    calls = case.plan["configuration"]["root_module"]["module_calls"]
    calls["far"] = {"source": "git::https://example.com/a.git?ref=v1", "module": {}}


def mutate_ports(case: Case) -> None:
    rules = case.after("module.bastion.digitalocean_firewall.machine")["inbound_rule"]
    rules[0]["source_addresses"] = ["0.0.0.0/0"]


def mutate_lock(case: Case) -> None:
    (case.root / ".terraform.lock.hcl").unlink()


def mutate_version(case: Case) -> None:
    case.edit("versions.tf", '  required_version = ">= 1.10.0"\n', "")


def mutate_constraint(case: Case) -> None:
    del case.plan["configuration"]["provider_config"]["digitalocean"]["version_constraint"]


def mutate_ha(case: Case) -> None:
    """As after an apply: the state knows ``ha``, and only the configuration tells that nobody chose it."""
    for each in case.plan["configuration"]["root_module"]["resources"]:
        each["expressions"].pop("ha", None)


def mutate_upgrades(case: Case) -> None:
    case.after("digitalocean_kubernetes_cluster.main")["auto_upgrade"] = False


def mutate_tags(case: Case) -> None:
    case.after('digitalocean_kubernetes_node_pool.more["web"]')["tags"] = ["web"]


def mutate_firewall(case: Case) -> None:
    for each in case.plan["configuration"]["root_module"]["resources"]:
        if each["type"] == "digitalocean_database_firewall":
            each["expressions"]["cluster_id"] = {"references": ["var.other"]}


def mutate_acl(case: Case) -> None:
    case.after(BUCKET)["acl"] = "public-read"


def mutate_versioning(case: Case) -> None:
    case.after(BUCKET)["versioning"] = []


def mutate_lifecycle(case: Case) -> None:
    case.edit("modules/machine/main.tf", "prevent_destroy = true", "prevent_destroy = false")


def mutate_keys(case: Case) -> None:
    address = "module.bastion.digitalocean_droplet.machine"
    case.after(address)["ssh_keys"] = []
    change = next(each["change"] for each in case.plan["resource_changes"] if each["address"] == address)
    change["after_unknown"]["ssh_keys"] = False


def mutate_monitoring(case: Case) -> None:
    case.after("module.bastion.digitalocean_droplet.machine")["monitoring"] = False


MUTATIONS: list[tuple[Callable[[Case], None], str, str]] = [
    (mutate_provider, "allowed_providers", "versions.tf"),
    (mutate_external_data, "runs_programs", ""),
    (mutate_module, "pinned_modules", ""),
    (mutate_ports, "open_ports", "modules/machine/main.tf"),
    (mutate_lock, "locked_providers", "versions.tf"),
    (mutate_version, "required_version", "versions.tf"),
    (mutate_constraint, "pinned_providers", "versions.tf"),
    (mutate_ha, "cluster_ha", "main.tf"),
    (mutate_upgrades, "cluster_upgrades", "main.tf"),
    (mutate_tags, "ownership", "main.tf"),
    (mutate_firewall, "database_sources", "main.tf"),
    (mutate_acl, "bucket_private", "main.tf"),
    (mutate_versioning, "bucket_versioning", "main.tf"),
    (mutate_lifecycle, "prevent_destroy", "modules/machine/main.tf"),
    (mutate_keys, "droplet_access", "modules/machine/main.tf"),
    (mutate_monitoring, "droplet_monitoring", "modules/machine/main.tf"),
]


@pytest.mark.parametrize(("mutate", "rule", "file"), MUTATIONS, ids=[rule for _, rule, _ in MUTATIONS])
def test_one_change_breaks_one_rule(good: Case, mutate: Callable[[Case], None], rule: str, file: str) -> None:
    mutate(good)
    (result,) = good.check()
    assert result.rule == rule
    assert result.file == (f"opentofu/environments/good/{file}" if file else None)
    assert (result.line is None) == (not file)


def test_every_rule_is_broken_by_a_test_above() -> None:
    assert {rule for _, rule, _ in MUTATIONS} == RULES


def test_the_ownership_mark_is_the_one_of_environments() -> None:
    text = (POLICIES / "ownership.rego").read_text()
    assert f'prefix := "{OWNED_PREFIX}"' in text
    assert f'tag := "{OWNED_PREFIX.removesuffix("-")}"' in text


def test_every_rule_is_documented() -> None:
    documented = set(
        re.findall(r"^\| `(\w+)` \| (?:refuses|warns) \|", (ROOT / "docs" / "policies.md").read_text(), re.MULTILINE)
    )
    assert documented == RULES


def test_what_is_destroyed_or_forgotten_is_not_judged(bad: Case) -> None:
    for each in bad.plan["resource_changes"]:
        each["change"]["actions"] = ["delete"]
        each["change"]["before"], each["change"]["after"] = each["change"]["after"], None
        each["change"]["after_unknown"] = False
    bad.plan["configuration"]["root_module"] = {}
    assert {result.rule for result in bad.check()} == {"required_version", "pinned_providers", "locked_providers"}


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
