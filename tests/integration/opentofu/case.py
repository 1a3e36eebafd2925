"""A configuration with its plan, judged by the rules."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from automation.opentofu import policy
from automation.opentofu.policy import PolicyResult
from automation.opentofu.redact import Redactor

ROOT = Path(__file__).parents[3]
POLICIES = ROOT / "opentofu" / "policies"
FIXTURES = ROOT / "tests" / "fixtures" / "policies"


Plan = dict[str, Any]


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


def mutate_monitoring(case: Case) -> None:
    case.after("module.bastion.digitalocean_droplet.machine")["monitoring"] = False
