"""Text that nobody vouches for stays text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation import markdown
from tests.unit import github_view
from tests.unit.nasty import texts


@given(texts)
def test_running_text_is_text(value: str) -> None:
    line = f"It says {markdown.text(value)} there."
    assert github_view.problems(line) == []
    kinds = {token.type for token in github_view.tokens(line)}
    assert kinds <= {"paragraph_open", "inline", "text", "paragraph_close"}


@given(texts)
def test_a_code_span_is_one_span(value: str) -> None:
    line = f"It is {markdown.code(value)} there."
    spans = [token.content for token in github_view.tokens(line) if token.type == "code_inline"]
    assert len(spans) == 1
    assert github_view.problems(line) == []


@given(st.lists(texts, min_size=1, max_size=5))
def test_a_fence_holds_its_lines(values: list[str]) -> None:
    told = f"{markdown.fence([markdown.inert(value) for value in values])}\n\nafter"
    (block,) = [token for token in github_view.tokens(told) if token.type == "fence"]
    assert block.content == "".join(f"{markdown.inert(value)}\n" for value in values)
    assert github_view.problems(told) == []


@given(texts, texts)
def test_details_hold_their_body(summary: str, body: str) -> None:
    shown = f"<code>{markdown.html(summary)}</code> {markdown.html_text(summary)}"
    told = markdown.details(shown, markdown.fence([markdown.inert(body)]))
    assert github_view.problems(told) == []


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=3))
def test_a_table_keeps_its_shape(rows: list[tuple[str, str]]) -> None:
    told = markdown.table(["a", "b"], [[markdown.code(one), markdown.text(other)] for one, other in rows])
    assert sum(token.type == "td_open" for token in github_view.tokens(told)) == 2 * len(rows)
    assert github_view.problems(told) == []


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        ("plain", "plain"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\u202eabc", r"\u202eabc"),
        ("a\u200bb", r"a\u200bb"),
        ("\U000e0041", r"\U000e0041"),
        ("größe 漢字 ✓", "größe 漢字 ✓"),
        ("e" + "\u0301" * 9, "e" + "\u0301" * 3 + "…"),
        ("\ud800", r"\ud800"),
    ],
)
def test_every_character_shows(given_: str, shown: str) -> None:
    assert markdown.plain(given_) == shown


def test_what_is_cut_says_how_long_it_was() -> None:
    assert markdown.cut("a" * 5000, 40) == "a" * 20 + "… (5,000 characters)"
    assert markdown.cut("short", 40) == "short"


def test_the_check_finds_what_is_wrong() -> None:
    for wrong in ("@team", "see #1", "<img src=x>", "<details>", "</b>", "[x](http://y)", "<!-- x -->", "a\u202eb"):
        assert github_view.problems(wrong), wrong
