from __future__ import annotations

from pathlib import Path

import github
import pytest
from github.Repository import Repository

from automation import process
from automation.errors import DogitopsError
from automation.simulators.github import GitHubSimulator
from tests.integration.simulators.hub import BOT, EVERYTHING, NAME, client


def git(origin: Path, *words: str) -> str:
    return process.run(["git", "-C", origin, *words]).stdout.strip()


def test_a_pull_request_is_what_git_says(hub: GitHubSimulator, repo: Repository, number: int, origin: Path) -> None:
    pull = repo.get_pull(number)
    assert (pull.title, pull.body, pull.state, pull.user.login) == ("Raise a", "because", "open", "alice")
    assert pull.head.ref == "change"
    assert pull.head.sha == git(origin, "rev-parse", "change") == git(origin, "rev-parse", f"refs/pull/{number}/head")
    assert pull.base.sha == git(origin, "rev-parse", "main")
    assert (pull.commits, pull.additions, pull.deletions, pull.changed_files) == (1, 1, 1, 1)
    assert pull.head.repo.full_name == pull.base.repo.full_name == NAME
    assert pull.mergeable
    assert pull.mergeable_state == "clean"
    assert pull.html_url == f"{hub.url}/{NAME}/pull/{number}"
    assert not pull.is_merged()
    [file] = pull.get_files()
    assert (file.filename, file.status, file.patch) == ("roots/a/main.tf", "modified", "@@ -1 +1 @@\n-a = 1\n+a = 2")
    assert file.sha == git(origin, "rev-parse", "change:roots/a/main.tf")
    [commit] = pull.get_commits()
    assert commit.commit.message == "Raise a"
    assert commit.author.login == "alice"
    parents = git(origin, "rev-parse", f"refs/pull/{number}/merge^1", f"refs/pull/{number}/merge^2").split()
    assert parents == [pull.base.sha, pull.head.sha]
    assert pull.merge_commit_sha == git(origin, "rev-parse", f"refs/pull/{number}/merge")


def test_files_are_told_apart_as_github_does(hub: GitHubSimulator, repo: Repository) -> None:
    text = "".join(f"line {n}\n" for n in range(20))
    hub.push(NAME, "main", {"old name.txt": text, "gone.txt": "x\n"})
    hub.push(NAME, "many", {"old name.txt": None, "nëw.txt": text, "gone.txt": None, "new/file.txt": "1\n2\n"})
    pull = repo.get_pull(hub.open_pull_request(NAME, "many"))
    seen = {
        file.filename: (file.status, file.previous_filename, file.additions, file.deletions)
        for file in pull.get_files()
    }
    assert seen == {
        "nëw.txt": ("renamed", "old name.txt", 0, 0),
        "gone.txt": ("removed", None, 0, 1),
        "new/file.txt": ("added", None, 2, 0),
    }


def test_opened_by_a_client(hub: GitHubSimulator, repo: Repository) -> None:
    hub.push(NAME, "feature/x", {"b.txt": "1\n"})
    pull = repo.create_pull(base="main", head="feature/x", title="Add b", body="text", draft=True)
    assert (pull.number, pull.draft, pull.user.login, pull.user.type) == (1, True, BOT, "Bot")
    assert [found.number for found in repo.get_pulls(head="acme:feature/x", base="main")] == [1]
    assert list(repo.get_pulls(head="acme:other")) == []
    assert list(repo.get_pulls(state="closed")) == []
    pull.edit(title="Better", body="more")
    assert repo.get_pull(1).title == "Better"
    pull.edit(state="closed")
    assert [found.number for found in repo.get_pulls(state="closed")] == [1]
    pull.edit(state="open")
    assert repo.get_pull(1).state == "open"


@pytest.mark.parametrize(
    ("head", "base", "told"),
    [
        ("nothing", "main", "'field': 'head'"),
        ("change", "nothing", "'field': 'base'"),
        ("main", "main", "No commits between main and main"),
        ("change", "main", "A pull request already exists for acme:change."),
        ("stranger:change", "main", "'field': 'head'"),
    ],
)
def test_what_can_not_be_opened(repo: Repository, number: int, head: str, base: str, told: str) -> None:
    with pytest.raises(github.GithubException) as caught:
        repo.create_pull(base=base, head=head, title="x")
    assert caught.value.status == 422
    assert told in str(caught.value.data["errors"])
    assert repo.get_pulls(state="all").totalCount == 1


def test_a_push_moves_everything_with_it(hub: GitHubSimulator, repo: Repository, number: int, origin: Path) -> None:
    before = repo.get_pull(number).head.sha
    after = hub.push(NAME, "change", {"c.txt": "c\n"}, login="alice")
    pull = repo.get_pull(number)
    assert pull.head.sha == after == git(origin, "rev-parse", f"refs/pull/{number}/head")
    assert git(origin, "rev-parse", f"refs/pull/{number}/merge^2") == after
    assert {file.filename for file in pull.get_files()} == {"c.txt", "roots/a/main.tf"}
    told = hub.event(NAME, "pull_request", "synchronize", number)
    assert (told["before"], told["after"], told["pull_request"]["head"]["sha"]) == (before, after, after)
    assert told["pull_request"]["changed_files"] == 2
    assert told["sender"]["login"] == "alice"


def test_a_push_by_git_itself_is_noticed(
    hub: GitHubSimulator, repo: Repository, number: int, origin: Path, tmp_path: Path
) -> None:
    process.run(["git", "clone", "--quiet", "--branch", "change", origin, tmp_path / "work"])
    (tmp_path / "work" / "d.txt").write_text("d\n")
    git(tmp_path / "work", "add", ".")
    git(tmp_path / "work", "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "By git")
    git(tmp_path / "work", "push", "--quiet", "origin", "change")
    assert repo.get_pull(number).head.sha == git(tmp_path / "work", "rev-parse", "HEAD")
    assert [event["action"] for event in hub.events() if event["name"] == "pull_request"] == ["opened", "synchronize"]


def test_the_test_merge_follows_the_base(hub: GitHubSimulator, repo: Repository, number: int, origin: Path) -> None:
    base = hub.push(NAME, "main", {"other.txt": "x\n"})
    pull = repo.get_pull(number)
    assert git(origin, "rev-parse", f"refs/pull/{number}/merge^1") == base
    assert pull.base.sha != base  # what it was opened on, until its head moves
    hub.push(NAME, "main", {"roots/a/main.tf": "a = 3\n"})
    pull = repo.get_pull(number)
    assert pull.mergeable is False
    assert pull.mergeable_state == "dirty"
    assert pull.merge_commit_sha is None
    with pytest.raises(github.GithubException, match="405"):
        pull.merge()


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("merge", (2, "Merge pull request #1 from acme/change")),
        ("squash", (1, "Raise a (#1)")),
        ("rebase", (1, "Raise a")),
    ],
)
def test_merging(hub: GitHubSimulator, number: int, origin: Path, method: str, expected: tuple[int, str]) -> None:
    parents, subject = expected
    repo = client(hub, hub.create_token(permissions=EVERYTHING)).get_repo(NAME)
    other = hub.push(NAME, "main", {"other.txt": "x\n"})
    pull = repo.get_pull(number)
    done = pull.merge(merge_method=method, sha=pull.head.sha)
    assert done.merged
    head = git(origin, "rev-parse", "main")
    assert done.sha == head
    assert git(origin, "log", "-1", "--format=%s", "main") == subject
    assert len(git(origin, "log", "-1", "--format=%P", "main").split()) == parents
    assert git(origin, "show", "main:roots/a/main.tf") == "a = 2"
    assert git(origin, "show", "main:other.txt") == "x"
    pull = repo.get_pull(number)
    assert (pull.merged, pull.state, pull.merge_commit_sha, pull.merged_by.login) == (True, "closed", head, BOT)
    assert pull.is_merged()
    assert [file.filename for file in pull.get_files()] == ["roots/a/main.tf"]
    assert [found.number for found in repo.get_commit(head).get_pulls()] == [number]
    assert list(repo.get_commit(other).get_pulls()) == []
    closed = hub.event(NAME, "pull_request", "closed")
    assert closed["pull_request"]["merged"] is True
    pushed = hub.event(NAME, "push")
    assert (pushed["ref"], pushed["before"], pushed["after"]) == ("refs/heads/main", other, head)
    with pytest.raises(github.GithubException, match="405"):
        pull.merge()


def test_merging_another_head_than_the_one_that_was_read(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    read = repo.get_pull(number)
    hub.push(NAME, "change", {"c.txt": "c\n"})
    with pytest.raises(github.GithubException) as caught:
        read.merge(sha=read.head.sha)
    assert caught.value.status == 409


def test_a_draft_is_not_merged(hub: GitHubSimulator) -> None:
    hub.push(NAME, "change", {"c.txt": "c\n"})
    number = hub.open_pull_request(NAME, "change", draft=True)
    with pytest.raises(DogitopsError, match="still a draft"):
        hub.merge(NAME, number)


def test_merging_by_git_itself_counts(hub: GitHubSimulator, repo: Repository, number: int, origin: Path) -> None:
    git(origin, "update-ref", "refs/heads/main", "refs/heads/change")
    assert repo.get_pull(number).merged
    assert hub.event(NAME, "pull_request", "closed", number)["pull_request"]["merged"] is True


def test_deleting_the_branch_closes(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    repo.get_git_ref("heads/change").delete()
    pull = repo.get_pull(number)
    assert (pull.state, pull.merged) == ("closed", False)
    with pytest.raises(github.GithubException) as caught:
        pull.edit(state="open")
    assert caught.value.status == 422


def test_a_fork(hub: GitHubSimulator, repo: Repository, origin: Path, tmp_path: Path) -> None:
    fork = hub.fork(NAME, "mallory", str(tmp_path / "fork.git"))
    sha = hub.push(fork, "evil", {"x.txt": "x\n"}, login="mallory")
    number = hub.open_pull_request(NAME, "mallory:evil")
    pull = repo.get_pull(number)
    assert (pull.user.login, pull.head.repo.full_name, pull.head.sha) == ("mallory", "mallory/platform", sha)
    assert pull.head.repo.fork
    assert git(origin, "rev-parse", f"refs/pull/{number}/head") == sha
    again = hub.push(fork, "evil", {"y.txt": "y\n"}, login="mallory")
    assert repo.get_pull(number).head.sha == again
    assert hub.event(NAME, "pull_request", "synchronize")["pull_request"]["head"]["repo"]["id"] == pull.head.repo.id
    hub.merge(NAME, number)
    assert git(origin, "show", "main:y.txt") == "y"


def test_reviews(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    pull = repo.get_pull(number)
    pull.create_review_request(reviewers=["bob"])
    assert [user.login for user in repo.get_pull(number).requested_reviewers] == ["bob"]
    review = client(hub, hub.token_of("bob")).get_repo(NAME).get_pull(number).create_review(event="APPROVE")
    assert (review.state, review.user.login, review.commit_id) == ("APPROVED", "bob", pull.head.sha)
    assert [found.state for found in pull.get_reviews()] == ["APPROVED"]
    assert repo.get_pull(number).requested_reviewers == []
    with pytest.raises(github.GithubException, match="422"):
        client(hub, hub.token_of("alice")).get_repo(NAME).get_pull(number).create_review(event="APPROVE")
    with pytest.raises(github.GithubException, match="422"):
        pull.create_review_request(reviewers=["nobody"])


def test_the_diff_and_the_update_of_a_branch(hub: GitHubSimulator, repo: Repository, number: int, origin: Path) -> None:
    base = hub.push(NAME, "main", {"other.txt": "x\n"})
    pull = repo.get_pull(number)
    assert pull.update_branch()
    assert git(origin, "log", "-1", "--format=%P", "change").split() == [pull.head.sha, base]
    _, got = repo._requester.requestBlobAndCheck("GET", pull.url, headers={"Accept": "application/vnd.github.diff"})
    assert got["data"].startswith("diff --git a/roots/a/main.tf b/roots/a/main.tf")


def test_a_checkout_follows_a_merge_and_loses_nothing(tmp_path: Path) -> None:
    work = tmp_path / "work"
    process.run(["git", "init", "--quiet", "--initial-branch=main", work])
    (work / "a.txt").write_text("1\n")
    git(work, "add", ".")
    git(work, "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "First")
    with GitHubSimulator() as hub:
        hub.add_repository(NAME, str(work))
        hub.push(NAME, "change", {"a.txt": "2\n"})
        hub.merge(NAME, hub.open_pull_request(NAME, "change"))
        assert (work / "a.txt").read_text() == "2\n"
        assert git(work, "status", "--porcelain") == ""
        (work / "a.txt").write_text("mine\n")
        hub.push(NAME, "again", {"a.txt": "3\n"})
        number = hub.open_pull_request(NAME, "again")
        with pytest.raises(DogitopsError, match="in the way"):
            hub.merge(NAME, number)
        assert (work / "a.txt").read_text() == "mine\n"
        token = hub.create_token(permissions=EVERYTHING)
        assert client(hub, token).get_repo(NAME).get_pull(number).state == "open"
