from __future__ import annotations

import json
import string
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from automation.errors import DogitopsError
from automation.github import comments, problems
from automation.github.comments import Header
from tests.integration.github.place import BOT, Place

HEADER = Header("plan", "local", digest="d" * 64, head_sha="a" * 40, run_id=100, run_attempt=1)


def run(run_id: int, attempt: int = 1) -> Header:
    return Header("plan", "local", head_sha="a" * 40, run_id=run_id, run_attempt=attempt)


# the hidden header


@given(
    st.builds(
        Header,
        kind=st.text(min_size=1),
        environment=st.text(min_size=1),
        digest=st.text(),
        run_id=st.integers(0, 2**62),
    ),
    st.text(max_size=300),
)
@example(Header("plan", 'x"--><script>'), "-->\r\nbody\r\n")
def test_what_is_composed_is_read_again(header: Header, body: str) -> None:
    text = comments.compose(header, body)
    first = text.split("\n")[0]
    assert first.startswith("<!-- dogitops {")
    assert first.endswith("} -->")
    assert first.count("-->") == 1
    written = comments.read(text)
    assert written is not None
    assert (written.header, written.trusted, written.intact) == (header, True, True)
    assert written.body.strip() == body.replace("\r\n", "\n").strip()


def test_line_ends_of_a_browser_and_blanks_at_the_end_are_no_edit() -> None:
    text = comments.compose(HEADER, "one\ntwo\n")
    written = comments.read(text.replace("\n", "\r\n").rstrip())
    assert written is not None
    assert written.intact


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "\n" + comments.compose(HEADER, "x"),
        "> " + comments.compose(HEADER, "x"),
        "<!-- dogitops -->\nx",
        "<!-- dogitops [] -->\nx",
        "<!-- dogitops {} -->\nx",
        '<!-- dogitops {"kind":"plan"} -->\nx',
        '<!-- dogitops {"kind":"plan","environment":["local"]} -->\nx',
        '<!-- dogitops {"kind":"plan","environment":"local","run_id":"100"} -->\nx',
        '<!-- dogitops {"kind":"plan","environment":"local","run_id":true} -->\nx',
        '<!-- dogitops {"kind":"plan", -->\nx',
        "<!-- dogitops " + "[" * 5000 + " -->\nx",
        "<!-- dogitops {" + '"a":{' * 100_000 + " -->\nx",
    ],
)
def test_what_is_no_header_on_the_first_line_is_none(text: str) -> None:
    assert comments.read(text) is None


def test_a_changed_body_and_a_changed_header_are_noticed() -> None:
    text = comments.compose(HEADER, "Plan: 1 to destroy.")
    body = comments.read(text.replace("1 to destroy", "0 to destroy"))
    header = comments.read(text.replace('"run_id":100', '"run_id":999'))
    assert body is not None
    assert header is not None
    assert (body.trusted, body.intact) == (True, False)
    assert (header.trusted, header.intact, header.order) == (False, False, (0, 0))


def test_a_text_that_github_refuses_is_not_sent(place: Place) -> None:
    room = comments.LIMIT - len(comments.compose(HEADER, ""))
    with pytest.raises(DogitopsError, match="GitHub takes 65,536"):
        comments.upsert(place.github(), place.number, HEADER, "x" * (room + 1))
    assert place.comments() == []
    comments.upsert(place.github(), place.number, HEADER, "x" * room)
    assert len(place.comments()[0].body) == comments.LIMIT


# in place


def test_the_first_plan_makes_a_comment_and_the_next_writes_it_anew(place: Place) -> None:
    first = comments.upsert(place.github(), place.number, run(100), "one")
    second = comments.upsert(place.github(), place.number, run(101), "two")
    assert first.id == second.id
    (only,) = place.comments()
    assert only.body == comments.compose(run(101), "two")
    assert only.login == BOT


def test_each_environment_and_kind_has_its_own(place: Place) -> None:
    github = place.github()
    for kind, environment in (("plan", "local"), ("plan", "prod"), ("apply", "local")):
        comments.upsert(github, place.number, Header(kind, environment), f"{kind} {environment}")
    assert len(place.comments()) == 3
    found = comments.find(github, place.number, "plan", "prod")
    assert found is not None
    assert found.body.endswith("plan prod")
    assert comments.find(github, place.number, "stale", "prod") is None


def test_writing_the_same_again_changes_nothing(place: Place) -> None:
    comments.upsert(place.github(), place.number, HEADER, "x")
    place.forward(60)
    before = place.comments()[0].updated_at
    comments.upsert(place.github(), place.number, HEADER, "x")
    assert [comment.updated_at for comment in place.comments()] == [before]


def test_a_header_that_somebody_else_typed_is_not_ours(place: Place) -> None:
    forged = comments.compose(run(999), "Nothing will be destroyed.")
    place.comment("mallory", forged)
    written = comments.upsert(place.github(), place.number, run(100), "One cluster will be destroyed.")
    assert [comment.login for comment in place.comments()] == ["mallory", BOT]
    assert place.comments()[0].body == forged
    found = comments.find(place.github(), place.number, "plan", "local")
    assert found is not None
    assert found.id == written.id


def test_ours_is_found_behind_more_comments_than_a_page_holds(place: Place) -> None:
    for number in range(130):
        place.comment("alice", f"comment {number}")
    first = comments.upsert(place.github(), place.number, run(100), "one")
    assert comments.upsert(place.github(), place.number, run(101), "two").id == first.id
    assert len(place.comments()) == 131


def test_a_person_at_a_terminal_writes_over_the_runs_before(place: Place) -> None:
    comments.upsert(place.github(), place.number, run(100), "one")
    comments.upsert(place.github(), place.number, Header("plan", "local"), "by hand")
    assert place.comments()[0].body.endswith("by hand")


# edited by hand


def test_a_comment_that_somebody_edited_is_written_anew_with_a_note(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    posted = comments.upsert(place.github(), place.number, run(100), "1 to destroy")
    place.edit(posted.id, posted.body.replace("1 to destroy", "nothing to do"))
    comments.upsert(place.github(), place.number, run(101), "1 to destroy")
    (only,) = place.comments()
    assert "had changed this comment by hand" in only.body
    assert only.body.endswith("1 to destroy")
    assert comments.read(only.body) is not None
    assert "by hand" in capsys.readouterr().err
    comments.upsert(place.github(), place.number, run(102), "2 to destroy")
    assert "by hand" not in place.comments()[0].body


def test_the_same_run_puts_an_edited_comment_right(place: Place) -> None:
    posted = comments.upsert(place.github(), place.number, HEADER, "1 to destroy")
    place.edit(posted.id, posted.body.replace("1 to destroy", "nothing to do"))
    comments.upsert(place.github(), place.number, HEADER, "1 to destroy")
    assert "nothing to do" not in place.comments()[0].body


def test_an_edited_header_cannot_keep_new_plans_out(place: Place) -> None:
    posted = comments.upsert(place.github(), place.number, run(100), "old")
    place.edit(posted.id, posted.body.replace('"run_id":100', '"run_id":99999'))
    comments.upsert(place.github(), place.number, run(101), "new")
    (only,) = place.comments()
    assert only.body.endswith("new")


def test_a_note_that_does_not_fit_is_left_out(place: Place) -> None:
    posted = comments.upsert(place.github(), place.number, HEADER, "x")
    place.edit(posted.id, f"{posted.body} and more")
    full = "x" * (comments.LIMIT - len(comments.compose(HEADER, "")))
    comments.upsert(place.github(), place.number, HEADER, full)
    assert place.comments()[0].body == comments.compose(HEADER, full)


def test_a_comment_without_its_header_is_left_to_who_took_it_out(place: Place) -> None:
    posted = comments.upsert(place.github(), place.number, HEADER, "x")
    place.edit(posted.id, "mine now")
    comments.upsert(place.github(), place.number, HEADER, "x")
    assert [comment.body for comment in place.comments()] == ["mine now", comments.compose(HEADER, "x")]


# runs that race


@pytest.mark.parametrize(("late", "early", "stays"), [(100, 101, 101), (101, 100, 101)])
def test_of_two_runs_that_both_make_a_comment_one_stays(place: Place, late: int, early: int, stays: int) -> None:
    github = place.github()

    def other_posts() -> None:
        comments.upsert(place.github(), place.number, run(early), f"by {early}")

    place.after(github, "GET", "/comments", other_posts)  # between our looking and our writing
    comments.upsert(github, place.number, run(late), f"by {late}")
    (only,) = place.comments()
    assert only.body == comments.compose(run(stays), f"by {stays}")


def test_many_runs_at_once_leave_one_whole_comment(place: Place) -> None:
    # Not always the latest one's: GitHub has no conditional write. The workflows' concurrency group is for that.
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: comments.upsert(place.github(), place.number, run(n), f"by {n}"), range(100, 108)))
    (only,) = place.comments()
    assert only.body in {comments.compose(run(n), f"by {n}") for n in range(100, 108)}


def test_what_an_earlier_race_left_behind_is_cleared_away(place: Place) -> None:
    for number in (102, 100, 101):
        place.comment(BOT, comments.compose(run(number), f"by {number}"))
    first = place.comments()[0].id
    comments.upsert(place.github(), place.number, run(103), "by 103")
    (only,) = place.comments()
    assert (only.id, only.body) == (first, comments.compose(run(103), "by 103"))


@pytest.mark.parametrize(("before", "late"), [((101, 1), (100, 1)), ((100, 2), (100, 1)), ((101, 1), (100, 9))])
def test_a_run_that_ends_late_does_not_write_over_a_later_one(
    place: Place, before: tuple[int, int], late: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    comments.upsert(place.github(), place.number, run(*before), "the later")
    shown = comments.upsert(place.github(), place.number, run(*late), "the older")
    assert place.comments()[0].body == shown.body == comments.compose(run(*before), "the later")
    assert "A later run" in capsys.readouterr().err


def test_what_an_older_run_writes_over_a_later_ones_is_put_right(place: Place) -> None:
    comments.upsert(place.github(), place.number, run(99), "first")
    github = place.github()
    older = comments.compose(run(100), "the older")
    # The older run looked before the later one wrote, and writes after it.
    place.after(github, "PATCH", "/comments/", lambda: place.edit(place.comments()[0].id, older))
    comments.upsert(github, place.number, run(101), "the later")
    assert place.comments()[0].body == comments.compose(run(101), "the later")


def test_a_comment_that_is_deleted_meanwhile_is_made_again(place: Place) -> None:
    comments.upsert(place.github(), place.number, run(100), "one")
    github = place.github()
    place.after(github, "GET", "/comments", place.delete_comments)
    comments.upsert(github, place.number, run(101), "two")
    assert [comment.body for comment in place.comments()] == [comments.compose(run(101), "two")]


def test_a_comment_that_is_rewritten_for_ever_is_given_up(place: Place) -> None:
    github = place.github()
    comments.upsert(github, place.number, run(100), "x")
    older = comments.compose(run(50), "the older")
    place.after(github, "PATCH", "/comments/", lambda: place.edit(place.comments()[0].id, older), times=1000)
    with pytest.raises(DogitopsError, match="being rewritten by others"):
        comments.upsert(github, place.number, run(101), "y")


# GitHub in trouble


@pytest.mark.parametrize("effect", ["answer", "apply-then-answer", "cut", "apply-then-cut", "truncate"])
def test_a_post_that_fails_in_the_middle_ends_in_one_comment(place: Place, effect: str) -> None:
    place.fault(effect, "POST", "*/comments")
    comments.upsert(place.github(), place.number, HEADER, "x")
    assert [comment.body for comment in place.comments()] == [comments.compose(HEADER, "x")]


@pytest.mark.parametrize("effect", ["answer", "apply-then-answer", "cut", "apply-then-cut"])
def test_an_edit_that_fails_in_the_middle_is_made(place: Place, effect: str) -> None:
    comments.upsert(place.github(), place.number, run(100), "one")
    place.fault(effect, "PATCH", "*/comments/*", times=2)
    comments.upsert(place.github(), place.number, run(101), "two")
    assert [comment.body for comment in place.comments()] == [comments.compose(run(101), "two")]


def test_a_github_that_stays_down_is_an_error_and_posts_nothing_twice(place: Place) -> None:
    place.fault("apply-then-answer", "POST", "*/comments", times=50)
    place.fault("answer", "GET", "*/comments*", times=50, skip=1)
    with pytest.raises(problems.Unavailable):
        comments.upsert(place.github(), place.number, HEADER, "x")
    assert len(place.comments()) == 1


def test_a_rate_limit_in_the_middle_posts_once(place: Place) -> None:
    place.fault("abuse", "POST", "*/comments", retry_after=1)
    comments.upsert(place.github(), place.number, HEADER, "x")
    assert len(place.comments()) == 1


def test_a_token_that_may_not_comment_is_told_which_permission_it_lacks(place: Place) -> None:
    with pytest.raises(problems.PermissionMissing) as caught:
        comments.upsert(place.github(permissions={"pull_requests": "read"}), place.number, HEADER, "x")
    assert caught.value.permission == "pull-requests: write"
    assert place.comments() == []


# folding away


def test_what_is_superseded_is_minimized_and_not_found_again(place: Place) -> None:
    github = place.github()
    comments.upsert(github, place.number, HEADER, "the old plan")
    comments.upsert(github, place.number, Header("apply", "local"), "applied")
    assert comments.collapse(github, place.number, "plan", "local") == 1
    old, other = place.comments()
    assert old.minimized is not None
    assert "the old plan" in old.body
    assert other.minimized is None
    assert comments.find(github, place.number, "plan", "local") is None
    assert comments.collapse(github, place.number, "plan", "local") == 0
    comments.upsert(github, place.number, run(101), "the new plan")
    assert len(place.comments()) == 3


def test_where_graphql_is_refused_the_text_is_folded(place: Place) -> None:
    github = place.github()
    comments.upsert(github, place.number, HEADER, "the old plan")
    place.fault("answer", "POST", "/graphql", times=50, status=403)
    assert comments.collapse(github, place.number, "plan", "local") == 1
    (old,) = place.comments()
    assert old.minimized is None
    assert "<details><summary>Superseded by a later comment</summary>\n\nthe old plan\n\n</details>" in old.body


def test_the_longest_comment_can_be_folded(place: Place) -> None:
    github = place.github()
    longest = "x" * (comments.LIMIT - len(comments.compose(Header("p", "e"), "")))
    comments.upsert(github, place.number, Header("p", "e"), longest)
    place.fault("answer", "POST", "/graphql", times=50, status=403)
    assert comments.collapse(github, place.number, "p", "e") == 1
    assert place.comments()[0].body.endswith(f"{longest}\n\n</details>")


def test_comments_by_others_are_not_folded(place: Place) -> None:
    place.comment("mallory", comments.compose(HEADER, "x"))
    assert comments.collapse(place.github(), place.number, "plan", "local") == 0


def test_the_header_is_json_that_says_what_the_comment_is_about() -> None:
    line = comments.compose(HEADER, "x").split("\n")[0]
    said = json.loads(line.removeprefix("<!-- dogitops ").removesuffix(" -->"))
    assert (said["kind"], said["environment"], said["run_id"]) == ("plan", "local", 100)
    assert set(said["header_check"] + said["body_check"]) <= set(string.hexdigits)
