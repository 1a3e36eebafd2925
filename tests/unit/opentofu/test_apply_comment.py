"""The comments after a merge: a plan that is stale, and what an apply did."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from automation.opentofu import comment
from automation.opentofu.canonical import Difference
from automation.opentofu.outcome import Outcome, State, Step
from automation.opentofu.plan import parse
from tests.unit import github_view
from tests.unit.nasty import texts
from tests.unit.opentofu.told import LIMIT, examples, facts, thing

from .plans import planned

# After a merge


def test_a_stale_plan_shows_the_difference_and_how_to_go_on() -> None:
    plan = planned(thing("x_y.a", "create", after={"size": 2}))
    different = (Difference("x_y.a", "size", "1", "2"), Difference("x_y.b", "the change", "create", "no change"))
    text = comment.stale_comment(plan, facts(plan), different, ("the state has changed since (serial 3, now 4)",))
    assert github_view.problems(text) == []
    assert text.startswith("## ⛔ `production` — nothing was applied: the plan has changed")
    assert "/dogitops apply production 0123456789ab\n" in text
    assert "@@ x_y.a @@ size\n- 1\n+ 2\n" in text
    assert "serial 3, now 4" in text
    assert "Merging applies exactly" not in text


@given(st.lists(st.builds(Difference, texts, texts, texts, texts), max_size=60), st.lists(texts, max_size=3))
def test_differences_can_neither_forge_nor_ping(differences: list[Difference], reasons: list[str]) -> None:
    plan = planned(thing("x_y.a", "create", after={}))
    text = comment.stale_comment(plan, facts(plan), differences, reasons)
    assert github_view.problems(text) == []


def test_a_thousand_differences_fit() -> None:
    plan = parse(examples().large(3_000))
    different = [Difference(f"x_y.a[{n}]", "size", "1" * 100, "2" * 100) for n in range(1_000)]
    text = comment.stale_comment(plan, facts(plan), different, ("moved",))
    assert len(text) <= LIMIT
    assert "more differences" in text


def test_an_apply_says_what_it_did_and_hides_secrets_in_outputs() -> None:
    plan = planned(thing("x_y.a", "create", after={"size": 2}), thing("x_y.b", "delete", before={"size": 2}))
    outcome = Outcome((Step("x_y.a", "create", State.DONE, 61.0), Step("x_y.b", "delete", State.DONE, 0.1)))
    outputs = {"url": "https://example.com", "db_password": "hunter2-c4nary", "tok": "dop_v1_" + "0123456789abcdef" * 4}
    text = comment.apply_comment(plan, facts(plan), outcome, outputs, 75.2)
    assert github_view.problems(text) == []
    assert text.startswith("## ✅ `production` — applied\n\n1 added, 1 destroyed in 1 min 15 s.")
    assert "+ x_y.a  # create; 1 min 01 s" in text
    assert 'url = "https://example.com"' in text
    assert "c4nary" not in text
    assert "0123456789abcdef0123" not in text


def test_an_apply_that_failed_half_way_says_what_was_done_and_what_not() -> None:
    plan = planned(*(thing(f"x_y.{name}", "create", after={}) for name in "abcde"))
    outcome = Outcome(
        (
            Step("x_y.a", "create", State.DONE, 3.0),
            Step("x_y.b", "create", State.FAILED, 2.0, "422 size is not available"),
            Step("x_y.c", "create", State.UNFINISHED),
            Step("x_y.d", "create", State.NOT_STARTED),
            Step("x_y.e", "forget", State.NOT_KNOWN),
        ),
        ok=False,
    )
    text = comment.apply_comment(plan, facts(plan), outcome, {}, 9.0, failure="Error: 422\n@everyone ``` </details>")
    assert github_view.problems(text) == []
    assert text.startswith("## ⛔ `production` — the apply failed half way")
    assert "**1** failed · **1** not finished · **1** not known · **1** not started · **1** done · after 9.0 s" in text
    order = [
        "❌ Failed (1)",
        "❔ Not finished: look at these before going on (1)",
        "❔ Not known (1)",
        "⏸️ Not started (1)",
        "✅ Done (1)",
    ]
    assert github_view.headings(text)[1:] == order
    assert "- x_y.b  # create; 2.0 s; 422 size is not available" in text


def test_an_apply_of_which_nothing_is_known_says_that() -> None:
    plan = planned(thing("x_y.a", "create", after={}))
    text = comment.apply_comment(plan, facts(plan), None, {}, 9.0, failure="killed")
    assert "what was done is not known" in text


def test_an_apply_of_ten_thousand_steps_fits() -> None:
    plan = planned(thing("x_y.a", "create", after={}))
    states = [State.DONE, State.FAILED, State.NOT_STARTED]
    steps = tuple(
        Step(f"x_y.a[{n}]", "create", states[n % 3], 1.0, "e" * 400 if n % 3 == 1 else "") for n in range(10_000)
    )
    text = comment.apply_comment(
        plan, facts(plan), Outcome(steps, ok=False), {"a": "x" * 90_000}, 9.0, failure="x" * 90_000
    )
    assert len(text) <= LIMIT
    assert github_view.problems(text) == []
    assert "❌ Failed (3,333)" in text
