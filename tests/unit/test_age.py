from __future__ import annotations

import pytest

from automation import age
from automation.secret import Secret


def test_an_identity_is_the_same_for_the_same_seed_and_has_its_form() -> None:
    one, again, other = (age.identity(Secret(seed)) for seed in ("a seed", "a seed", "another seed"))
    assert one == again != other
    assert one.reveal().startswith("AGE-SECRET-KEY-1")
    assert len(one.reveal()) == 74
    assert age.recipient(one).startswith("age1")
    assert len(age.recipient(one)) == 62


def test_a_wrong_letter_is_seen() -> None:
    text = age.identity(Secret("a seed")).reveal()
    wrong = text[:-1] + ("Q" if text[-1] != "Q" else "P")
    for bad in (wrong, text.replace("SECRET", "PUBLIC"), "password"):
        with pytest.raises(ValueError, match="identity of age"):
            age.recipient(Secret(bad))
