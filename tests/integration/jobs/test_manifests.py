"""What a pull request makes of each cluster: the command as plan.yml and ci.yml run it, against a simulated GitHub."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from automation.simulators.github import GitHubSimulator
from automation.toolchain import install
from tests.unit import github_view

ROOT = Path(__file__).resolve().parents[3]
FIXTURE = ROOT / "tests" / "fixtures" / "validation" / "repository"
REPOSITORY = "acme/infra"
WEB = "gitops/platform/web/web.yaml"
KUSTOMIZATION = "gitops/platform/web/kustomization.yaml"
TABLE = "gitops/clusters/small/kustomization.yaml"
GRANTED = {"contents": "read", "pull-requests": "write"}  # what plan.yml grants


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=alice", "-c", "user.email=alice@example.org")
    done = subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@dataclass
class Runner:
    """A clone that a job works in, with the branch ``change`` proposed to ``main``."""

    clone: Path
    hub: GitHubSimulator
    number: int = 0
    runs: int = 0
    fork: bool = False
    summary: str = ""
    cache: Path | None = None

    def write(self, name: str, old: str, new: str) -> None:
        file = self.clone / name
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    def push(self, message: str = "Change") -> str:
        """Commit to ``change``, push it, and propose it where it is not proposed yet."""
        git(self.clone, "add", "-A")
        git(self.clone, "commit", "-q", "--allow-empty", "-m", message)
        git(self.clone, "push", "-q", "origin", "HEAD:change")
        self.number = self.number or self.hub.open_pull_request(REPOSITORY, "change", login="alice")
        return git(self.clone, "rev-parse", "HEAD")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command on the merge of ``change`` into ``main``, as the workflow does."""
        self.runs += 1
        head = git(self.clone, "rev-parse", "HEAD")
        git(self.clone, "checkout", "-q", "--detach", "origin/main")
        git(self.clone, "merge", "-q", "--no-ff", "-m", "Merge", head)
        try:
            return self._run(head, *words)
        finally:
            git(self.clone, "checkout", "-q", "change")

    def _run(self, head: str, *words: str) -> subprocess.CompletedProcess[str]:
        folder = self.clone.parent
        event, summary = folder / "event.json", folder / f"summary-{self.runs}.md"
        event.write_text(json.dumps(self._event(head)))
        summary.touch()
        variables = {
            "DOGITOPS_ROOT": str(self.clone),
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.hub.url,
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": str(self.runs),
            "GITHUB_STEP_SUMMARY": str(summary),
        }
        if self.cache:
            variables["DOGITOPS_CACHE"] = str(self.cache)
        if not self.fork:
            variables["GITHUB_TOKEN"] = self.hub.create_token(permissions=GRANTED)
        told = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "GH_"))}
        done = subprocess.run(
            [sys.executable, "-m", "automation", "gitops", "compare", "--changed-since", "HEAD^1", *words],
            env={**told, **variables},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        self.summary = summary.read_text()
        return done

    def _event(self, head: str) -> dict[str, Any]:
        theirs = "mallory/infra" if self.fork else REPOSITORY
        base = git(self.clone, "rev-parse", "origin/main")
        return {
            "action": "synchronize",
            "pull_request": {
                "number": self.number,
                "state": "open",
                "user": {"login": "alice"},
                "base": {
                    "ref": "main",
                    "sha": base,
                    "repo": {"full_name": REPOSITORY},
                },
                "head": {"ref": "change", "sha": head, "repo": {"full_name": theirs}},
            },
        }

    def comments(self) -> list[dict[str, Any]]:
        return self.hub.comments(REPOSITORY, self.number)

    def comment(self) -> str:
        [found] = self.comments()
        body = str(found["body"])
        assert github_view.problems(body.partition("\n")[2]) == []
        return body


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    clone, bare = tmp_path / "clone", tmp_path / "infra.git"
    shutil.copytree(FIXTURE, clone)
    for file in clone.rglob("*.yaml"):
        file.write_text(file.read_text().replace("CHARTS", "http://127.0.0.1:9"))
    subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", str(bare)], check=True)
    git(clone, "init", "-q", "--initial-branch=change")
    git(clone, "remote", "add", "origin", str(bare))
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "First")
    git(clone, "push", "-q", "origin", "HEAD:main")
    git(clone, "fetch", "-q", "origin")
    install.ensure("kustomize", "kubeconform", "helm")
    with GitHubSimulator() as hub:
        hub.add_repository(REPOSITORY, str(bare))
        hub.set_role(REPOSITORY, "alice", "write")
        yield Runner(clone, hub)
        assert hub.unknown() == []


def test_one_comment_follows_the_pull_request_to_its_end(runner: Runner) -> None:
    runner.write(WEB, "nginx:1.29.1", "nginx:1.29.2")
    runner.write(TABLE, "chart: mail, version: 1.2.3", "chart: mail, version: 1.3.0")
    head = runner.push()
    done = runner.run()
    assert done.returncode == 0, done.stderr
    said = runner.comment()
    assert "## ❔ Manifests of `small` — not all of it is known" in said
    assert "-         image: docker.io/library/nginx:1.29.1\n+         image: docker.io/library/nginx:1.29.2" in said
    assert "`mail`: chart `mail` `1.2.3` → `1.3.0` (127.0.0.1 can't be reached from here)" in said.replace("&#46;", ".")
    assert head[:12] in said
    assert "nginx:1.29.2" in runner.summary
    assert "nginx:1.29.2" in done.stdout

    runner.write(KUSTOMIZATION, "  - web.yaml\n", "")
    runner.push()
    assert runner.run().returncode == 0
    said = runner.comment()
    assert "deletes 4 objects" in said
    lost = said.split("[!CAUTION]")[1].split("###")[0]
    assert "`apps/StatefulSet web/web` of `web`: its pods go; the claims that it made stay" in lost

    git(runner.clone, "revert", "-n", "HEAD", "HEAD~1")
    runner.push()
    assert runner.run().returncode == 0
    assert "Manifests of `small` — nothing changes any more" in runner.comment()


def test_a_change_of_no_manifest_is_no_comment_and_renders_nothing(runner: Runner) -> None:
    runner.cache = runner.clone.parent / "cache"  # in which there is no tool
    (runner.clone / "README.md").write_text("words\n")
    runner.push()
    done = runner.run()
    assert done.returncode == 0, done.stderr
    assert runner.comments() == []
    assert "small: nothing changes" in done.stderr
    assert "No cluster gets anything else" in runner.summary
    assert not runner.cache.exists()


def test_a_comment_in_a_manifest_is_no_change_of_the_cluster(runner: Runner) -> None:
    runner.write(WEB, "kind: StatefulSet", "kind: StatefulSet  # as before")
    runner.push()
    assert runner.run().returncode == 0
    assert runner.comments() == []


def test_a_fork_gets_its_comparison_in_the_summary_and_writes_nothing(runner: Runner) -> None:
    runner.fork = True
    runner.write(WEB, "nginx:1.29.1", "nginx:1.29.2")
    runner.push()
    before = len(runner.hub.requests())
    done = runner.run()
    assert done.returncode == 0, done.stderr
    assert len(runner.hub.requests()) == before, "GitHub is not even asked: there is no token"
    assert runner.comments() == []
    assert "+         image: docker.io/library/nginx:1.29.2" in runner.summary


def test_a_secret_is_shown_nowhere(runner: Runner) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: plain}\nstringData: {any: swordfish-1234}\n"
    (runner.clone / "gitops/platform/web/plain.yaml").write_text(secret)
    runner.write(KUSTOMIZATION, "  - rights.yaml\n", "  - rights.yaml\n  - plain.yaml\n")
    reference = "valueFrom:\n                secretKeyRef: {name: web-login, key: password}"
    runner.write(WEB, reference, "value: swordfish-5678")
    runner.push()
    done = runner.run()
    assert done.returncode == 0, done.stderr
    said = runner.comment()
    assert "Secret web/plain" in said
    assert "(hidden, changed)" in said
    for text in (said, runner.summary, done.stdout, done.stderr):
        assert "swordfish" not in text


def test_a_pinned_cluster_gets_what_its_pin_says_and_no_more(runner: Runner) -> None:
    first = git(runner.clone, "rev-parse", "HEAD")
    runner.write(TABLE, "value: HEAD", f"value: {first}   # other at {first}")
    git(runner.clone, "commit", "-qam", "Pinned")
    git(runner.clone, "push", "-q", "origin", "HEAD:main")
    git(runner.clone, "fetch", "-q", "origin")
    runner.write(WEB, "nginx:1.29.1", "nginx:1.29.2")
    changed = runner.push()
    assert runner.run().returncode == 0
    assert runner.comments() == []

    runner.write(TABLE, f"value: {first} ", f"value: {changed} ")
    runner.push()
    done = runner.run()
    assert done.returncode == 0, done.stderr
    said = runner.comment()
    assert "+         image: docker.io/library/nginx:1.29.2" in said
    assert f"small runs the commit {changed[:12]}" in said


def test_what_can_be_rendered_no_more_is_said_and_fails(runner: Runner) -> None:
    runner.write(KUSTOMIZATION, "  - web.yaml\n", "  - nowhere.yaml\n")
    runner.push()
    done = runner.run()
    assert done.returncode == 2
    assert "After this change not all of it can be rendered" in done.stderr
    said = runner.comment()
    assert "— can't be rendered" in said
    assert "lstat gitops/platform/web/nowhere.yaml: no such file or directory" in said
    assert "deleted" not in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["smal"], "There is no cluster 'smal' in gitops/clusters, neither before nor after. Did you mean 'small'?"),
        (["--changed-since", "nowhere"], "Git does not know where HEAD left 'nowhere'."),
    ],
)
def test_what_is_not_there_is_refused(runner: Runner, words: list[str], says: str) -> None:
    runner.push()
    done = runner.run(*words)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
