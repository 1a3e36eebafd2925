"""A change on its way through three stages: real Git, and real PyGithub against the simulated GitHub."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from automation.errors import ConfigurationError, Refused
from automation.github import comments
from automation.github.client import GitHub
from automation.gitops import history, promotion, validation
from automation.jobs.delivery import bootstrap
from automation.jobs.delivery import promote as job
from automation.jobs.delivery.promote import Health, Prepared
from automation.jobs.sites import open_site
from automation.secret import Secret
from automation.simulators.github import GitHubSimulator
from automation.toolchain import install
from automation.workspace import Workspace

FIXTURE = Path(__file__).parents[2] / "fixtures" / "validation" / "repository"
REPOSITORY = "acme/infra"
WELL = Health()
WEB = "gitops/platform/web/web.yaml"


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=alice", "-c", "user.email=alice@example.org")
    done = subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def table(name: str) -> str:
    return f"gitops/clusters/{name}/kustomization.yaml"


@dataclass
class Desk:
    """A clone, its remote on the simulated GitHub, and a client of somebody who may push."""

    clone: Path
    bare: Path
    hub: GitHubSimulator
    github: GitHub
    tools: validation.Tools

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.clone)

    def write(self, name: str, old: str, new: str) -> None:
        file = self.clone / name
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    def commit(self, message: str = "Change") -> str:
        git(self.clone, "add", "-A")
        git(self.clone, "commit", "-qm", message)
        git(self.clone, "push", "-q", "origin", "HEAD:main")
        return git(self.clone, "rev-parse", "HEAD")

    def prepare(self, source: str, target: str, told: Health = WELL) -> Prepared:
        base = history.fetched(self.clone, "main")
        return job.prepare(self.workspace, source, target, base=base, told=told, tools=self.tools)

    def promote(self, source: str, target: str, told: Health = WELL) -> int:
        prepared = self.prepare(source, target, told)
        return job.propose(self.workspace, prepared, self.github, "main").number

    def merge(self, number: int) -> None:
        self.hub.merge(REPOSITORY, number)
        git(self.clone, "pull", "-q", "origin", "main")

    def comment(self, number: int, target: str) -> str:
        found = comments.find(self.github, number, "promotion", target)
        assert found is not None
        return found.body


@pytest.fixture
def desk(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    clone, bare = tmp_path / "clone", tmp_path / "infra.git"
    shutil.copytree(FIXTURE, clone)
    (clone / promotion.STAGES).write_text("stages: [first, second, third]\n")
    for name in ("first", "second", "third"):
        for folder in ("gitops/clusters", "opentofu/environments"):
            shutil.copytree(clone / folder / "small", clone / folder / name)
            for file in (clone / folder / name).iterdir():
                file.write_text(file.read_text().replace("/small", f"/{name}").replace("-small", f"-{name}"))
    for folder in ("gitops/clusters", "opentofu/environments"):
        shutil.rmtree(clone / folder / "small")
    for file in clone.rglob("*.yaml"):
        file.write_text(file.read_text().replace("CHARTS", "http://127.0.0.1:9"))
    subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", str(bare)], check=True)
    git(clone, "init", "-q", "--initial-branch=main")
    git(clone, "remote", "add", "origin", str(bare))
    paths = install.ensure("kustomize", "kubeconform")
    kept = tmp_path_factory.getbasetemp() / "promote"
    tools = validation.Tools(paths["kustomize"], paths["kubeconform"], None, kept, "1.34.4", lambda _: False)
    with GitHubSimulator() as hub:
        git(clone, "add", "-A")
        git(clone, "commit", "-qm", "First")
        git(clone, "push", "-q", "origin", "HEAD:main")
        hub.add_repository(REPOSITORY, str(bare))
        hub.set_role(REPOSITORY, "alice", "write")
        github = GitHub(hub.url, Secret(hub.create_token("alice")), REPOSITORY)
        yield Desk(clone, bare, hub, github, tools)
        assert hub.unknown() == []


def test_a_change_goes_from_stage_to_stage_by_pull_request(desk: Desk) -> None:
    desk.merge(desk.promote("first", "second"))  # from now on the second stage runs a commit, not the branch
    desk.merge(desk.promote("second", "third"))
    started = promotion.pin_of((desk.clone / table("third")).read_text())
    assert started is not None
    assert started.commit is not None

    desk.write(WEB, "nginx:1.29.1", "nginx:1.29.2")
    desk.write(table("first"), "chart: mail, version: 1.2.3", "chart: mail, version: 1.3.0")
    changed = desk.commit()
    number = desk.promote("first", "second")
    pull = desk.github.repo.get_pull(number)
    assert (pull.title, pull.head.ref, pull.base.ref) == ("Promote first to second", "promote/first-to-second", "main")
    assert [file.filename for file in pull.get_files()] == [table("second")]
    said = desk.comment(number, "second")
    assert "| `mail` | 1.2.3 → 1.3.0 |" in said
    assert "-         image: docker.io/library/nginx:1.29.1\n+         image: docker.io/library/nginx:1.29.2" in said
    assert "🟨 **1** changed · 📦 **1 chart** not rendered" in said

    desk.merge(number)
    second = (desk.clone / table("second")).read_text()
    pin = promotion.pin_of(second)
    assert pin is not None
    assert (pin.revision, pin.source) == (changed, "first")
    assert "version: 1.3.0" in second
    assert "nginx:1.29.2" in desk.comment(desk.promote("second", "third"), "third")
    third = git(desk.bare, "show", f"promote/second-to-third:{table('third')}")
    reached = promotion.pin_of(third)
    assert reached is not None
    assert (reached.revision, reached.source) == (changed, "second")
    assert promotion.pin_of((desk.clone / table("third")).read_text()) == started  # until it is merged


def test_the_same_pull_request_is_brought_up_to_date(desk: Desk) -> None:
    desk.merge(desk.promote("first", "second"))
    desk.write(WEB, "nginx:1.29.1", "nginx:1.29.2")
    desk.commit()
    number = desk.promote("first", "second")
    desk.write(WEB, "nginx:1.29.2", "nginx:1.29.3")
    desk.commit()
    assert desk.promote("first", "second") == number
    said = desk.comment(number, "second")
    assert "nginx:1.29.3" in said
    assert "nginx:1.29.2" not in said
    assert len(desk.hub.comments(REPOSITORY, number)) == 1


def test_nothing_of_the_clone_is_touched(desk: Desk) -> None:
    (desk.clone / "notes.txt").write_text("mine\n")
    before = git(desk.clone, "rev-parse", "HEAD"), git(desk.clone, "status", "--porcelain"), git(desk.clone, "branch")
    desk.promote("first", "second")
    after = git(desk.clone, "rev-parse", "HEAD"), git(desk.clone, "status", "--porcelain"), git(desk.clone, "branch")
    assert after == before


def test_what_a_stage_has_of_its_own_stays(desk: Desk) -> None:
    own = "          - {application: again, zone: platform, namespace: web, path: gitops/clusters/second/web}\n"
    desk.write(table("second"), "          - {application: web,", f"{own}          - {{application: web,")
    (desk.clone / "gitops/clusters/second/web").mkdir()
    (desk.clone / "gitops/clusters/second/web/kustomization.yaml").write_text("resources: [own.yaml]\n")
    (desk.clone / "gitops/clusters/second/web/own.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own, namespace: web}\ndata: {a: b}\n"
    )
    desk.commit("What only the second stage has")
    desk.write(table("first"), "zone: platform, namespace: mail", "zone: platform, namespace: web")
    desk.write(
        "opentofu/environments/second/environment.yaml",
        "namespace: mail\n    name: mail-login",
        "namespace: web\n    name: mail-login",
    )
    desk.commit("Mail moves")
    prepared = desk.prepare("first", "second")
    assert own in prepared.contents
    assert [(one.application, one.what) for one in prepared.changes] == [("mail", "namespace mail → web")]


def test_what_the_stage_before_dropped_goes_and_what_it_took_up_comes(desk: Desk) -> None:
    desk.merge(desk.promote("first", "second"))
    text = (desk.clone / table("first")).read_text()
    line = next(line for line in text.splitlines() if "application: mail" in line)
    post = line.replace("application: mail", "application: post").replace("127.0.0.1:9", "127.0.0.1:8")
    desk.write(table("first"), line, post)
    desk.write(table("first"), "repository.git, http://127.0.0.1:9]", "repository.git]")
    add = "      - {op: add, path: /spec/sourceRepos/-, value: http://127.0.0.1:8}"
    with (desk.clone / table("first")).open("a") as file:
        file.write(f"  - target: {{kind: AppProject, name: platform}}\n    patch: |\n{add}\n")
    shutil.copytree(desk.clone / "gitops/platform/mail", desk.clone / "gitops/platform/post")
    desk.write("gitops/platform/post/chart.yaml", "127.0.0.1:9", "127.0.0.1:8")
    desk.commit()
    prepared = desk.prepare("first", "second")
    assert [(one.application, one.what) for one in prepared.changes] == [("post", "added (1.2.3)"), ("mail", "removed")]
    assert add in prepared.contents
    assert "application: mail" not in prepared.contents


def test_a_cluster_is_built_from_the_commit_that_it_is_pinned_to(desk: Desk) -> None:
    desk.merge(desk.promote("first", "second"))
    desk.write(WEB, "nginx:1.29.1", "nginx:1.29.2")
    desk.commit()
    images = {}
    for name in ("first", "second"):
        with bootstrap.as_argocd_reads(open_site(name, workspace=desk.workspace)) as tree:
            images[name] = (tree / WEB).read_text().partition("nginx:")[2].split()[0]
            assert (tree / table(name)).read_text() == (desk.clone / table(name)).read_text()
    assert images == {"first": "1.29.2", "second": "1.29.1"}
    pin = promotion.pin_of((desk.clone / table("second")).read_text())
    assert pin is not None
    desk.write(table("second"), pin.revision, "0" * 40)
    desk.commit()
    with (
        pytest.raises(ConfigurationError, match="not in this clone's history"),
        bootstrap.as_argocd_reads(open_site("second", workspace=desk.workspace)),
    ):
        pass


def test_nothing_to_promote(desk: Desk) -> None:
    assert not desk.prepare("first", "second").nothing  # it is to run a commit, no longer its branch
    desk.merge(desk.promote("first", "second"))
    assert desk.prepare("first", "second").nothing
    (desk.clone / "README.md").write_text("words\n")
    desk.commit()
    assert desk.prepare("first", "second").nothing


def test_a_stage_that_is_not_well_is_said(desk: Desk) -> None:
    desk.merge(desk.promote("first", "second"))
    desk.write(WEB, "nginx:1.29.1", "nginx:1.29.2")
    running = desk.commit()
    desk.write(WEB, "nginx:1.29.2", "nginx:1.29.3")
    desk.commit()
    told = Health(running, ("first: web is OutOfSync, Degraded.",))
    number = desk.promote("first", "second", told)
    said = desk.comment(number, "second")
    assert "first: web is OutOfSync, Degraded." in said
    assert "nginx:1.29.2" in said  # what runs there, not what the branch has
    assert "nginx:1.29.3" not in said


def test_a_stage_that_is_not_in_use_is_said(desk: Desk) -> None:
    shutil.rmtree(desk.clone / "opentofu/environments/first")
    [problem] = job.health_of(desk.workspace, "first").problems
    assert "first could not be asked how it is" in problem


def test_secrets_are_hidden(desk: Desk) -> None:
    desk.merge(desk.promote("first", "second"))
    plain = "            - {name: DB_PASSWORD, value: hunter2hunter2}\n            - name: PASSWORD\n"
    desk.write(WEB, "            - name: PASSWORD\n", plain)
    desk.commit()
    said = desk.comment(desk.promote("first", "second"), "second")
    assert "hunter2" not in said
    assert "(hidden" in said


@pytest.mark.parametrize(
    ("source", "target", "error", "says"),
    [
        ("fist", "second", ConfigurationError, "Did you mean 'first'"),
        ("first", "nowhere", ConfigurationError, "'nowhere' is no stage"),
        ("first", "third", Refused, "first is not promoted to third: the order is first, second, third"),
        ("second", "first", Refused, "second is not promoted to first"),
        ("first", "first", Refused, "first is not promoted to first"),
    ],
)
def test_who_is_promoted_to_whom(desk: Desk, source: str, target: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        desk.prepare(source, target)


def test_changes_that_are_in_no_commit_are_refused(desk: Desk) -> None:
    desk.write(WEB, "nginx:1.29.1", "nginx:1.29.2")
    with pytest.raises(
        ConfigurationError, match=r"in no commit, so no cluster runs them: gitops/platform/web/web\.yaml"
    ):
        desk.prepare("first", "second")


def test_a_stage_to_which_nothing_was_promoted_cannot_go_further(desk: Desk) -> None:
    with pytest.raises(ConfigurationError, match="nothing was promoted to it yet"):
        desk.prepare("second", "third")


def test_what_would_not_be_valid_is_not_proposed(desk: Desk) -> None:
    desk.write(WEB, "nginx:1.29.1", "nginx:latest")
    desk.commit()
    with pytest.raises(
        ConfigurationError, match=r"second would not be as it must be after the promotion:(?s:.*)nginx:latest"
    ):
        desk.prepare("first", "second")


def test_settings_of_its_own_that_the_next_stage_lacks_are_named(desk: Desk) -> None:
    desk.write(
        table("first"),
        "path: gitops/platform/web}",
        "path: gitops/platform/web}\n"
        "          - {application: own, zone: platform, namespace: web, path: gitops/clusters/first/own}",
    )
    desk.commit()
    with pytest.raises(ConfigurationError, match="second has none: gitops/clusters/second/own"):
        desk.prepare("first", "second")


def test_the_command_shows_it_and_opens_the_pull_request(desk: Desk) -> None:
    variables = {
        "DOGITOPS_ROOT": str(desk.clone),
        "GITHUB_API_URL": desk.hub.url,
        "GITHUB_TOKEN": desk.github.token.reveal(),
        "GITHUB_REPOSITORY": REPOSITORY,
    }

    def promoted(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "automation", "promote", *words],
            env={**os.environ, **variables},
            cwd=FIXTURE.parents[3],
            capture_output=True,
            text=True,
            check=False,
        )

    shown = promoted("first", "second", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "### second gets what first runs" in shown.stdout
    assert list(desk.github.repo.get_pulls()) == []
    opened = promoted("first", "second")
    assert opened.returncode == 0, opened.stderr
    [pull] = desk.github.repo.get_pulls()
    assert f"Opened: {pull.html_url}" in opened.stderr
    assert promoted("first", "third").returncode == 3
