from __future__ import annotations

import pickle
import stat
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from automation.secret import Secret, masked


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=40))
def test_no_form_of_printing_shows_the_value(value: str) -> None:
    if value in {"Secret(***)", "Secret"}:
        return
    secret = Secret(value)
    shown = f"{secret} {secret!r} {[secret]} " + str({"k": secret})
    assert value not in shown.replace("Secret(***)", "").replace("***", "") or set(value) <= set("[]{}'k: ")
    assert value not in masked(f"before {value} after").replace("***", "") or value in "before  after"


def test_each_line_of_a_multi_line_secret_is_masked() -> None:
    Secret("-----BEGIN-----\nabcdefgh\nijklmnop\n")
    assert masked("x ijklmnop y abcdefgh") == "x *** y ***"


def test_a_longer_secret_that_contains_a_shorter_one_goes_first() -> None:
    Secret("alphabet")
    Secret("alphabet-soup-tureen")
    assert masked("alphabet-soup-tureen") == "***"


def test_kept_secrets_stay_the_same_and_are_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "one"
    first = Secret.kept_in(path, 24)
    assert Secret.kept_in(path, 24) == first
    assert len(first.reveal()) == 24
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@given(st.integers(1, 128), st.text(max_size=20))
def test_a_derived_secret_is_the_same_for_the_same_purpose_and_of_the_length_asked_for(length: int, what: str) -> None:
    key = Secret("the key of the canaries")
    made = key.derived(what, length)
    assert made == key.derived(what, length)
    assert len(made.reveal()) == length
    assert key.derived(what, 128).reveal().startswith(made.reveal())


def test_derived_secrets_have_nothing_in_common() -> None:
    key, other = Secret("the key of the canaries"), Secret("the key of the canaries.")
    made = {one.reveal() for one in (key.derived("a", 128), key.derived("b", 128), other.derived("a", 128))}
    assert len(made) == 3
    halves = {half for one in made for half in (one[:43], one[43:86], one[86:])}
    assert len(halves) == 9


def test_equality_is_by_value() -> None:
    assert Secret("same-value") == Secret("same-value")
    assert Secret("same-value") != Secret("other-value")
    assert Secret("same-value") != "same-value"


def test_pickling_is_impossible_by_accident() -> None:
    secret = Secret("pickled-value")
    try:
        dumped = pickle.dumps(secret)
    except TypeError:
        return
    assert b"pickled-value" not in dumped
