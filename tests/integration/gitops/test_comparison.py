"""Both sides of a change, rendered by real kustomize and helm: what vendors' charts make is compared, too."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from automation.gitops import validation
from automation.gitops.comparison import Comparison, What, compare, sides
from tests.integration.gitops.charts import NEW, OLD

TABLE = "gitops/clusters/small/kustomization.yaml"
VALUES = "gitops/platform/mail/values.yaml"
Compared = Callable[..., Comparison]


@pytest.fixture
def compared(repository: Path, tools: validation.Tools, tmp_path: Path) -> Compared:
    """Give a function that compares the small repository with what it is after texts in it were replaced."""
    before = tmp_path / "before"
    shutil.copytree(repository, before)

    def work(*changes: tuple[str, str, str], have: validation.Tools = tools) -> Comparison:
        for name, old, new in changes:
            assert old in (repository / name).read_text()
            (repository / name).write_text((repository / name).read_text().replace(old, new, 1))
        return compare(sides.side(before, "small", have), sides.side(repository, "small", have))

    return work


def told(found: Comparison) -> dict[str, What]:
    return {one.name: one.what for one in found.differences if one.application != "root"}


def bumped(version: str) -> tuple[str, str, str]:
    return TABLE, f"chart: mail, version: {OLD}", f"chart: mail, version: {version}"


def test_nothing_changes_where_nothing_was_changed(compared: Compared) -> None:
    assert compared().nothing


def test_a_new_version_of_a_chart_is_compared_object_by_object(compared: Compared) -> None:
    found = compared(bumped(NEW))
    assert told(found) == {"apps/Deployment mail/mail": What.CHANGED}
    assert found.unrendered == ()
    [deployment] = [one for one in found.differences if one.application == "mail"]
    changed = [(line[0], line.split()[-1]) for line in deployment.lines if line[0] in "+-"]
    assert changed == [("-", "docker.io/library/mail:4.5.6"), ("+", "docker.io/library/mailer:4.5.6")]


def test_our_values_change_what_a_chart_makes(compared: Compared, repository: Path) -> None:
    text = (repository / VALUES).read_text()
    assert told(compared((VALUES, text, "replicas: 3\nservice: {port: 587}\n"))) == {
        "apps/Deployment mail/mail": What.CHANGED,
        "Service mail/mail": What.CHANGED,
    }


def test_a_version_that_its_vendor_does_not_have_deletes_nothing(compared: Compared) -> None:
    found = compared(bumped("9.9.9"))
    assert told(found) == {"Chart mail/mail": What.CHANGED}
    [chart] = found.unrendered
    assert (chart.application, chart.old, chart.new) == ("mail", OLD, "9.9.9")
    assert "helm can't pull it" in chart.why


def test_without_helm_charts_are_told_by_their_versions(compared: Compared, tools: validation.Tools) -> None:
    [chart] = compared(bumped(NEW), have=replace(tools, helm=None, kept=tools.kept / "none")).unrendered
    assert (chart.old, chart.new, chart.why) == (OLD, NEW, "helm is not on this machine")


def test_values_that_a_chart_refuses_are_broken_and_delete_nothing(compared: Compared, repository: Path) -> None:
    found = compared((VALUES, (repository / VALUES).read_text(), "replicas: none\n"))
    assert told(found) == {}
    [(application, why)] = found.broken
    assert application == "mail"
    assert "replicas" in why


def test_an_application_that_goes_leaves_behind_what_its_applicationset_says(compared: Compared) -> None:
    entry = "          - {application: web,   zone: platform, namespace: web,    path: gitops/platform/web}\n"
    found = compared((TABLE, entry, ""))
    assert set(told(found).values()) == {What.DELETED}, "the small repository's ApplicationSets say nothing of it"
    sets = "gitops/clusters/base/sets.yaml"
    text = "kind: ApplicationSet\nmetadata:\n  name: platform\nspec:\n"
    found = compared((sets, text, f"{text}  syncPolicy: {{preserveResourcesOnDeletion: true}}\n"))
    assert set(told(found).values()) == {What.LEFT}


def test_an_entry_that_is_incomplete_deletes_nothing(compared: Compared) -> None:
    found = compared((TABLE, "namespace: web,    path: gitops/platform/web", "namespace: web"))
    assert (found.differences, [name for name, _ in found.broken]) == ((), [""])
