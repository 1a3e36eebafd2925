"""The dashboards: everything that they ask is understood by what they ask, and told by something that is watched."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.integration.monitoring.watched import DASHBOARDS, PLATFORM, Query, known, metrics, opened, queries

QUERIES = [query for file in DASHBOARDS for query in queries(file)]


def test_prometheus_understands_every_panel(promtool: Path, tmp_path: Path) -> None:
    asked = [query for query in QUERIES if query.language == "prometheus"]
    assert len(asked) > 60
    done = checked(promtool, tmp_path, asked)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_panel_that_prometheus_does_not_understand_is_found(promtool: Path, tmp_path: Path) -> None:
    assert checked(promtool, tmp_path, [Query("broken", "sum(rate(up[2m])", "prometheus")]).returncode == 1


def test_loki_understands_every_panel(logcli: Path) -> None:
    asked = [query for query in QUERIES if query.language == "loki"]
    at_first = [query for file in DASHBOARDS for query in opened(file)]
    assert len(at_first) == len(asked) >= 3
    for query in (*asked, *at_first):
        done = subprocess.run([logcli, "fmt"], input=query.expression, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{query.where}: {done.stderr}"


def test_panels_ask_for_what_somebody_tells() -> None:
    told = set().union(*known().values())
    wrong = {
        query.where: missing
        for query in QUERIES
        if query.language == "prometheus" and (missing := metrics(query.expression) - told)
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (node) (rate(a_total{mode="idle"}[2m])) > 0.5', {"a_total"}),
        ("a / on (node) group_left (x) b unless c offset 5m", {"a", "b", "c"}),
        ('absent(up{job="a"}) or vector(0)', {"up"}),
        ("histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m]))) < 7 * 86400", {"h_bucket"}),
        ("time() - max(d) > bool 3", {"d"}),
    ],
)
def test_names_of_metrics_are_read_from_expressions(expression: str, names: set[str]) -> None:
    assert metrics(expression) == names


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_dashboards_are_sound(file: Path) -> None:
    board = json.loads(file.read_text())
    sources = yaml.safe_load((PLATFORM / "grafana" / "datasources.yaml").read_text())["datasources"]
    uids = {source["uid"]: source["type"] for source in sources}
    assert board["uid"] == f"dogitops-{file.stem}"
    assert board["editable"] is False
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in board["panels"]:
        assert panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
            assert uids[source["uid"]] == source["type"], panel["title"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in board["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells)), "panels lie over each other"


def test_every_dashboard_is_brought_to_grafana() -> None:
    told = yaml.safe_load((PLATFORM / "grafana" / "kustomization.yaml").read_text())
    [files] = [one["files"] for one in told["configMapGenerator"] if one["name"] == "grafana-dashboards"]
    assert sorted(files) == [f"dashboards/{file.name}" for file in DASHBOARDS]


def test_data_sources_lead_to_services_that_there_are() -> None:
    services = {
        (one["metadata"]["name"], port["port"])
        for component in ("prometheus", "loki", "alertmanager")
        for one in yaml.safe_load_all((PLATFORM / component / "server.yaml").read_text())
        if one["kind"] == "Service"
        for port in one["spec"]["ports"]
    }
    for source in yaml.safe_load((PLATFORM / "grafana" / "datasources.yaml").read_text())["datasources"]:
        name, _, port = source["url"].removeprefix("http://").partition(":")
        assert (name, int(port)) in services, source["name"]


def checked(promtool: Path, folder: Path, asked: list[Query]) -> subprocess.CompletedProcess[str]:
    """Have promtool parse expressions, as recording rules of a file that is made for it."""
    made = [{"record": f"q{number}", "expr": query.expression} for number, query in enumerate(asked)]
    file = folder / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": made}]}))
    return subprocess.run(
        [promtool, "check", "rules", "--lint=none", file], capture_output=True, text=True, check=False, timeout=60
    )
