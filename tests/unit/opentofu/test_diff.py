from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.opentofu import sequence
from automation.opentofu.diff import AttributeChange, attributes

from .plans import change, one, planned


def told(before: Any, after: Any, **more: Any) -> list[tuple[str, str, str, str]]:
    return [(a.kind, a.path, a.before, a.after) for a in attributes(one(before, after, **more))]


def only(before: Any, after: Any, **more: Any) -> AttributeChange:
    (found,) = attributes(one(before, after, **more))
    return found


def test_maps_by_key() -> None:
    before = {"labels": {"team": "a", "gone": "x", "same": "s"}}
    after = {"labels": {"team": "b", "app.kubernetes.io/name": "shop", "same": "s"}}
    assert told(before, after) == [
        ("added", 'labels["app.kubernetes.io/name"]', "(none)", '"shop"'),
        ("removed", "labels.gone", '"x"', "(none)"),
        ("changed", "labels.team", '"a"', '"b"'),
    ]


def test_lists_by_element() -> None:
    found = only({"ports": [22, 80, 443]}, {"ports": [22, 443, 8443]})
    assert (found.path, found.before, found.after) == ("ports", "[22, 80, 443]", "[22, 443, 8443]")
    assert found.lines == ("  22", "- 80", "  443", "+ 8443")


def test_text_by_line_with_what_is_near() -> None:
    before = "".join(f"line {n}\n" for n in range(20))
    found = only({"a": before}, {"a": before.replace("line 10\n", "line ten\n")})
    assert found.lines == (
        "  … 8 unchanged", "  line 8", "  line 9", "- line 10", "+ line ten", "  line 11", "  line 12",
        "  … 7 unchanged"
    )  # fmt: skip


def test_a_missing_newline_at_the_end_is_told() -> None:
    assert only({"a": "x\ny\n"}, {"a": "x\ny"}).lines == ("  x", "- y", "+ y  (no newline at the end)")


def test_json_strings_by_element() -> None:
    before = {"Version": "1", "Statement": [{"Sid": "a", "Action": ["s3:Get"]}]}
    after = {"Statement": [{"Action": ["s3:Get", "s3:List"], "Sid": "a"}], "Version": "1"}
    assert only({"policy": json.dumps(before)}, {"policy": json.dumps(after)}).lines == (
        "  Statement[0].Action:", '    "s3:Get"', '+   "s3:List"'
    )  # fmt: skip
    assert only({"a": '{"a": 1}'}, {"a": '{"a":2}'}).lines == ("- a: 1", "+ a: 2")
    assert only({"a": '{"a": 1}'}, {"a": '{"a":1}'}).lines == ("  only its formatting changes",)
    assert only({"a": '{"a": 1}'}, {"a": "[1]"}).lines[0].startswith("- ")


def test_blocks_are_matched_and_what_is_in_them_compared() -> None:
    rules = [
        {"port": 22, "cidr": ["10.0.0.0/8"], "protocol": "tcp"},
        {"port": 80, "cidr": ["0.0.0.0/0"], "protocol": "tcp"},
    ]
    changed = [rules[1], {**rules[0], "cidr": ["10.0.0.0/16"]}]
    (found,) = attributes(one({"rule": rules}, {"rule": changed}))
    assert (found.path, found.lines) == ("rule[1].cidr", ('- "10.0.0.0/8"', '+ "10.0.0.0/16"'))


def test_a_removed_block_is_seen_as_such() -> None:
    rules = [{"port": 22, "cidr": "a"}, {"port": 80, "cidr": "b"}]
    (found,) = attributes(one({"rule": rules}, {"rule": rules[:1]}))
    assert (found.kind, found.path, found.block) == ("removed", "rule[1]", True)
    assert found.lines == ('- cidr = "b"', "- port = 80")
    nothing: tuple[dict[str, Any], ...] = ({"rule": []}, {"rule": None}, {})
    for after in nothing:
        found = only({"rule": rules[:1]}, after)
        assert (found.kind, found.path, found.block) == ("removed", "rule[0]", True)
    (found,) = attributes(one({"rule": rules[:1]}, {"rule": rules}))
    assert (found.kind, found.path, found.block) == ("added", "rule[1]", True)


def test_an_object_that_goes_is_a_block_and_a_map_is_none() -> None:
    assert only({"policy": {"day": "any", "hour": 4}}, {"policy": None}).block
    assert not only({"tags": {"team": "a"}}, {"tags": None}).block


def test_a_block_of_its_own_name_is_the_same_however_it_changes() -> None:
    before = [{"name": "a", "x": 1, "y": 1, "z": 1}, {"name": "b", "x": 2, "y": 2, "z": 2}]
    after = [{"name": "b", "x": 3, "y": 3, "z": 3}, {"name": "a", "x": 4, "y": 4, "z": 4}]
    found = attributes(one({"p": before}, {"p": after}))
    assert not any(item.block for item in found)
    assert ("p[0].x", "2", "3") in [(item.path, item.before, item.after) for item in found]


def test_another_order_is_a_change() -> None:
    rules = [{"a": 1}, {"a": 2}, {"a": 3}]
    found = only({"r": rules}, {"r": [rules[1], rules[0], rules[2]]})
    assert (found.kind, found.path, found.block) == ("changed", "r", False)


def test_none_and_empty_are_the_same() -> None:
    assert told({"a": None, "b": [], "c": {}, "d": None}, {"a": [], "b": None, "c": None}) == []
    assert told({"a": ""}, {"a": None}) == [("removed", "a", '""', "(none)")]


def test_what_is_hidden_or_unknown_is_told_so() -> None:
    marks = {"before_sensitive": {"p": True, "q": True}, "after_sensitive": {"p": True, "q": True}}
    found = told({"p": "one", "q": "same", "id": "x"}, {"p": "two", "q": "same"}, **marks, after_unknown={"id": True})
    assert found == [
        ("changed", "id", '"x"', "(known after apply)"),
        ("changed", "p", "(sensitive)", "(sensitive)"),
    ]


def test_what_forces_a_replacement_comes_first() -> None:
    values = {"before": {"a": 1, "z": {"y": 1}}, "after": {"a": 2, "z": {"y": 2}}, "replace_paths": [["z"]]}
    (found,) = planned(change("x_thing.a", "delete", "create", **values)).resources
    assert [(a.path, a.forces_replacement) for a in attributes(found)] == [("z.y", True), ("a", False)]


def test_long_values_are_cut_to_where_they_differ() -> None:
    found = only({"a": "x" * 5000 + "1"}, {"a": "x" * 5000 + "2"})
    assert found.before.endswith('x1"')
    assert found.after.endswith('x2"')
    assert max(len(found.before), len(found.after)) < 120
    assert "5,002 characters" in only(None, {"a": "x" * 5000}).after


def test_types_are_told_apart() -> None:
    assert told({"a": 1}, {"a": "1"}) == [("changed", "a", "1", '"1"')]
    assert told({"a": True}, {"a": 1}) == [("changed", "a", "true", "1")]
    assert told({"a": [1, {"b": 1}]}, {"a": "x"})[0][0] == "changed"


lines = st.lists(st.sampled_from("abcdef"), max_size=30)


@given(lines, lines)
def test_a_diff_by_line_has_both_texts_in_it(before: list[str], after: list[str]) -> None:
    pairs = sequence.common(before, after)
    assert all(before[b] == after[a] for b, a in pairs)
    assert all(x < y for one_side in zip(*pairs, strict=True) for x, y in pairwise(one_side))
    shown = sequence.lines(before, after)
    for sign, side in (("-", before), ("+", after)):
        assert sum(line[0] == sign for line in shown) == len(side) - len(pairs)


@pytest.mark.parametrize("size", [5_000])
def test_long_lists_of_blocks_are_compared_too(size: int) -> None:
    before = [{"port": n, "cidr": f"10.0.{n % 250}.0/24", "protocol": "tcp"} for n in range(size)]
    after = [{**rule, "protocol": "udp"} for rule in before]
    found = attributes(one({"rule": before}, {"rule": after}))
    assert len(found) == size
    assert not any(item.block for item in found)
