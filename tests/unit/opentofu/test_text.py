from __future__ import annotations

import pytest

from automation.opentofu.guard import judge
from automation.opentofu.plan import parse
from automation.opentofu.text import render

from .plans import change, fixture, planned


def test_no_changes_says_so() -> None:
    assert render(planned()) == "No changes: what is there matches the description."


def test_a_plan_as_people_read_it() -> None:
    text = render(
        planned(
            change(
                "x_thing.new",
                "create",
                after={"a": 1, "s": "x"},
                after_unknown={"id": True},
                after_sensitive={"s": True},
            ),
            change("x_thing.old", "delete", before={"a": 1}, action_reason="delete_because_no_resource_config"),
            change("x_thing.b", "delete", "create", before={"a": 1}, after={"a": 2}, replace_paths=[["a"]]),
            change("x_thing.to", "no-op", previous_address="x_thing.from"),
            output_changes={"url": {"actions": ["update"], "before": "a", "after": "b"}},
        )
    )
    assert text.splitlines() == [
        "Plan: 1 to add, 1 to replace, 1 to destroy, 1 to move",
        "",
        "  - x_thing.old  (it is no longer in the configuration)",
        "      - a = 1",
        "  ± x_thing.b",
        "      ~ a: 1 -> 2  # forces replacement",
        "  + x_thing.new",
        "      + a = 1",
        "      + s = (sensitive)",
        "      known after apply: id",
        "  = x_thing.to  (moved from x_thing.from)",
        "",
        "Outputs:",
        '  ~ url: "a" -> "b"',
    ]


@pytest.mark.parametrize("name", ["create", "change", "destroy", "by-hand"])
def test_real_plans(name: str) -> None:
    plan = parse(fixture(name))
    findings = judge(plan, ("terraform_data",))
    text = render(plan, findings)
    assert "canary" not in text
    for address in [each.address for each in (*plan.resources, *plan.drift)]:
        assert address in text
    for finding in findings:
        assert finding.detail in text
    assert ("Checks that do not pass" in text) == (name in {"change", "by-hand"})
    assert ("Changed outside of OpenTofu" in text) == (name == "by-hand")
    assert sum(len(line) <= 80 for line in text.splitlines()) > 0.9 * len(text.splitlines())


def test_a_terminal_is_not_steered() -> None:
    text = render(
        planned(change('x_thing.a["\x1b[2J"]', "create", after={"a": "\x1b]0;x\x07", "b": "l\n\x9b1m", "\x1b": 1}))
    )
    assert text.replace("\n", "").isprintable()


def test_drift_alone_is_told() -> None:
    text = render(planned(resource_drift=[change("x_thing.d", before={"a": 1}, after={"a": 2})]))
    assert "Plan: no changes" in text
    assert "a: 1 -> 2" in text
