"""Each rule on gitops/, on a small repository that breaks it in one place; its chart is served from loopback."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.errors import ConfigurationError, Refused
from automation.gitops import validation
from automation.gitops.validation.findings import REFUSED, RULES, Finding, Report
from automation.jobs.delivery import validate as job
from automation.workspace import Workspace
from tests.integration.gitops.charts import FIXTURES

INVALID = sorted(file.stem for file in (FIXTURES / "invalid").glob("*.yaml"))
VALID = sorted(file.stem for file in (FIXTURES / "valid").glob("*.yaml"))
WEB = "gitops/platform/web/web.yaml"


def look(root: Path, tools: validation.Tools) -> Report:
    return validation.validate(root, ["small"], tools)


def change(root: Path, told: dict[str, Any], charts: str) -> None:
    file = root / told["file"]
    old, new = (told[key].replace("CHARTS", charts) for key in ("replace", "with"))
    assert old in file.read_text(), "the fixture replaces what is there"
    file.write_text(file.read_text().replace(old, new, 1))


def test_nothing_is_wrong_with_the_small_repository(repository: Path, tools: validation.Tools) -> None:
    found = look(repository, tools)
    assert (found.findings, found.unchecked) == ((), ())
    assert found.manifests == 15
    found.fail()


@pytest.mark.parametrize("name", VALID)
def test_what_is_right(name: str, repository: Path, tools: validation.Tools, charts: str) -> None:
    change(repository, yaml.safe_load((FIXTURES / "valid" / f"{name}.yaml").read_text()), charts)
    assert look(repository, tools).findings == ()


@pytest.mark.parametrize("name", INVALID)
def test_what_is_wrong(name: str, repository: Path, tools: validation.Tools, charts: str) -> None:
    """It is found at its line, with words that say what it is, and nothing else is."""
    told = yaml.safe_load((FIXTURES / "invalid" / f"{name}.yaml").read_text())
    change(repository, told, charts)
    found = look(repository, tools)
    assert {one.rule for one in found.findings} - set(told.get("also", ())) == {told["rule"]}, found.findings
    file = told.get("found_in", told["file"])
    at = told.get("at") or told["with"].strip("\n").split("\n")[0]
    text = (repository / file).read_text()
    place = f"{file}:{text[: text.index(at.replace('CHARTS', charts))].count(chr(10)) + 1}"
    said = [one.message for one in found.findings if one.place == place and one.rule == told["rule"]]
    assert any(re.search(re.escape(told["says"]), message) for message in said), found.findings
    with pytest.raises(Refused if told["rule"] in REFUSED else ConfigurationError):
        found.fail()


def test_every_rule_has_a_fixture() -> None:
    told = {yaml.safe_load((FIXTURES / "invalid" / f"{name}.yaml").read_text())["rule"] for name in INVALID}
    assert told == set(RULES)


def test_the_page_on_delivery_has_every_rule_with_its_words_and_its_exit_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "delivery.md").read_text()
    told = re.findall(r"^\| `([a-z-]+)` \| (.+) \| (\d) \|$", page, re.MULTILINE)
    assert told == [(rule, words, "3" if rule in REFUSED else "2") for rule, words in RULES.items()]


@pytest.mark.parametrize(
    ("edit", "code", "says"),
    [
        ((WEB, "nginx:1.29.1", "nginx:1.29.1"), 0, "objects in 1 environments are as"),
        ((WEB, "nginx:1.29.1", "nginx:latest"), 2, "gitops/platform/web/web.yaml:16"),
        (("gitops/platform/web/rights.yaml", "  name: web\nsubj", "  name: cluster-admin\nsubj"), 3, "rights.yaml:22"),
    ],
)
def test_the_command_says_it_and_exits_by_it(
    edit: tuple[str, str, str], code: int, says: str, repository: Path
) -> None:
    file, old, new = edit
    for told in repository.rglob("*.yaml"):
        told.write_text(re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:9", told.read_text()))
    wanted = repository / file
    assert old in wanted.read_text()
    wanted.write_text(wanted.read_text().replace(old, new))
    done = subprocess.run(
        [sys.executable, "-m", "automation", "gitops", "validate", "small"],
        env={**os.environ, "DOGITOPS_ROOT": str(repository), "COLUMNS": "160"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stdout + done.stderr
    assert "not checked: the values of mail 1.2.3: 127.0.0.1 can't be reached from here" in done.stderr


def test_an_unknown_cluster_is_named(repository: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no cluster 'smal' in gitops/clusters\. Did you mean 'small'"):
        job.validate(Workspace(repository), ["smal"])


def test_a_chart_that_cannot_be_had_is_said(repository: Path, tools: validation.Tools, tmp_path: Path) -> None:
    """Its values are not checked; what is known of it without the chart is."""
    values = repository / "gitops/platform/mail/values.yaml"
    values.write_text("nonsense: true\n")
    away = replace(tools, kept=tmp_path / "kept", reachable=lambda _: False)
    found = look(repository, away)
    assert found.findings == ()
    assert found.unchecked == ("the values of mail 1.2.3: 127.0.0.1 can't be reached from here",)
    without = look(repository, replace(away, helm=None))
    assert without.unchecked == ("the values of mail 1.2.3: helm is not on this machine",)


def test_what_several_environments_share_is_told_once(repository: Path, tools: validation.Tools) -> None:
    for folder in ("gitops/clusters", "opentofu/environments"):
        shutil.copytree(repository / folder / "small", repository / folder / "other")
    file = repository / "gitops/platform/web/web.yaml"
    file.write_text(file.read_text().replace("nginx:1.29.1", "nginx:latest"))
    found = validation.validate(repository, ["small", "other"], tools)
    line = file.read_text()[: file.read_text().index("nginx:latest")].count("\n") + 1
    assert found.findings == (
        Finding(
            "gitops/platform/web/web.yaml",
            line,
            "not-pinned",
            "StatefulSet web: the image 'docker.io/library/nginx:latest' is not pinned.",
            ("other", "small"),
        ),
    )


def test_what_was_rendered_is_kept_by_its_content(repository: Path, tools: validation.Tools, tmp_path: Path) -> None:
    own = replace(tools, kept=tmp_path / "kept")
    look(repository, own)
    kept = set((own.kept / "rendered").glob("*.json"))
    look(repository, replace(own, kustomize=tools.kustomize))
    assert set((own.kept / "rendered").glob("*.json")) == kept
    file = repository / "gitops/platform/web/web.yaml"
    file.write_text(file.read_text().replace("1.29.1", "1.29.2"))
    assert look(repository, own).findings == ()
    assert len(set((own.kept / "rendered").glob("*.json")) - kept) == 1
