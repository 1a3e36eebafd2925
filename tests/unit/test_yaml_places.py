from __future__ import annotations

import pytest
import yaml

from automation import yaml_places

TEXT = """\
# a comment that stays
secrets:
  - name: one   # another
    keys:
      password: {generate: 32}   # flow
      token:
        generate: 24
        # inside
      old: {generation: 7, generate: 16}
"""
KEYS = ("secrets", 0, "keys")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((*KEYS, "password"), 5),
        ((*KEYS, "token", "generate"), 7),
        (("secrets", 0, "name"), 3),
        ((*KEYS, "none"), 5),
        (("secrets", 9), 3),
        ((), 2),
    ],
)
def test_a_line_is_found_or_the_nearest_above(path: tuple[str | int, ...], line: int) -> None:
    assert yaml_places.line(TEXT, path) == line


@pytest.mark.parametrize(("key", "was"), [("password", None), ("token", None), ("old", 7)])
def test_a_number_is_written_and_all_else_stays(key: str, was: int | None) -> None:
    changed = yaml_places.with_value(TEXT, (*KEYS, key), "generation", 8)
    before, after = yaml.safe_load(TEXT), yaml.safe_load(changed)
    assert after["secrets"][0]["keys"][key].pop("generation") == 8
    assert before["secrets"][0]["keys"][key].pop("generation", None) == was
    assert after == before
    for comment in ("# a comment that stays", "# another", "# flow", "# inside"):
        assert comment in changed


def test_what_is_no_mapping_gets_no_number() -> None:
    for path in (("secrets", 0, "name"), ("secrets", 5), ("none",)):
        with pytest.raises(KeyError):
            yaml_places.with_value(TEXT, path, "generation", 2)
