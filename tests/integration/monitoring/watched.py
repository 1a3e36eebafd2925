"""What gitops/ says of rules and dashboards, read from its files; and which metrics there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
PLATFORM = ROOT / "gitops" / "platform"
RULES = sorted(
    (*(PLATFORM / "prometheus" / "rules").glob("*.yaml"), *ROOT.glob("gitops/clusters/*/monitoring/control-plane.yaml"))
)
CASES = ROOT / "tests" / "fixtures" / "alerts"
DASHBOARDS = sorted((PLATFORM / "grafana" / "dashboards").glob("*.json"))
METRICS = ROOT / "tests" / "fixtures" / "metrics.yaml"

_NOT_METRICS = {
    *("by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset", "and", "or", "unless"),
    *("inf", "nan", "atan2"),
}


@dataclass(frozen=True)
class Query:
    """An expression, and where it stands; ``language`` is the type of its data source."""

    where: str
    expression: str
    language: str


def rules(file: Path) -> list[dict[str, Any]]:
    """Return the rules of a file."""
    return [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def queries(file: Path) -> Iterator[Query]:
    """Yield every query of a dashboard, those of its variables included, with Grafana's variables filled in."""
    board = json.loads(file.read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield Query(f"{file.name}: {panel['title']}", filled(target["expr"]), target["datasource"]["type"])
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            inside = re.fullmatch(r"label_values\((.+), \w+\)", variable["query"]["query"])
            assert inside, (
                f"{file.name}: the variable {variable['name']} asks something else than for values of a label"
            )
            yield Query(f"{file.name}: ${variable['name']}", filled(inside[1]), variable["datasource"]["type"])


def opened(file: Path) -> Iterator[Query]:
    """Yield what a dashboard asks Loki when it is opened: of all there is, and for no word."""
    board = json.loads(file.read_text())
    chosen = {one["name"]: one.get("allValue", one["query"]) for one in board["templating"]["list"]}
    for panel in board["panels"]:
        for target in panel["targets"]:
            if target["datasource"]["type"] == "loki":
                expression = re.sub(r"\$(\w+)\b", lambda name: chosen.get(name[1], name[0]), target["expr"])
                yield Query(f"{file.name}: {panel['title']}, opened", filled(expression), "loki")


def filled(expression: str) -> str:
    """Put values in the place of Grafana's variables, as Grafana does before it asks."""
    for name, value in (("$__rate_interval", "2m"), ("$__auto", "1m"), ("$__range", "1h")):
        expression = expression.replace(name, value)
    expression = re.sub(r"\$(namespace|pod|node|search)\b", "x", expression)
    assert "$" not in expression, expression
    return expression


def metrics(expression: str) -> set[str]:
    """Return the names of the metrics that a PromQL expression asks for."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    names = re.findall(r"(?<![\w.])([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return {name for name in names if name.lower() not in _NOT_METRICS}


def known() -> dict[str, set[str]]:
    """Return the metrics that each job tells, as far as anything here asks for them."""
    return {job: set(names) for job, names in yaml.safe_load(METRICS.read_text()).items()}
