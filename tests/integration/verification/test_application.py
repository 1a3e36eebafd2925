"""The checks of an application, against one that is well and one that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from automation.expectations import Tried
from automation.verification import smoke
from automation.verification.entrance import ByAddress, ByApi, Unanswered, ask
from automation.verification.seen import Seen
from tests.integration.kube.cluster import Cluster
from tests.integration.verification.app import APP, App, by_name

TRIED = Tried(ingress="app/app", seconds=5)


def tried(api: Cluster, app: App, wanted: Tried = TRIED) -> dict[str, Seen]:
    way = ByAddress(app.url.removeprefix("http://"), "app.test", tls=False)
    return by_name(list(smoke.checks(api.kube, way, wanted)))


@pytest.fixture(autouse=True)
def _logs(api: Cluster) -> None:
    api.logs["api-1"] = "level=info msg='0 errors'"
    api.logs["web-1"] = "GET /errors/ERRORS 200, level=info: the last error was long ago"


def test_an_application_that_is_well(api: Cluster, app: App) -> None:
    seen = tried(api, app)
    assert {one.check: one.told for one in seen.values() if not one.good} == {}
    assert len(seen) == 7
    assert seen["frontend answers"].told.startswith("200 in ")
    assert app.tasks == {}, "what was made was taken away"
    assert app.hosts == {"app.test"}


def test_it_is_reached_through_the_api_where_there_is_no_address(api: Cluster, app: App) -> None:
    """The API server passes requests on to the Services that the Ingress leads to, by the longest path."""
    ingress = api.find("Ingress", "app")
    api.objects[f"{APP}/services/api:http/proxy/api/tasks"] = {
        "kind": "Answer",
        "metadata": {"name": ""},
        "from": "api",
    }
    api.objects[f"{APP}/services/web:80/proxy/"] = {"kind": "Answer", "metadata": {"name": ""}, "from": "web"}
    way = ByApi(api.kube, ingress)
    assert '"from": "api"' in way.ask("GET", "/api/tasks", timeout=1).text
    assert '"from": "web"' in way.ask("GET", "/", timeout=1).text
    assert way.ask("GET", "/api/none", timeout=1).status == 404
    ingress["spec"]["rules"] = []
    with pytest.raises(Unanswered, match="leads / nowhere"):
        way.ask("GET", "/", timeout=1)


BAD: dict[str, tuple[str, str, Any]] = {
    "the frontend is broken": ("frontend answers", "502 in", lambda app: app.status.update({"/": 502})),
    "the backend is broken": ("backend answers", "503 in", lambda app: app.status.update({"/api/health": 503})),
    "nothing can be made": ("a task is made", "answered with 500", lambda app: app.status.update({"/api/tasks": 500})),
    "what is made has no id": ("a task is made", "has no id", lambda app: app.ignores.add("POST")),
    "the frontend does not show it": (
        "the frontend shows it",
        "does not show it",
        lambda app: setattr(app, "page", False),
    ),
    "it stays": ("it is taken away again", "answered with 405", lambda app: app.status.update({"/api/tasks/1": 405})),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_broken_in_it_turns_its_check_red(
    api: Cluster, app: App, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "_SHOWN_WITHIN", 0.1)
    check, told, breaks = BAD[name]
    breaks(app)
    seen = tried(api, app)[check]
    assert not seen.good
    assert told in seen.told


def test_a_list_that_lacks_it_is_seen(api: Cluster, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "_SHOWN_WITHIN", 0.1)
    way = ByAddress(app.url.removeprefix("http://"), None, tls=False)
    good, told = smoke._shows(way, "/api/tasks", "never made")
    assert not good
    assert told == "GET /api/tasks does not show it within 0 s"


def test_an_answer_that_comes_late_is_red(api: Cluster, app: App) -> None:
    seen = tried(api, app, Tried(ingress="app/app", seconds=1e-9))
    assert not seen["frontend answers"].good
    assert "0.0 s are allowed" in seen["backend answers"].told


def test_nobody_who_answers(api: Cluster) -> None:
    seen = by_name(list(smoke.checks(api.kube, ByAddress("127.0.0.1:9", "app.test", tls=True), TRIED)))
    assert {name for name, one in seen.items() if one.good} == {"no errors in logs"}
    assert "https://127.0.0.1:9" in seen["backend answers"].told


@pytest.mark.parametrize(
    "line",
    [
        '{"level":"error","msg":"no connection"}',
        "time=now level=ERROR msg=x",
        "2026-01-01 ERROR no connection",
        "[FATAL] out of memory",
        "Traceback (most recent call last)",
    ],
)
def test_an_error_in_a_log_is_red(api: Cluster, app: App, line: str) -> None:
    api.logs["web-1"] = line
    seen = tried(api, app)["no errors in logs"]
    assert not seen.good
    assert "web-1 web: 1 lines, the last:" in seen.told


def test_a_pod_without_a_log_is_red(api: Cluster, app: App) -> None:
    del api.logs["web-1"]
    assert not tried(api, app)["no errors in logs"].good


def test_a_certificate_that_nobody_trusts_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unanswered, match=r"127\.0\.0\.1:9"):
        ask("GET", "https://127.0.0.1:9/", timeout=1, host="app.test")
