"""The policies with the real conftest, on plans that OpenTofu 1.12.6 and DigitalOcean's provider 2.99.1 made."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from automation.environment import OWNED_PREFIX
from tests.integration.opentofu.case import (
    BAD,
    BUCKET,
    DROPLET,
    GATE,
    POLICIES,
    ROOT,
    SILENT,
    Case,
    mutate_monitoring,
)

RULES = {file.stem for file in POLICIES.glob("*.rego") if not file.stem.endswith("_test")}


def test_a_plan_that_keeps_every_rule_gives_no_result(good: Case) -> None:
    assert good.check() == ()


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
