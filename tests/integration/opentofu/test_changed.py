"""Which environments a change touches, in real Git repositories."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from automation.errors import ConfigurationError
from automation.opentofu import changed
from automation.workspace import Workspace

FACTS = "description: x\n"


class Repository:
    """A repository with three environments that share modules of modules, on a branch of main."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace = Workspace(root)
        root.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.write("README.md", "words")
        self.environment("blue", 'module "app" {\n  source = "../../modules/app"\n}\n')
        self.environment("green", 'module "net" {\n  source = "../../modules/net"\n}\n')
        self.environment("plain", "# nothing\n")
        self.write("opentofu/modules/app/main.tf", 'module "net" {\n  source = "../net"\n}\n')
        self.write("opentofu/modules/net/main.tf", "# a net\n")
        self.write("opentofu/modules/unused/main.tf", "# nobody's\n")
        self.commit()
        self.git("checkout", "--quiet", "-b", "work")

    def environment(self, name: str, text: str) -> None:
        self.write(f"opentofu/environments/{name}/main.tf", text)
        self.write(f"opentofu/environments/{name}/environment.yaml", FACTS)

    def write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def link(self, name: str, target: str) -> None:
        (self.root / name).symlink_to(target)

    def remove(self, name: str) -> None:
        (self.root / name).unlink()

    def commit(self) -> None:
        self.git("add", "--all", "--force")
        self.git(
            "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "--allow-empty", "-m", "x"
        )

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", "-C", self.root, *arguments], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def touched(self, since: str = "main") -> list[str]:
        self.commit()
        return changed.environments(self.workspace, since)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def test_nothing_changed_touches_nothing(repository: Repository) -> None:
    assert repository.touched() == []


@pytest.mark.parametrize(
    ("name", "touched"),
    [
        ("opentofu/environments/blue/main.tf", ["blue"]),
        ("opentofu/environments/blue/new.tf", ["blue"]),
        ("opentofu/environments/blue/environment.yaml", ["blue"]),
        ("opentofu/environments/blue/prod.auto.tfvars", ["blue"]),
        ("opentofu/environments/blue/cloud init/user-data é.tftpl", ["blue"]),
        ("opentofu/environments/blue/.terraform.lock.hcl", ["blue"]),
        ("opentofu/modules/app/main.tf", ["blue"]),
        ("opentofu/modules/net/main.tf", ["blue", "green"]),
        ("opentofu/modules/net/files/x.sh", ["blue", "green"]),
        ("opentofu/modules/unused/main.tf", []),
        ("opentofu/policies/rules.yaml", ["blue", "green", "plain"]),
        ("opentofu/.tflint.hcl", ["blue", "green", "plain"]),
        ("opentofu/modules/net/README.md", []),
        ("opentofu/modules/net/tests/net.tftest.hcl", []),
        ("opentofu/environments/blue/.terraform/modules/modules.json", []),
        ("opentofu/README.md", []),
        ("gitops/apps/x.yaml", []),
        ("opentofu/environments/bluer/notes.txt", []),
    ],
)
def test_a_changed_file_touches_those_that_are_made_from_it(
    repository: Repository, name: str, touched: list[str]
) -> None:
    repository.write(name, "changed\n")
    assert repository.touched() == touched


def test_deleted_and_moved_files_count_where_they_were(repository: Repository) -> None:
    repository.write("opentofu/modules/net/data.txt", "some text that Git knows again\n" * 20)
    repository.commit()
    repository.git("branch", "--force", "main")
    repository.git("mv", "opentofu/modules/net/data.txt", "gitops-data.txt")
    assert repository.touched() == ["blue", "green"]


def test_only_what_this_branch_did_counts(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "main")
    repository.write("opentofu/modules/net/main.tf", "# moved on\n")
    repository.commit()
    repository.git("checkout", "--quiet", "work")
    repository.write("opentofu/environments/plain/main.tf", "# changed\n")
    assert repository.touched() == ["plain"]


def test_a_new_environment_is_touched_and_a_deleted_one_is_named_apart(repository: Repository) -> None:
    repository.environment("red", "# new\n")
    repository.remove("opentofu/environments/plain/environment.yaml")
    repository.remove("opentofu/environments/plain/main.tf")
    repository.commit()
    assert changed.since(repository.workspace, "main") == changed.Changed(("red",), ("plain",))


def test_what_was_never_an_environment_is_not_called_a_deleted_one(repository: Repository) -> None:
    repository.write("opentofu/environments/notes/deep/environment.yaml", FACTS)
    repository.commit()
    repository.git("branch", "--force", "main")
    repository.remove("opentofu/environments/notes/deep/environment.yaml")
    repository.commit()
    assert changed.since(repository.workspace, "main") == changed.Changed((), ())


def test_modules_that_use_each_other_in_a_circle_are_followed_once(repository: Repository) -> None:
    repository.write("opentofu/modules/net/main.tf", 'module "app" {\n  source = "../app"\n}\n')
    assert repository.touched() == ["blue", "green"]


def test_links_count_with_what_they_point_to(repository: Repository) -> None:
    repository.write("shared/values.yaml", "a: 1\n")
    repository.write("shared/more/deep.txt", "a\n")
    repository.link("opentofu/environments/plain/values.yaml", "../../../shared/values.yaml")
    repository.link("opentofu/modules/net/more", "../../../shared/more")
    repository.commit()
    repository.git("branch", "--force", "main")
    repository.write("shared/values.yaml", "a: 2\n")
    assert repository.touched() == ["plain"]
    repository.git("branch", "--force", "main")
    repository.write("shared/more/deep.txt", "b\n")
    assert repository.touched() == ["blue", "green"]


def test_a_root_that_is_a_link_counts(repository: Repository) -> None:
    repository.write("elsewhere/environment.yaml", FACTS)
    repository.write("elsewhere/main.tf", "# a\n")
    repository.link("opentofu/environments/linked", "../../elsewhere")
    repository.commit()
    repository.git("branch", "--force", "main")
    repository.write("elsewhere/main.tf", "# b\n")
    assert repository.touched() == ["linked"]


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ('x = file("${path.module}/../../../shared/a.txt")\n', "shared/a.txt"),
        ('x = templatefile("${path.root}/../../../shared/a.txt", {})\n', "shared/a.txt"),
        ('x = file("../../../shared/a.txt")\n', "shared/a.txt"),
        ('x = fileset("${path.module}/../../../shared", "*")\n', "shared/b.txt"),
        ('x = file("${path.module}/../../../shared/${var.name}.txt")\n', "shared/b.txt"),
        ('module "x" {\n  source = "../../modules/${var.kind}"\n}\n', "opentofu/modules/unused/main.tf"),
        ('module "x" {\n  source = "${local.base}/app"\n}\n', "opentofu/modules/unused/main.tf"),
    ],
)
def test_files_that_are_named_outside_of_the_root_count(repository: Repository, text: str, file: str) -> None:
    for name in ("shared/a.txt", "shared/b.txt"):
        repository.write(name, "1\n")
    repository.write("opentofu/environments/plain/main.tf", text)
    repository.commit()
    repository.git("branch", "--force", "main")
    repository.write(file, "# 2\n")
    assert "plain" in repository.touched()


def test_naming_a_folder_above_does_not_make_everything_count(repository: Repository) -> None:
    repository.write("opentofu/environments/plain/main.tf", 'x = "${path.module}/../../.."\ny = "../../../"\n')
    repository.commit()
    repository.git("branch", "--force", "main")
    repository.write("docs/setup.md", "x\n")
    assert repository.touched() == []


def test_a_repository_whose_workspace_is_a_folder_of_it(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.write("part/opentofu/environments/inner/environment.yaml", FACTS)
    repository.commit()
    repository.git("branch", "--force", "main")
    repository.write("part/opentofu/environments/inner/main.tf", "# x\n")
    repository.commit()
    assert changed.environments(Workspace(repository.root / "part"), "main") == ["inner"]


@pytest.mark.parametrize("reference", ["nowhere", "origin/main", "--output=x", "", "main:README.md", "a b"])
def test_an_unknown_reference_is_named(repository: Repository, reference: str) -> None:
    with pytest.raises(ConfigurationError, match=f"Git does not know '{reference}'") as caught:
        changed.environments(repository.workspace, reference)
    assert "origin/main" in (caught.value.hint or "")
    assert not (repository.root / "x").exists()


def test_a_shallow_clone_says_what_to_fetch(repository: Repository, tmp_path: Path) -> None:
    repository.write("opentofu/environments/blue/main.tf", "# 2\n")
    repository.commit()
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{repository.root}", shallow], check=True
    )
    for reference in ("origin/main", repository.git("rev-parse", "main~0"), "0" * 40):
        with pytest.raises(ConfigurationError) as caught:
            changed.environments(Workspace(shallow), reference)
        assert "fetch-depth: 0" in (caught.value.hint or "")


def test_a_branch_without_common_history_is_told(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "--orphan", "other")
    repository.write("README.md", "other words")
    repository.commit()
    with pytest.raises(ConfigurationError, match="HEAD and main share no history"):
        changed.environments(repository.workspace, "main")


def test_without_a_repository_git_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Git can't read the repository") as caught:
        changed.environments(Workspace(tmp_path), "main")
    assert "clone" in (caught.value.hint or "")


def names(repository: Repository, environment: str) -> list[str]:
    return [str(path.relative_to(repository.root)) for path in changed.inputs(repository.workspace, environment)]


def test_inputs_are_the_roots_and_the_modules_files(repository: Repository) -> None:
    for ignored in ("README.md", "tests/a.tftest.hcl", ".terraform/x", "terraform.tfstate", "old.tfplan"):
        repository.write(f"opentofu/modules/net/{ignored}", "x")
    assert names(repository, "blue") == [
        "opentofu/environments/blue/environment.yaml", "opentofu/environments/blue/main.tf",
        "opentofu/modules/app/main.tf", "opentofu/modules/net/main.tf",
    ]  # fmt: skip
    assert names(repository, "plain") == [
        "opentofu/environments/plain/environment.yaml", "opentofu/environments/plain/main.tf",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.write("opentofu/modules/net/main.tf", "# other\n"),
        lambda r: r.write("opentofu/modules/net/more.tf", ""),
        lambda r: r.remove("opentofu/modules/net/main.tf"),
        lambda r: r.git("mv", "opentofu/modules/net/main.tf", "opentofu/modules/net/net.tf"),
    ],
    ids=["changed", "added", "removed", "renamed"],
)
def test_the_digest_is_of_names_and_contents(repository: Repository, change: Callable[[Repository], None]) -> None:
    before = {name: changed.inputs_digest(repository.workspace, name) for name in ("blue", "plain")}
    change(repository)
    assert changed.inputs_digest(repository.workspace, "blue") != before["blue"]
    assert changed.inputs_digest(repository.workspace, "plain") == before["plain"]


def test_the_digest_is_the_same_in_another_clone(repository: Repository, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", repository.root, clone], check=True)
    linked = tmp_path / "linked"
    linked.symlink_to(clone)
    digest = changed.inputs_digest(repository.workspace, "blue")
    assert changed.inputs_digest(Workspace(clone), "blue") == digest
    assert changed.inputs_digest(Workspace(linked), "blue") == digest


def test_what_planning_makes_can_be_left_out_of_the_digest(repository: Repository) -> None:
    before = changed.inputs_digest(repository.workspace, "blue")
    repository.write("opentofu/modules/net/made.zip", "x")
    assert changed.inputs_digest(repository.workspace, "blue") != before
    assert changed.inputs_digest(repository.workspace, "blue", without=["opentofu/modules/net/made.zip"]) == before
