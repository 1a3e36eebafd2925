from __future__ import annotations

import pytest

from automation.errors import DogitopsError
from automation.github import comments, issues, problems
from tests.integration.github.place import BOT, Place


def test_drift_opens_an_issue_updates_it_and_closes_it_when_it_is_gone(place: Place) -> None:
    github = place.github()
    opened = issues.upsert(github, "local", "Drift in local", "one change", run_id=1)
    assert issues.upsert(github, "local", "Drift in local: 2", "two changes", run_id=2).number == opened.number
    (only,) = place.issues()
    assert (only.title, only.state, only.labels, only.login) == ("Drift in local: 2", "open", ["drift"], BOT)
    assert (only.body or "").endswith("two changes")
    closed = issues.close(github, "local", "It is gone.")
    assert closed is not None
    assert closed.number == opened.number
    assert [(issue.state, issue.state_reason) for issue in place.issues()] == [("closed", "completed")]
    assert [comment.body for comment in place.comments(opened.number)] == ["It is gone."]
    assert issues.find(github, "local") is None
    assert issues.close(github, "local", "It is gone.") is None


def test_drift_that_comes_back_opens_a_new_issue(place: Place) -> None:
    github = place.github()
    first = issues.upsert(github, "local", "Drift", "x")
    issues.close(github, "local", "gone")
    second = issues.upsert(github, "local", "Drift", "x")
    assert second.number > first.number
    found = issues.find(github, "local")
    assert found is not None
    assert found.number == second.number


def test_each_environment_has_its_own(place: Place) -> None:
    github = place.github()
    issues.upsert(github, "local", "Drift in local", "x")
    issues.upsert(github, "prod", "Drift in prod", "y")
    issues.close(github, "prod", "gone")
    assert [(issue.title, issue.state) for issue in place.issues()] == [
        ("Drift in local", "open"),
        ("Drift in prod", "closed"),
    ]


def test_the_same_drift_again_is_not_written_again(place: Place) -> None:
    github = place.github()
    issues.upsert(github, "local", "Drift", "x")
    place.forward(60)
    before = place.issues()[0].updated_at
    issues.upsert(github, "local", "Drift", "x")
    assert place.issues()[0].updated_at == before


def test_an_issue_by_somebody_else_is_left_alone(place: Place) -> None:
    forged = comments.compose(comments.Header("drift", "local"), "All is well.")
    place.issue("mallory", "Drift", forged, ["drift"])
    issues.upsert(place.github(), "local", "Drift", "x")
    assert [(issue.login, issue.state) for issue in place.issues()] == [("mallory", "open"), (BOT, "open")]
    issues.close(place.github(), "local", "gone")
    assert [(issue.login, issue.state) for issue in place.issues()] == [("mallory", "open"), (BOT, "closed")]


def test_of_two_runs_that_both_open_one_the_older_stays(place: Place) -> None:
    github = place.github()
    place.after(github, "GET", "/issues", lambda: issues.upsert(place.github(), "local", "Drift", "by the other"))
    kept = issues.upsert(github, "local", "Drift", "by us")
    assert [issue.state for issue in place.issues()] == ["open", "closed"]
    assert kept.number == place.issues()[0].number
    assert (place.issues()[0].body or "").endswith("by us")


@pytest.mark.parametrize("effect", ["answer", "apply-then-answer", "apply-then-cut"])
def test_a_post_that_fails_in_the_middle_ends_in_one_issue(place: Place, effect: str) -> None:
    place.fault(effect, "POST", "*/issues")
    place.fault(effect, "POST", "*/labels")
    issues.upsert(place.github(), "local", "Drift", "x")
    assert len(place.issues()) == 1


def test_a_long_title_is_cut_and_a_long_body_refused(place: Place) -> None:
    issues.upsert(place.github(), "local", "Drift " * 100, "x")
    assert len(place.issues()[0].title) <= 256
    with pytest.raises(DogitopsError, match="GitHub takes"):
        issues.upsert(place.github(), "local", "Drift", "x" * comments.LIMIT)


def test_the_permission_that_is_missing_is_named(place: Place) -> None:
    with pytest.raises(problems.PermissionMissing) as caught:
        issues.upsert(place.github(permissions={"issues": "read"}), "local", "Drift", "x")
    assert caught.value.permission == "issues: write"
