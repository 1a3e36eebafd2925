from __future__ import annotations

import pytest

from automation.opentofu.plan import Action, PlanUnreadable, parse, read

from .plans import change, document, planned


def test_no_changes_is_empty() -> None:
    plan = planned(change("x_thing.a", "no-op", before={"a": 1}, after={"a": 1}))
    assert plan.empty
    assert plan.counts() == {}


def test_destroying_changes_come_first() -> None:
    plan = planned(
        change("x_thing.created", "create", after={"a": 1}),
        change("x_thing.changed", "update", before={"a": 1}, after={"a": 2}),
        change("x_thing.replaced", "delete", "create", before={"a": 1}, after={"a": 2}, replace_paths=[["a"]]),
        change("x_thing.gone", "delete", before={"a": 1}),
        change("x_thing.left", "forget", before={"a": 1}),
        change("x_thing.to", "no-op", previous_address="x_thing.from"),
        change("x_thing.found", "no-op", importing={"id": "i-1"}),
        change("x_thing.read", "read", mode="data"),
    )
    assert plan.counts() == {
        "add": 1, "change": 1, "replace": 1, "destroy": 1, "forget": 1, "move": 1, "import": 1, "read": 1
    }  # fmt: skip
    assert [c.name for c in plan.resources] == [
        "gone", "replaced", "left", "changed", "created", "to", "found", "read"
    ]  # fmt: skip
    assert [c.name for c in plan.destroys] == ["gone", "replaced"]


@pytest.mark.parametrize(
    ("actions", "create_first", "abandons"),
    [(("delete", "create"), False, False), (("create", "delete"), True, False), (("forget", "create"), False, True)],
)
def test_replacing_says_in_which_order(actions: tuple[str, ...], create_first: bool, abandons: bool) -> None:
    (found,) = planned(change("x_thing.a", *actions, before={}, after={})).resources
    assert (found.action, found.create_first, found.abandons) == (Action.REPLACE, create_first, abandons)
    assert found.destroys is not abandons


def test_a_plan_of_another_format_is_refused_by_name() -> None:
    with pytest.raises(PlanUnreadable, match=r"written in format 2\.0 by version 2\.1\.0") as caught:
        parse({**document(), "format_version": "2.0", "terraform_version": "2.1.0"})
    assert "tofu" in (caught.value.hint or "")


def test_a_later_minor_format_is_read() -> None:
    assert parse({**document(), "format_version": "1.9", "new_thing": {}}).format_version == "1.9"


def test_a_state_is_no_plan() -> None:
    with pytest.raises(PlanUnreadable, match="a state, not a plan"):
        parse({"format_version": "1.0", "terraform_version": "1.12.6", "values": {"root_module": {}}})


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff\xfe", b"[]", b'"a"', b"{}", b'{"format_version": NaN}', b"[" * 100_000]
)
def test_what_is_no_plan_is_refused(raw: bytes) -> None:
    with pytest.raises(PlanUnreadable):
        read(raw)
