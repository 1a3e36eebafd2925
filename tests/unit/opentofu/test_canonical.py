from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from automation.opentofu.canonical import differences, digest, document, from_document
from automation.opentofu.plan import Plan, PlanUnreadable, parse
from automation.opentofu.redact import Redactor

from .plans import change, fixture, planned

KEY = b"k" * 32
NAMES = ("create", "change", "destroy", "by-hand")


def plan(*changes: dict[str, Any], key: bytes = KEY, **more: Any) -> Plan:
    return planned(*changes, redactor=Redactor(key), **more)


def updated(**more: Any) -> dict[str, Any]:
    values = {"before": {"id": "1", "a": 1, "noise": "x"}, "after": {"id": "1", "a": 2, "noise": "x"}}
    return change("x_thing.a", **{**values, **more})


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_plan_is_the_same_plan(name: str) -> None:
    read = parse(fixture(name))
    kept = json.dumps(document(read))
    assert from_document(json.loads(kept)) == read
    assert "canary" not in kept


def test_keys_that_look_like_ours_are_kept() -> None:
    odd = {"$hidden": "x", "$unknown": True, "$map": [1], "a": {"$x": 1}}
    read = plan(change("x_thing.a", "create", after=odd))
    assert from_document(json.loads(json.dumps(document(read)))) == read


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_difference(name: str) -> None:
    raw = fixture(name)
    other = copy.deepcopy(raw)
    other["resource_changes"].reverse()
    other["timestamp"] = "2030-01-01T00:00:00Z"
    other["terraform_version"] = "1.99.0"
    other.pop("resource_drift", None)
    one, two = parse(raw, Redactor(KEY)), parse(other, Redactor(KEY))
    assert digest(one) == digest(two)
    assert differences(one, two) == ()


def test_noise_in_what_the_plan_does_not_touch() -> None:
    one = updated()
    two = updated(before={"id": "1", "a": 1, "noise": "y"}, after={"id": "1", "a": 2, "noise": "y"})
    assert digest(plan(one)) == digest(plan(two))
    unknown = {"after": {"id": "1", "a": 2}, "after_unknown": {"noise": True}}
    one, two = updated(**unknown), updated(**unknown, before={"id": "1", "a": 1, "noise": "y"})
    assert digest(plan(one)) == digest(plan(two))


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (updated(after={"id": "1", "a": 3, "noise": "x"}), "a"),
        (updated(before={"id": "1", "a": 0, "noise": "x"}), "a"),
        (updated(after={"id": "1", "a": 2, "noise": "z"}), "noise"),
        (updated(before={"id": "2", "a": 1, "noise": "x"}, after={"id": "2", "a": 2, "noise": "x"}), "the object's id"),
        (updated(previous_address="x_thing.b"), "where it was"),
        (updated(importing={"id": "i"}), "what it imports"),
        ({**updated(), "provider_name": "another/one"}, "its provider"),
        (change("x_thing.a", "delete", before={"id": "1"}), "its action"),
        (change("x_thing.a", "delete", "create", before={"id": "1", "a": 1}, after={"id": "1", "a": 2}), "its action"),
    ],
)
def test_what_is_a_difference(other: dict[str, Any], what: str) -> None:
    one, two = plan(updated()), plan(other)
    assert digest(one) != digest(two)
    assert what in {item.what for item in differences(one, two)}


def test_a_change_that_comes_or_goes() -> None:
    one, two = plan(updated()), plan(updated(), change("x_thing.new", "create", after={"a": 1}))
    (found,) = differences(one, two)
    assert (found.address, found.planned, found.now) == ("x_thing.new", "(no change)", "create")
    (found,) = differences(two, one)
    assert (found.planned, found.now) == ("create", "(no change)")


def test_the_order_of_a_replacement_is_a_difference() -> None:
    values = {"before": {"id": "1"}, "after": {}}
    one = plan(change("x_thing.a", "delete", "create", **values))
    two = plan(change("x_thing.a", "create", "delete", **values))
    (found,) = differences(one, two)
    assert (found.planned, found.now) == ("delete, then create", "create, then delete")


def test_two_objects_at_one_address() -> None:
    one = plan(updated(), change("x_thing.a", "delete", before={"id": "old"}, deposed="1a2b3c4d"))
    assert differences(one, one) == ()
    (found,) = differences(one, plan(updated()))
    assert "1a2b3c4d" in found.address


def test_a_secret_that_changes_is_a_difference_that_is_not_shown() -> None:
    def with_secret(value: str, key: bytes = KEY) -> Plan:
        return plan(updated(after={"id": "1", "a": value, "noise": "x"}, after_sensitive={"a": True}), key=key)

    one, two = with_secret("canary-1"), with_secret("canary-2")
    assert digest(one) == digest(with_secret("canary-1"))
    assert digest(one) != digest(two)
    (found,) = differences(one, two)
    assert found.planned != found.now
    assert "canary" not in str(found)
    inside = [plan(updated(after={"id": "1", "a": f"password={v}", "noise": "x"})) for v in ("canary-1", "canary-2")]
    assert digest(inside[0]) != digest(inside[1])


def test_outputs_count() -> None:
    def with_output(value: str) -> Plan:
        return plan(output_changes={"o": {"actions": ["update"], "before": "x", "after": value}})

    (found,) = differences(with_output("y"), with_output("z"))
    assert (found.address, found.planned, found.now) == ("output.o", '"x" -> "y"', '"x" -> "z"')
    assert digest(with_output("y")) != digest(with_output("z"))


def test_reads_are_no_difference() -> None:
    assert digest(plan(updated())) == digest(plan(updated(), change("data.x_thing.a", "read", mode="data")))


def test_equal_digests_and_no_differences_go_together() -> None:
    plans = [parse(fixture(name), Redactor(KEY)) for name in NAMES]
    for one in plans:
        for two in plans:
            assert (digest(one) == digest(two)) == (differences(one, two) == ())


@pytest.mark.parametrize(
    "raw", [{}, [], {"kind": "dogitops plan", "version": 2}, {"kind": "dogitops plan", "version": 1}, None]
)
def test_anything_else_is_refused(raw: Any) -> None:
    with pytest.raises(PlanUnreadable):
        from_document(raw)
