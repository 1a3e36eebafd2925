from __future__ import annotations

from typing import Any

from automation.opentofu.plan import parse, render


def change(address: str = "terraform_data.a", actions: tuple[str, ...] = ("update",), **more: Any) -> dict[str, Any]:
    inner = {"actions": list(actions), "before": None, "after": None, **more}
    return {"address": address, "type": address.split(".", maxsplit=1)[0], "change": inner}


def test_no_changes_says_so() -> None:
    plan = parse({"resource_changes": [change(actions=("no-op",))]})
    assert plan.empty
    assert "No changes" in render(plan)


def test_counts_and_order_put_destruction_first() -> None:
    plan = parse(
        {
            "resource_changes": [
                change("x.created", ("create",), after={"a": 1}),
                change("x.changed", ("update",), before={"a": 1}, after={"a": 2}),
                change("x.replaced", ("delete", "create"), before={"a": 1}, after={"a": 2}, replace_paths=[["a"]]),
                change("x.gone", ("delete",), before={"a": 1}),
            ]
        }
    )
    assert plan.counts() == {"add": 1, "change": 1, "replace": 1, "destroy": 1}
    assert [c.address for c in plan.changes] == ["x.gone", "x.replaced", "x.changed", "x.created"]
    assert {c.address for c in plan.destroys} == {"x.gone", "x.replaced"}
    assert "a: 1 -> 2  # forces replacement" in render(plan)


def test_nested_values_are_told_by_path() -> None:
    before = {"tags": {"team": "a"}, "ports": [22, 80], "same": 1}
    after = {"tags": {"team": "b"}, "ports": [22, 443], "same": 1}
    (item,) = parse({"resource_changes": [change(before=before, after=after)]}).changes
    told = [(a.path, a.before, a.after) for a in item.attributes]
    assert told == [("ports[1]", "80", "443"), ("tags.team", '"a"', '"b"')]


def test_sensitive_values_never_show() -> None:
    secret = "canary-value-1234"
    plan = parse(
        {
            "resource_changes": [
                change(
                    before={"password": secret, "list": [secret, "b"], "map": {"k": secret}},
                    after={"password": secret + "2", "list": [secret + "3", "b"], "map": {"k": "new" + secret}},
                    before_sensitive={"password": True, "list": [True, False], "map": True},
                    after_sensitive={"password": True, "list": [True, False], "map": True},
                ),
                change("x.new", ("create",), after={"token": secret}, after_sensitive={"token": True}),
                change("x.all", ("delete",), before={"token": secret}, before_sensitive=True),
            ],
            "output_changes": {
                "key": {"actions": ["create"], "before": None, "after": secret, "after_sensitive": True}
            },
        }
    )
    text = render(plan)
    assert secret not in text
    assert "password: (sensitive) -> (sensitive)" in text
    assert "output.key" in text


def test_what_is_known_only_after_the_apply_says_so() -> None:
    plan = parse({"resource_changes": [change(actions=("create",), after={"n": 1}, after_unknown={"id": True})]})
    assert "id = (known after apply)" in render(plan)


def test_drift_and_moves_are_told() -> None:
    moved = change("x.new_name", ("no-op",))
    moved["previous_address"] = "x.old_name"
    plan = parse({"resource_changes": [moved], "resource_drift": [change("x.d", before={"a": 1}, after={"a": 2})]})
    text = render(plan)
    assert "moved from x.old_name" in text
    assert "Changed outside of OpenTofu" in text
    assert "a: 1 -> 2" in text
