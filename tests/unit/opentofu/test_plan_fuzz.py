"""The reader of plans against what is no plan, or no longer one: it reads it or says PlanUnreadable, nothing else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.opentofu import canonical, diff, guard, text
from automation.opentofu.plan import Plan, PlanUnreadable, parse, read

from .plans import change, document, fixture

FIXTURES = tuple(fixture(name) for name in ("create", "change", "destroy", "by-hand"))
CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large)
CANARY = "glpat-canary0123456789abcd"

nonsense = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["\ud800", "\x00", "1.2", "9" * 400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def use(plan: Plan) -> None:
    """Do all that is done with a plan."""
    findings = guard.judge(plan, ("terraform_data",), ("x",))
    text.render(plan, findings).encode()
    for each in plan.resources:
        diff.attributes(each)
    kept = json.loads(json.dumps(canonical.document(plan)))
    again = canonical.from_document(kept)
    assert canonical.digest(again) == canonical.digest(plan)
    assert canonical.differences(plan, again) == () or "NaN" in json.dumps(kept)


def read_or_refuse(raw: Any) -> None:
    try:
        plan = parse(raw)
    except PlanUnreadable as caught:
        error = caught
    else:
        use(plan)
        return
    assert CANARY not in f"{error.message} {error.hint}"


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


PLACES = tuple([place for place in places(raw) if place and place[0] != "configuration"] for raw in FIXTURES)


@settings(deadline=None, suppress_health_check=CHECKS)
@given(st.data())
def test_a_mutated_plan(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(FIXTURES) - 1))
    raw = copy.deepcopy(FIXTURES[number])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(PLACES[number]))
        holder = raw
        try:
            for key in place[:-1]:
                holder = holder[key]
            if data.draw(st.booleans()):
                del holder[place[-1]]
            else:
                holder[place[-1]] = data.draw(nonsense | st.just(CANARY))
        except (KeyError, IndexError, TypeError):
            continue  # an earlier mutation took the place away
    read_or_refuse(raw)


@settings(deadline=None, suppress_health_check=CHECKS)
@given(nonsense | st.dictionaries(st.sampled_from(sorted(FIXTURES[1])), nonsense))
def test_nonsense(raw: Any) -> None:
    read_or_refuse(raw)
    if isinstance(raw, dict):
        read_or_refuse({**raw, "format_version": "1.2", "planned_values": {}})


@settings(deadline=None, suppress_health_check=CHECKS)
@given(nonsense, nonsense, nonsense, nonsense, nonsense)
def test_nonsense_in_a_change(before: Any, after: Any, sensitive: Any, unknown: Any, other: Any) -> None:
    marks = {"before_sensitive": sensitive, "after_sensitive": other, "after_unknown": unknown}
    read_or_refuse(document(change("x_thing.a", "update", before=before, after=after, **marks)))
    read_or_refuse(
        {**document(), "output_changes": {"a": {"actions": ["update"], "before": before, "after": after, **marks}}}
    )


@settings(deadline=None)
@given(st.binary(max_size=50) | st.text(max_size=50))
def test_bytes(raw: bytes | str) -> None:
    with pytest.raises(PlanUnreadable) as caught:
        read(raw)
    assert caught.value.hint


@settings(deadline=None)
@given(st.data())
def test_a_plan_cut_short(data: st.DataObject) -> None:
    raw = json.dumps(FIXTURES[3])
    with pytest.raises(PlanUnreadable):
        read(raw[: data.draw(st.integers(0, len(raw) - 1))])


@pytest.mark.parametrize("depth", [50, 190, 250, 900, 50_000])
@pytest.mark.parametrize("kind", ["list", "object"])
@pytest.mark.parametrize("key", ["after", "after_sensitive", "after_unknown"])
def test_deep_nesting(depth: int, kind: str, key: str) -> None:
    value: Any = True
    for _ in range(depth):
        value = [value] if kind == "list" else {"a": value}
    read_or_refuse(
        document(change("x_thing.a", "update", before={"a": 1}, **{"after": {"a": None}, key: {"a": value}}))
    )


def test_deep_nesting_in_text() -> None:
    raw = json.dumps(document(change("x_thing.a", "create", after={"a": "DEEP"})))
    for deep in ("[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000):
        with pytest.raises(PlanUnreadable):
            read(raw.replace('"DEEP"', deep))
        use(read(raw.replace("DEEP", json.dumps(deep)[1:-1])))  # as a string it is a string like any other


def test_modules_in_modules() -> None:
    module: dict[str, Any] = {}
    for _ in range(5_000):
        module = {"child_modules": [module]}
    use(parse({**document(), "planned_values": {"root_module": module}}))


def test_huge_strings() -> None:
    huge = "word " * 200_000
    use(
        parse(
            document(
                change("x_thing.a", "update", before={"a": huge + "\n1"}, after={"a": huge + "\n2", "b": "x" * 10**6})
            )
        )
    )


@pytest.mark.parametrize("number", ["9" * 5_000, "1e999", "-0.0", "1" + "0" * 400, "NaN", "Infinity"])
def test_odd_numbers(number: str) -> None:
    raw = json.dumps(document(change("x_thing.a", "create", after={"a": "ODD"}))).replace('"ODD"', number)
    try:
        use(read(raw))
    except PlanUnreadable:
        assert number in {"9" * 5_000, "NaN", "Infinity"}


def test_keys_that_are_no_strings() -> None:
    with pytest.raises(PlanUnreadable):
        parse(document(change("x_thing.a", "create", after={1: 2})))
    with pytest.raises(PlanUnreadable):
        parse(document(change("x_thing.a", "create", after={"a": {1, 2}})))
