from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import github
import pytest
import requests
from github.InputGitAuthor import InputGitAuthor
from github.InputGitTreeElement import InputGitTreeElement
from github.Repository import Repository

from automation import process
from automation.simulators.github import GitHubSimulator
from tests.integration.simulators.hub import BOT, EVERYTHING, NAME, client

LOCK = "refs/dogitops/locks/local"


def test_branches_and_commits(hub: GitHubSimulator, repo: Repository) -> None:
    first = repo.get_branch("main").commit.sha
    second = hub.push(NAME, "feature/x", {"roots/a/main.tf": "a = 2\n", "new.txt": "1\n"}, "Second", login="alice")
    assert {branch.name: branch.commit.sha for branch in repo.get_branches()} == {"feature/x": second, "main": first}
    assert repo.get_branch("feature/x").commit.commit.message == "Second"
    with pytest.raises(github.UnknownObjectException):
        repo.get_branch("nothing")
    commit = repo.get_commit(second)
    assert (commit.stats.additions, commit.stats.deletions, commit.stats.total) == (2, 1, 3)
    assert [file.filename for file in commit.files] == ["new.txt", "roots/a/main.tf"]
    assert [parent.sha for parent in commit.parents] == [first]
    assert commit.author.login == "alice"
    assert repo.get_commit("feature/x").sha == repo.get_commit(second[:10]).sha == second
    assert {file.status for file in repo.get_commit(first).files} == {"added"}
    assert [it.sha for it in repo.get_commits(sha="feature/x")] == [second, first]
    assert [it.sha for it in repo.get_commits(sha="feature/x", path="README.md")] == [first]
    assert [it.sha for it in repo.get_commits()] == [first]
    with pytest.raises(github.GithubException) as caught:
        repo.get_commit("f" * 40)
    assert caught.value.status == 422
    assert "No commit found for SHA" in caught.value.data["message"]


def test_the_pull_requests_of_a_commit(hub: GitHubSimulator, repo: Repository, number: int) -> None:
    head = repo.get_pull(number).head.sha
    assert [pull.number for pull in repo.get_commit(head).get_pulls()] == [number]
    assert list(repo.get_commit("main").get_pulls()) == []
    merged = hub.merge(NAME, number, method="squash")
    assert [pull.number for pull in repo.get_commit(merged).get_pulls()] == [number]
    alone = hub.push(NAME, "main", {"direct.txt": "x\n"})
    assert list(repo.get_commit(alone).get_pulls()) == []


def test_comparing(hub: GitHubSimulator, repo: Repository) -> None:
    hub.push(NAME, "change", {"c.txt": "1\n"}, "One")
    hub.push(NAME, "change", {"c.txt": "2\n"}, "Two")
    hub.push(NAME, "main", {"m.txt": "1\n"})
    both = repo.compare("main", "change")
    assert (both.status, both.ahead_by, both.behind_by, both.total_commits) == ("diverged", 2, 1, 2)
    assert [commit.commit.message for commit in both.commits] == ["One", "Two"]
    assert [file.filename for file in both.files] == ["c.txt"]
    assert repo.compare("change", "change").status == "identical"
    assert repo.compare(both.merge_base_commit.sha, "main").status == "ahead"
    assert repo.compare("main", both.merge_base_commit.sha).status == "behind"
    with pytest.raises(github.UnknownObjectException):
        repo.compare("main", "nothing")


def test_contents(hub: GitHubSimulator, repo: Repository, origin: Path) -> None:
    file = repo.get_contents("roots/a/main.tf")
    assert not isinstance(file, list)
    assert (file.decoded_content, file.path, file.type, file.size) == (b"a = 1\n", "roots/a/main.tf", "file", 6)
    listed = repo.get_contents("")
    assert isinstance(listed, list)
    assert [(it.path, it.type) for it in listed] == [("README.md", "file"), ("roots", "dir")]
    inside = repo.get_contents("roots/a", ref="main")
    assert isinstance(inside, list)
    assert [it.path for it in inside] == ["roots/a/main.tf"]
    hub.push(NAME, "change", {"roots/a/main.tf": "a = 2\n"})
    at = repo.get_contents("roots/a/main.tf", ref="change")
    assert not isinstance(at, list)
    assert at.decoded_content == b"a = 2\n"
    for path, ref in (("nothing", "main"), ("README.md/x", "main"), ("README.md", "nothing")):
        with pytest.raises(github.GithubException, match="404"):
            repo.get_contents(path, ref=ref)
    token = hub.create_token(permissions=EVERYTHING)
    raw = requests.get(
        f"{hub.url}/repos/{NAME}/contents/README.md",
        headers={"Authorization": f"Bearer {token}", "Accept": "application/vnd.github.raw+json"},
        timeout=10,
    )
    assert raw.content == b"one\ntwo\n"


def test_bytes_stay_what_they_are(repo: Repository) -> None:
    content = bytes(range(256)) * 5 + b"\r\n\x00\xff"
    made = repo.create_git_blob(base64.b64encode(content).decode(), "base64")
    read = repo.get_git_blob(made.sha)
    assert base64.b64decode(read.content) == content
    assert read.size == len(content)
    assert base64.b64decode(repo.get_git_blob(repo.create_git_blob("tëxt", "utf-8").sha).content).decode() == "tëxt"


def test_trees_commits_and_tags(repo: Repository, origin: Path) -> None:
    head = repo.get_branch("main").commit
    tree = repo.create_git_tree(
        [
            InputGitTreeElement("roots/b/main.tf", "100644", "blob", content="b = 1\n"),
            InputGitTreeElement("README.md", "100644", "blob", sha=None),
        ],
        repo.get_git_tree("main"),
    )
    paths = [entry.path for entry in repo.get_git_tree(tree.sha, recursive=True).tree]
    assert paths == ["roots", "roots/a", "roots/a/main.tf", "roots/b", "roots/b/main.tf"]
    who = InputGitAuthor("Robot", "robot@example.com", "2026-01-02T03:04:05Z")
    commit = repo.create_git_commit("By hand", tree, [repo.get_git_commit(head.sha)], author=who)
    assert commit.author.date == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (commit.message, [parent.sha for parent in commit.parents]) == ("By hand", [head.sha])
    assert repo.get_git_commit(commit.sha).committer.name == "Robot"
    tag = repo.create_git_tag("v1", "Release\n\nwith text", commit.sha, "commit", tagger=who)
    read = repo.get_git_tag(tag.sha)
    assert (read.tag, read.message, read.object.sha, read.tagger.name) == (
        "v1",
        "Release\n\nwith text",
        commit.sha,
        "Robot",
    )
    repo.create_git_ref("refs/tags/v1", tag.sha)
    assert [(it.name, it.commit.sha) for it in repo.get_tags()] == [("v1", commit.sha)]
    assert process.run(["git", "-C", origin, "cat-file", "-t", "v1"]).stdout.strip() == "tag"
    whole = repo.create_git_tree([InputGitTreeElement("x", "100755", "blob", content="1")])
    assert [(entry.path, entry.mode) for entry in whole.tree] == [("x", "100755")]


@pytest.mark.parametrize("path", ["../evil", "/etc/passwd", ""])
def test_a_tree_takes_no_bad_path(repo: Repository, path: str) -> None:
    with pytest.raises(github.GithubException, match="422"):
        repo.create_git_tree([InputGitTreeElement(path, "100644", "blob", content="x")])


def test_a_ref_is_a_lock(repo: Repository, origin: Path) -> None:
    head = repo.get_branch("main").commit.sha
    held = repo.create_git_tag("lock", '{"holder": "run 1"}', head, "commit")
    lock = repo.create_git_ref(LOCK, held.sha)
    assert lock.ref == LOCK
    with pytest.raises(github.GithubException) as caught:
        repo.create_git_ref(LOCK, held.sha)
    assert caught.value.status == 422
    assert caught.value.data["message"] == "Reference already exists"
    found = repo.get_git_ref("dogitops/locks/local")
    assert (found.object.type, found.object.sha) == ("tag", held.sha)
    assert repo.get_git_tag(found.object.sha).message == '{"holder": "run 1"}'
    assert [it.ref for it in repo.get_git_matching_refs("dogitops/locks/")] == [LOCK]
    other = repo.create_git_tag("lock", '{"holder": "run 2"}', head, "commit")
    with pytest.raises(github.GithubException, match="not a fast forward"):
        found.edit(other.sha)
    found.edit(other.sha, force=True)
    assert repo.get_git_ref("dogitops/locks/local").object.sha == other.sha
    found.delete()
    with pytest.raises(github.GithubException, match="does not exist"):
        found.delete()
    with pytest.raises(github.UnknownObjectException):
        repo.get_git_ref("dogitops/locks/local")


def test_only_one_of_many_gets_the_lock(hub: GitHubSimulator, repo: Repository) -> None:
    token = hub.create_token(permissions=EVERYTHING)
    head = repo.get_branch("main").commit.sha

    def take(n: int) -> str:
        mine = client(hub, token).get_repo(NAME)
        held = mine.create_git_commit(f"holder {n}", mine.get_git_tree(head), [])
        try:
            mine.create_git_ref(LOCK, held.sha)
        except github.GithubException as error:
            return str(error.data["message"])
        return "mine"

    with ThreadPoolExecutor(8) as pool:
        told = sorted(pool.map(take, range(8)))
    assert told == ["Reference already exists"] * 7 + ["mine"]


def test_refs_that_are_refused(repo: Repository) -> None:
    head = repo.get_branch("main").commit.sha
    for name, sha, told in (
        ("refs/main", head, "at least two slashes"),
        ("refs/heads/a..b", head, "not valid"),
        ("refs/heads/x", "0" * 40, "Object does not exist"),
        ("refs/pull/7/head", head, "reserved"),
        ("refs/heads/main/below", head, "Reference update failed"),
    ):
        with pytest.raises(github.GithubException, match=told) as caught:
            repo.create_git_ref(name, sha)
        assert caught.value.status == 422
    with pytest.raises(github.GithubException, match="does not exist"):
        repo.get_git_ref("heads/main").edit("1" * 40)


def test_a_branch_moved_by_ref_is_a_push(hub: GitHubSimulator, repo: Repository) -> None:
    head = repo.get_branch("main").commit.sha
    repo.create_git_ref("refs/heads/other", head)
    told = hub.event(NAME, "push")
    assert (told["ref"], told["created"], told["after"], told["sender"]["login"]) == (
        "refs/heads/other",
        True,
        head,
        BOT,
    )
    repo.get_git_ref("heads/other").delete()
    assert hub.event(NAME, "push")["deleted"] is True


def test_names_are_names_and_no_expressions(hub: GitHubSimulator, repo: Repository) -> None:
    hub.push(NAME, "main", {"b.txt": "b\n"})
    for name in ("main~1", "main^", "main@{0}", "main..main", "--output=x", ":README.md"):
        with pytest.raises(github.GithubException):
            repo.get_commit(name)
        with pytest.raises(github.GithubException):
            repo.get_branch(name)


def test_a_file_that_becomes_a_link(hub: GitHubSimulator, repo: Repository) -> None:
    head = repo.get_branch("main").commit.sha
    link = InputGitTreeElement("README.md", "120000", "blob", content="roots/a/main.tf")
    after = InputGitTreeElement("z.txt", "100644", "blob", content="z\n")
    tree = repo.create_git_tree([link, after], repo.get_git_tree("main"))
    commit = repo.create_git_commit("Link", tree, [repo.get_git_commit(head)])
    files = {file.filename: (file.status, file.additions, file.deletions) for file in repo.get_commit(commit.sha).files}
    assert files == {"README.md": ("changed", 1, 2), "z.txt": ("added", 1, 0)}
