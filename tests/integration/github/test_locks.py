from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from automation.errors import ConfigurationError, DogitopsError
from automation.github import problems
from automation.github.locks import RefLocks
from automation.locks import EnvironmentLocks, Holder, LockHeld
from tests.integration.github.place import REPOSITORY, Place

ONE = Holder(REPOSITORY, 1, "alice", "https://github.com/octo-org/infra/actions/runs/1")
TWO = Holder(REPOSITORY, 2, "bob")


def test_a_lock_is_taken_kept_and_given_back(place: Place) -> None:
    locks: EnvironmentLocks = RefLocks(place.github())
    taken = locks.acquire("local", ONE)
    assert (taken.environment, taken.holder, taken.stolen_from) == ("local", ONE, None)
    again = locks.acquire("local", Holder(REPOSITORY, 1, "carol"))
    assert again == taken  # the pull request's, whoever acts for it
    assert locks.held() == [taken]
    assert locks.release("local", ONE)
    assert locks.held() == []
    assert not locks.release("local", ONE)
    assert locks.acquire("local", TWO).holder == TWO


def test_another_pull_request_is_told_who_holds_it(place: Place) -> None:
    locks = RefLocks(place.github())
    taken = locks.acquire("local", ONE)
    with pytest.raises(LockHeld, match="octo-org/infra#1 \\(alice\\)") as caught:
        locks.acquire("local", TWO)
    assert caught.value.lock == taken
    assert caught.value.exit_code == 3
    assert not locks.release("local", TWO)
    assert locks.held() == [taken]


def test_environments_are_locked_apart(place: Place) -> None:
    locks = RefLocks(place.github())
    locks.acquire("prod", TWO)
    locks.acquire("local", ONE)
    locks.acquire("local-two", ONE)
    assert [(lock.environment, lock.holder) for lock in locks.held()] == [
        ("local", ONE),
        ("local-two", ONE),
        ("prod", TWO),
    ]


def test_a_lock_is_stolen_with_a_trace(place: Place) -> None:
    locks = RefLocks(place.github())
    locks.acquire("local", ONE)
    stolen = locks.steal("local", TWO, "alice is on holiday")
    assert (stolen.holder, stolen.stolen_from, stolen.reason) == (TWO, ONE, "alice is on holiday")
    assert locks.held() == [stolen]
    with pytest.raises(LockHeld):
        locks.acquire("local", ONE)
    log = place.git("log", "--format=%s", "refs/dogitops/locks/local").splitlines()
    assert log == ["octo-org/infra#2 takes local from octo-org/infra#1", "octo-org/infra#1 locks local"]


def test_stealing_a_free_lock_or_ones_own_robs_nobody(place: Place) -> None:
    locks = RefLocks(place.github())
    taken = locks.steal("local", ONE, "why not")
    assert taken.stolen_from is None
    assert locks.steal("local", ONE, "again") == taken


def test_stealing_needs_a_reason(place: Place) -> None:
    with pytest.raises(ConfigurationError, match="reason"):
        RefLocks(place.github()).steal("local", ONE, "  ")


def test_of_two_that_find_it_free_one_gets_it(place: Place) -> None:
    github = place.github()
    place.after(github, "POST", "/git/commits", lambda: RefLocks(place.github()).acquire("local", ONE))
    with pytest.raises(LockHeld):
        RefLocks(github).acquire("local", TWO)
    assert [lock.holder for lock in RefLocks(github).held()] == [ONE]


def test_of_two_that_find_it_given_back_one_gets_it(place: Place) -> None:
    github = place.github()
    locks = RefLocks(github)
    locks.acquire("local", TWO)
    locks.release("local", TWO)
    place.after(github, "POST", "/git/commits", lambda: RefLocks(place.github()).acquire("local", ONE))
    with pytest.raises(LockHeld):
        locks.acquire("local", TWO)
    assert [lock.holder for lock in locks.held()] == [ONE]


def test_a_lock_that_is_stolen_while_it_is_given_back_stays_stolen(place: Place) -> None:
    github = place.github()
    locks = RefLocks(github)
    locks.acquire("local", ONE)
    place.after(github, "POST", "/git/commits", lambda: RefLocks(place.github()).steal("local", TWO, "urgent"))
    assert not locks.release("local", ONE)
    assert [lock.holder for lock in locks.held()] == [TWO]


def test_many_at_once_and_one_gets_it(place: Place) -> None:
    def take(number: int) -> bool:
        try:
            RefLocks(place.github()).acquire("local", Holder(REPOSITORY, number))
        except LockHeld:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(take, range(1, 7))) == 1


@pytest.mark.parametrize("effect", ["answer", "apply-then-answer", "apply-then-cut"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "*/git/refs"), ("POST", "*/git/commits"), ("POST", "*/git/trees")]
)
def test_taking_a_lock_while_github_is_in_trouble(place: Place, effect: str, method: str, path: str) -> None:
    locks = RefLocks(place.github())
    place.fault(effect, method, path)
    assert locks.acquire("local", ONE).holder == ONE
    assert [lock.holder for lock in locks.held()] == [ONE]


@pytest.mark.parametrize("effect", ["answer", "apply-then-answer", "apply-then-cut"])
def test_giving_a_lock_back_while_github_is_in_trouble(place: Place, effect: str) -> None:
    locks = RefLocks(place.github())
    locks.acquire("local", ONE)
    place.fault(effect, "PATCH", "*/git/refs/*")
    assert locks.release("local", ONE)
    assert locks.held() == []


def test_a_reference_that_is_no_lock_is_an_error_that_names_it(place: Place) -> None:
    place.git("update-ref", "refs/dogitops/locks/local", "refs/heads/main")
    with pytest.raises(DogitopsError, match="dogitops/locks/local cannot be read") as caught:
        RefLocks(place.github()).acquire("local", ONE)
    assert "git push origin :refs/dogitops/locks/local" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["", "../heads/main", "a/b", "Local", "x" * 70, "a b", "local\n"])
def test_a_name_that_is_no_environments_reaches_no_reference(place: Place, name: str) -> None:
    with pytest.raises(ConfigurationError):
        RefLocks(place.github()).acquire(name, ONE)


def test_locks_are_on_no_branch_and_in_no_clone(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    RefLocks(place.github()).acquire("local", ONE)
    clone = tmp_path_factory.mktemp("clone") / "infra"
    subprocess.run(["git", "clone", "--quiet", str(place.bare), str(clone)], check=True)
    listed = subprocess.run(
        ["git", "-C", str(clone), "for-each-ref"], check=True, capture_output=True, text=True
    ).stdout
    assert "dogitops" not in listed


def test_the_permission_that_is_missing_is_named(place: Place) -> None:
    with pytest.raises(problems.PermissionMissing) as caught:
        RefLocks(place.github(permissions={"contents": "read"})).acquire("local", ONE)
    assert caught.value.permission == "contents: write"
