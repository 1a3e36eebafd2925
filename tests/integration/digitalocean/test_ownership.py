"""What is ours, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.digitalocean import ownership
from automation.errors import Refused

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("tags", [["dogitops"], ["x", "dogitops:env:pr-7"], ["Dogitops"], ["DOGITOPS:until:nonsense"]])
def test_a_tag_of_ours_makes_it_ours(tags: list[str]) -> None:
    assert ownership.is_tagged(tags)


@pytest.mark.parametrize("tags", [[], ["dogitops-x"], ["dogitopsx"], ["not:dogitops"], ["k8s", "production"], [""]])
def test_no_other_tag_does(tags: list[str]) -> None:
    assert not ownership.is_tagged(tags)


@pytest.mark.parametrize(
    ("name", "ours"), [("dogitops-a", True), ("dogitops", False), ("my-dogitops-a", False), ("", False)]
)
def test_a_name_has_to_begin_with_the_prefix(name: str, ours: bool) -> None:
    assert ownership.is_named(name) is ours


def test_what_is_made_carries_all_marks() -> None:
    made = ownership.tags("pr-7", NOON)
    assert made == ["dogitops", "dogitops:env:pr-7", "dogitops:until:20261121t1200z"]
    assert ownership.expiry("anything", made) == NOON
    assert ownership.tags() == ["dogitops"]
    named = ownership.name_until("dogitops-pr-7", NOON)
    assert named == "dogitops-pr-7-until-20261121t1200z"
    assert ownership.expiry(named) == NOON


@pytest.mark.parametrize(
    ("environment", "tags", "of_it"),
    [
        ("pr-7", ["dogitops:env:pr-7"], True),
        ("pr-7", ["x", "Dogitops:Env:PR-7"], True),
        ("pr-7", ["dogitops:env:pr-70"], False),
        ("pr-7", ["dogitops"], False),
        ("", ["dogitops:env:"], False),
    ],
)
def test_what_was_made_for_an_environment_says_so(environment: str, tags: list[str], of_it: bool) -> None:
    assert ownership.is_of(environment, tags) is of_it


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2099, 1, 1)), st.integers(-12, 12))  # noqa: DTZ001
def test_an_end_comes_back_as_it_was_whatever_the_zone(moment: datetime, hours: int) -> None:
    told = moment.replace(second=0, microsecond=0, tzinfo=timezone(timedelta(hours=hours)))
    assert ownership.expiry("", ownership.tags(until=told)) == told
    assert ownership.expiry(ownership.name_until("dogitops-x", told)) == told


def test_of_several_ends_the_latest_counts() -> None:
    later = NOON + timedelta(days=2)
    assert ownership.expiry("x", ownership.tags(until=NOON) + ownership.tags(until=later)) == later


@pytest.mark.parametrize(
    "tags", [["dogitops"], ["dogitops:until:"], ["dogitops:until:tomorrow"], ["dogitops:until:20261399t9999z"],
             ["dogitops:until:20261121t1200z", "dogitops:until:never"], ["until:20200101t0000z"]],
)  # fmt: skip
def test_what_has_no_end_that_can_be_read_never_expires(tags: list[str]) -> None:
    assert ownership.expiry("name", tags) is None


@given(st.text(max_size=60), st.lists(st.text(max_size=40), max_size=4))
def test_any_name_and_any_tags_can_be_asked(name: str, tags: list[str]) -> None:
    ownership.expiry(name, [f"dogitops:until:{tag}" for tag in tags])
    assert ownership.is_named(name) is name.startswith("dogitops-")


def test_what_is_not_ours_is_refused() -> None:
    with pytest.raises(Refused, match="prefix"):
        ownership.refuse_foreign("cluster", "production")
    with pytest.raises(Refused, match="tag"):
        ownership.refuse_foreign("cluster", "dogitops-a", ["production"])
    ownership.refuse_foreign("cluster", "dogitops-a", ["dogitops"])
