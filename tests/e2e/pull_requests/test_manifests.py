"""What a change of gitops/ makes of each cluster, posted by the real plan.yml under act."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.simulators.github import GitHubSimulator
from tests.e2e.hosted import git
from tests.e2e.pulls import NAME, Project, make_project, make_tree, served_store

LEDGER = "gitops/apps/ledger/redis.yaml"
STORED = "storage: 256Mi"

pytestmark = pytest.mark.e2e


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Yield the project with nothing applied; no planted secret may be seen anywhere."""
    tree = tmp_path / "tree"
    make_tree(tree)
    with served_store(tmp_path / "objectstore") as store, GitHubSimulator() as hub:
        made = make_project(tmp_path, tree, hub, store)
        assert store.ensure_bucket(made.bucket)
        made.hosted.called()
        yield made
        assert hub.unknown() == []
        assert made.leaks() == []


def told(project: Project, number: int) -> dict[str, str]:
    """Return the comments on manifests by cluster."""
    found = [(header["environment"], body) for header, body in project.shown(number) if header["kind"] == "manifests"]
    assert len(found) == len(dict(found)), "one comment a cluster"
    return dict(found)


def test_a_change_of_a_manifest_is_told_for_each_cluster_that_runs_it(project: Project) -> None:
    hub = project.hosted.hub
    text = git(project.hosted.origin, "show", f"main:{LEDGER}") + "\n"
    assert STORED in text
    hub.push(NAME, "grow", {LEDGER: text.replace(STORED, "storage: 1Gi")}, "Grow", login="ada")
    number = hub.open_pull_request(NAME, "grow", title="Grow", login="ada")
    outcome = project.one()
    assert outcome.code == 0, outcome.told
    assert outcome.job("manifests") == "success"
    shown = told(project, number)
    assert {"local", "dev", "staging", "sandbox"} <= set(shown), "sandbox reads the folder of local"
    assert "todo" not in shown, "which runs no ledger"
    for name, body in shown.items():
        assert f"## ⛔ Manifests of `{name}` — 1 change will be refused" in body
        assert "spec.volumeClaimTemplates can't be changed" in body
        assert re.search(r"^\+ +storage: 1Gi$", body, re.MULTILINE)
    assert any("storage: 1Gi" in summary for summary in outcome.summaries)

    hub.push(NAME, "grow", {LEDGER: text}, "Not now", login="ada")
    outcome = project.one()
    assert outcome.code == 0, outcome.told
    again = told(project, number)
    assert set(again) == set(shown)
    assert all("nothing changes any more" in body for body in again.values())
