"""What becomes of a pull request in Git: its refs, its test merge, its files and commits."""

from __future__ import annotations

from automation.simulators.github import diff
from automation.simulators.github.diff import FileChange
from automation.simulators.github.git import Commit, Git, Person
from automation.simulators.github.model import Issue, Pull, Repository
from automation.simulators.github.shapes.show import Json
from automation.simulators.github.world import World

GITHUB = "GitHub", "noreply@github.com"


def part(issue: Issue) -> Pull:
    """Return what makes an issue a pull request."""
    if issue.pull is None:
        raise TypeError(f"issue {issue.number} is no pull request")
    return issue.pull


def commits(world: World, repository: Repository, issue: Issue) -> list[Commit]:
    """Return the commits of a pull request, oldest first."""
    pull = part(issue)
    return world.git(repository).commits("--reverse", pull.head_sha, f"^{pull.base_sha}", limit=250)


def files(world: World, repository: Repository, issue: Issue) -> list[FileChange]:
    """Return what a pull request changes: ``base...head``."""
    pull, git = part(issue), world.git(repository)
    return diff.files(git, git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha, pull.head_sha)


def counts(world: World, repository: Repository, issue: Issue) -> Json:
    """Return the numbers in the long form of a pull request."""
    changed = files(world, repository, issue)
    pull, git = part(issue), world.git(repository)
    return {
        "commits": int(git.run("rev-list", "--count", pull.head_sha, f"^{pull.base_sha}").stdout),
        "additions": sum(change.additions for change in changed),
        "deletions": sum(change.deletions for change in changed),
        "changed_files": len(changed),
    }


def head_now(world: World, pull: Pull) -> str | None:
    """Return where the head branch is now, None when it is gone."""
    head = world.store.repository(pull.head_repository or "")
    return world.git(head).branch(pull.head_ref) if head is not None else None


def take_head(world: World, repository: Repository, number: int, pull: Pull) -> None:
    """Bring the head's commits here and point refs/pull/N/head and refs/pull/N/merge at what is so now."""
    git = world.git(repository)
    if pull.head_repository != repository.full_name:
        fork = world.repository(pull.head_repository or "")
        git.fetch(world.git(fork).folder, f"refs/heads/{pull.head_ref}", f"refs/pull/{number}/head")
    git.set_ref(f"refs/pull/{number}/head", pull.head_sha)
    pull.base_sha = git.branch(pull.base_ref) or pull.base_sha
    test_merge(git, number, pull, world.store.seconds())


def test_merge(git: Git, number: int, pull: Pull, seconds: int) -> None:
    """Merge head into base by way of trial: refs/pull/N/merge is what workflows check out."""
    base = git.branch(pull.base_ref) or pull.base_sha
    tree = git.merged_tree(base, pull.head_sha)
    pull.mergeable, pull.tested_base = tree is not None, base
    if tree is None:
        pull.merge_commit_sha = None
        git.delete_ref(f"refs/pull/{number}/merge")
        return
    who = Person(*GITHUB, seconds)
    pull.merge_commit_sha = git.write_commit(
        tree, [base, pull.head_sha], f"Merge {pull.head_sha} into {base}", who, who
    )
    git.set_ref(f"refs/pull/{number}/merge", pull.merge_commit_sha)


def patch(world: World, repository: Repository, issue: Issue) -> str:
    """Return the whole diff as text."""
    pull = part(issue)
    return world.git(repository).run("diff", "-M", f"{pull.base_sha}...{pull.head_sha}").stdout
