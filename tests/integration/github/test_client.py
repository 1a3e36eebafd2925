from __future__ import annotations

import pytest

from automation.github import problems
from automation.github.client import may
from tests.integration.github.place import BOT, REPOSITORY, Place


def test_a_pull_request_is_read(place: Place) -> None:
    pull = place.github().pull_request(place.number)
    assert (pull.number, pull.author, pull.state, pull.merged, pull.from_fork) == (
        place.number,
        "alice",
        "open",
        False,
        False,
    )
    assert pull.head_sha == place.git("rev-parse", "change")
    assert (pull.base_ref, pull.base_sha) == ("main", place.git("rev-parse", "main"))
    with pytest.raises(problems.NotFound, match="404"):
        place.github().pull_request(999)


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_the_pull_request_of_a_merge_is_found_by_its_commit(place: Place, method: str) -> None:
    sha = place.hub.merge(REPOSITORY, place.number, "alice", method)
    (pull,) = place.github().pull_requests_of(sha)
    assert (pull.number, pull.merged, pull.state, pull.merge_commit_sha) == (place.number, True, "closed", sha)


def test_a_commit_without_a_pull_request_has_none(place: Place) -> None:
    assert place.github().pull_requests_of(place.hub.push(REPOSITORY, "main", {"a": "b"}, "Direct")) == []


def test_a_fork_is_known(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    fork = place.hub.fork(REPOSITORY, "mallory", str(tmp_path_factory.mktemp("fork") / "infra.git"))
    place.hub.push(fork, "evil", {"README.md": "three\n"}, "Third", login="mallory")
    number = place.hub.open_pull_request(REPOSITORY, "mallory:evil", login="mallory")
    pull = place.github().pull_request(number)
    assert (pull.from_fork, pull.head_repository, pull.author) == (True, "mallory/infra", "mallory")


@pytest.mark.parametrize("role", ["admin", "maintain", "write", "triage", "read"])
def test_what_a_person_may_do(place: Place, role: str) -> None:
    place.person("bob", role)
    assert place.github().permission("bob") == role


@pytest.mark.parametrize("user", ["nobody-at-all", "ghost", "", "a/../b", "helper[bot]"])
def test_a_stranger_may_nothing(place: Place, user: str) -> None:
    assert place.github().permission(user) == "none"


def test_permissions_include_those_below() -> None:
    assert may("admin", "maintain")
    assert may("maintain", "maintain")
    assert not may("write", "maintain")
    assert not may("none", "read")


def test_comments_tell_who_wrote_them_and_whether_they_were_edited(place: Place) -> None:
    first = place.comment("alice", "one")
    place.comment("bob", "two")
    place.edit(first, "one, edited")
    told = [(comment.author, comment.body, comment.edited) for comment in place.github().comments(place.number)]
    assert told == [("alice", "one, edited", True), ("bob", "two", False)]


def test_a_status_is_set_and_read(place: Place) -> None:
    github, sha = place.github(), place.git("rev-parse", "change")
    github.set_status(sha, "dogitops/local", "pending", "planning")
    github.set_status(sha, "dogitops/local", "success", "word " * 100, "https://example.org/run")
    github.set_status(sha, "dogitops/prod", "failure", "two\nlines")
    assert github.statuses(sha) == {"dogitops/local": "success", "dogitops/prod": "failure"}
    with pytest.raises(ValueError, match="no state"):
        github.set_status(sha, "dogitops/local", "done", "x")


def test_a_workflows_token_knows_its_name(place: Place) -> None:
    assert place.github().login() == BOT
    assert place.github(login="alice").login() == "alice"


def test_a_job_whose_token_was_revoked_is_told_so(place: Place) -> None:
    github = place.github()
    place.hub.revoke_token(github.token.reveal())
    with pytest.raises(problems.TokenRefused, match="Bad credentials"):
        github.pull_request(place.number)


def test_a_used_up_hour_is_told_with_its_end(place: Place) -> None:
    github = place.github()
    place.hub.set_rate(github.token.reveal(), limit=1000, used=1000)
    with pytest.raises(problems.RateLimited, match="it answers again at"):
        github.pull_request(place.number)
