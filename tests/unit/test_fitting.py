"""A comment fits, whatever its parts; what matters most is told first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.fitting import Entry, Listing, Whole, counted, fit


def entries(many: int, size: int = 200) -> list[Entry]:
    return [Entry(f"! thing[{n}]", f"kind {n % 3}", lambda n=n: f"full {n} " + "x" * size) for n in range(many)]  # type: ignore[misc]


listings = st.builds(
    lambda many, size, importance, share: Listing(f"### {many}", entries(many, size), importance, "things", share),
    st.integers(1, 300), st.integers(0, 900), st.integers(0, 9), st.floats(0.1, 1),
)  # fmt: skip
wholes = st.builds(
    lambda size, importance: Whole("w" * size, importance, "w", "words"), st.integers(1, 3000), st.integers(0, 9)
)


@given(st.lists(listings | wholes, max_size=8), st.integers(6_000, 70_000))
def test_it_fits(parts: list[Listing | Whole], limit: int) -> None:
    text, left_out = fit(parts, limit)
    assert len(text) <= limit
    if not left_out:
        for part in parts:
            assert part.within(10**7).text in text


@given(st.lists(listings | wholes, min_size=1, max_size=5))
def test_with_room_enough_nothing_is_left_out(parts: list[Listing | Whole]) -> None:
    text, left_out = fit(parts, 10**8)
    assert left_out == ()
    assert text == "\n\n".join(part.within(10**7).text for part in parts)


def test_importance_decides_and_not_the_order() -> None:
    early, late = (
        Listing("### early", entries(100), 5, "early"),
        Listing("### late", entries(100), 1, "late", share=0.9),
    )
    text, left_out = fit([early, late], 30_000)
    assert text.index("### early") < text.index("### late")
    first, second = text.split("### late")
    assert second.count("full") > first.count("full")
    assert any("early" in told for told in left_out)


def test_names_come_before_details() -> None:
    listing = Listing("### some", entries(100, 900), 1, "some")
    text, left_out = fit([listing], 20_000)
    assert all(f"thing[{n}]" in text or f"full {n} " in text for n in range(100))
    assert left_out == (f"details of {text.count('! thing')} of 100 some",)


def test_a_few_names_of_very_many_are_only_counted() -> None:
    listing = Listing("### some", entries(5_000), 1, "some", all_or_none=True)
    text, left_out = fit([listing], 2_000)
    assert "thing" not in text
    assert "1,667 \u00d7 kind 0" in text
    assert left_out == ("names of 5,000 of 5,000 some",)


def test_least_forms_that_do_not_fit_are_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="least forms"):
        fit([Whole("", least="x" * 100)], 50)


def test_kinds_are_counted_largest_first() -> None:
    found = counted([Entry("", f"kind {n}", weight=n) for n in range(1, 30)])
    assert found.splitlines()[1] == " 29 \u00d7 kind 29"
    assert found.splitlines()[-2] == "153 \u00d7 17 other kinds"
