"""The alert rules: what Prometheus says of them, when they fire and when not, and where each is explained."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from automation.recovery import last_drill
from tests.integration.monitoring.watched import CASES, PLATFORM, ROOT, RULES, known, metrics, rules

ALERTS = {rule["alert"] for file in RULES for rule in rules(file)}
FILES = sorted(CASES.glob("*.yaml"))


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_prometheus_takes_the_rules(file: Path, promtool: Path) -> None:
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_alerts_fire_when_they_must_and_not_when_they_must_not(file: Path, promtool: Path) -> None:
    done = run(promtool, "test", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_is_changed_fails_its_cases(promtool: Path, tmp_path: Path) -> None:
    rule = (PLATFORM / "prometheus" / "rules" / "nodes.yaml").read_text()
    (tmp_path / "nodes.yaml").write_text(rule.replace('status="true"} == 0', 'status="true"} == 1'))
    cases = yaml.safe_load((CASES / "nodes.yaml").read_text())
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump({**cases, "rule_files": ["nodes.yaml"]}))
    assert run(promtool, "test", "rules", str(tmp_path / "cases.yaml")).returncode == 1


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = [
        (case["alertname"], bool(case["exp_alerts"]))
        for file in FILES
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {name for name, fires in cases if fires} == ALERTS
    assert {name for name, fires in cases if not fires} == ALERTS - {"Watchdog"}, "which always fires"
    tested = {
        (file.parent / rule).resolve() for file in FILES for rule in yaml.safe_load(file.read_text())["rule_files"]
    }
    assert tested == set(RULES)


def test_what_the_designs_ask_for_is_there() -> None:
    asked = {"NodeNotReady", "PodCrashLooping", "HighMemoryUsage", "VolumeNearlyFull", "CertificateExpiring"}
    assert asked | {"ArgoCDOutOfSync", "BackupFailed", "BackupTooOld", "DrillTooOld", "EtcdSnapshotTooOld"} <= ALERTS


def test_every_alert_leads_to_what_to_do() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL))
    for file in RULES:
        for rule in rules(file):
            name = rule["alert"]
            assert rule["annotations"]["runbook"] == f"docs/monitoring.md#{name.lower()}", name
            assert rule["labels"]["severity"] in {"critical", "warning", "none"}, name
            assert "summary" in rule["annotations"], name
            assert len(sections.get(name, "")) > 80, f"docs/monitoring.md says nothing of {name}"
    assert set(sections) == ALERTS, "and of no alert that there is not"


def test_rules_ask_for_what_somebody_tells() -> None:
    told = set().union(*known().values())
    for file in RULES:
        for rule in rules(file):
            assert metrics(rule["expr"]) - told == set(), rule["alert"]


def test_the_newest_drill_is_looked_for_where_it_is_told() -> None:
    drills = [rule for rule in rules(PLATFORM / "prometheus" / "rules" / "backups.yaml") if "Drill" in rule["alert"]]
    assert len(drills) == 2
    for rule in drills:
        selector = f'{{namespace="{last_drill.NAMESPACE}",lease="{last_drill.NAME}"}}'
        assert f"kube_lease_renew_time{selector}" in rule["expr"]


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, timeout=60)
