"""What a plan's comment says, that it fits, and that nothing in a plan forges, pings or hides."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation import markdown
from automation.opentofu import comment, cost
from automation.opentofu.guard import Finding
from automation.opentofu.plan import Plan, parse
from automation.opentofu.policy import PolicyResult
from automation.opentofu.redact import Redactor
from automation.secret import Secret
from tests.unit import github_view
from tests.unit.nasty import NASTY, texts
from tests.unit.opentofu.told import LIMIT, ROOT, RUN, SHA, actions, examples, facts, thing

from .plans import document, fixture, planned
from .test_canaries import FORMS, KNOWN, LINES, documents


def shown(plan: Plan, limit: int = LIMIT, **more: Any) -> str:
    text = comment.plan_comment(plan, facts(plan, **more), limit)
    assert len(text) <= limit
    assert github_view.problems(text) == []
    return text


# What a reviewer sees


def test_an_ordinary_plan() -> None:
    text = shown(parse(examples().small()))
    assert github_view.headings(text) == [
        "⛔ `production` — refused", "🟥 Destroyed (1)", "🟧 Replaced (1)", "🟨 Changed in place (2)", "🟩 Added (1)",
        "🟦 Moved and imported (1)", "Outputs (2)", "🌊 Changed outside of OpenTofu (1)", "💰 Monthly cost",
    ]  # fmt: skip
    assert "/dogitops acknowledge production 0123456789ab\n" in text
    assert '- image = "debian-12-x64"\n+ image = "debian-13-x64"  # forces replacement' in text
    assert "canary" not in text
    assert "expires 2026-12-01 09:30 UTC" in text
    assert text.index("digitalocean_volume.reports") < text.index("Changed in place")


def test_the_examples_in_the_documentation_are_what_is_made_today() -> None:
    made = examples()
    for file, text in made.texts().items():
        assert (ROOT / "docs" / "examples" / file).read_text() == text, "run docs/examples/make.py"


def test_no_changes() -> None:
    text = shown(planned(planned_values={}))
    assert text.startswith("## ✅ `production` — no changes")
    assert "Merging changes nothing here." in text


def test_what_destroys_nothing_says_so_and_what_merging_does() -> None:
    text = shown(planned(thing("terraform_data.a", "create", after={"input": "x"})))
    assert text.startswith("## ✅ `production` — nothing is destroyed\n\n🟩 **1** to add")
    assert "Merging applies exactly this plan." in text


def test_destroying_what_is_not_protected_is_a_warning() -> None:
    text = shown(planned(thing("terraform_data.a", "delete", before={"input": "x"})))
    assert text.startswith("## ⚠️ `production` — destroys 1 object")
    assert "Merging applies exactly this plan." in text


def test_an_acknowledged_plan_says_who_and_does_not_ping() -> None:
    plan = planned(thing("digitalocean_droplet.a", "delete", before={"name": "x"}))
    text = shown(plan, acknowledged_by="ada")
    assert "**ada** acknowledged for exactly this plan" in text
    assert "/dogitops acknowledge" not in text
    assert "Merging applies exactly this plan." in text


def test_outputs_alone_are_a_change() -> None:
    text = shown(planned(output_changes={"url": {"actions": ["create"], "before": None, "after": "x"}}))
    assert "**1 output** to change" in text
    assert '+ url = "x"' in text


def test_a_failed_and_an_incomplete_plan_say_so() -> None:
    assert shown(planned(thing("terraform_data.a", "create", after={}), errored=True)).startswith(
        "## ⛔ `production` — the plan failed"
    )
    assert "another plan is needed" in shown(planned(thing("terraform_data.a", "create", after={}), complete=False))


def test_a_forgotten_a_moved_and_an_imported_resource() -> None:
    text = shown(
        planned(
            thing("terraform_data.f", "forget", before={"input": 1}),
            thing("terraform_data.m", "no-op", before={}, after={}, previous_address="terraform_data.old"),
            thing("terraform_data.i", "no-op", before={}, after={}, importing={"id": "i-1"}),
        )
    )
    assert "⬜ **1** to forget · 🟦 **1** to move · 🟦 **1** to import" in text
    assert "! terraform_data.f" in text
    assert "terraform_data.old → terraform_data.m" in text
    assert "terraform_data.i  # id i-1" in text


def test_a_deposed_object_and_the_order_of_a_replacement() -> None:
    text = shown(
        planned(
            thing("terraform_data.a", "delete", before={"input": 1}, deposed="0a1b2c3d"),
            thing("terraform_data.b", "create", "delete", before={"a": 1}, after={"a": 2}, replace_paths=[["a"]]),
        )
    )
    assert "terraform_data.a (deposed object 0a1b2c3d)" in github_view.fences(text)
    assert "forced by a; created first" in text


def test_a_block_that_is_taken_out_is_told_at_the_top() -> None:
    pool = {"name": "p", "taint": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}
    plan = planned(thing("digitalocean_kubernetes_node_pool.p", "update", before=pool, after={**pool, "taint": []}))
    text = shown(plan)
    assert text.startswith("## ⛔ `production` — refused")
    assert "without taint[0] @@\n- digitalocean_kubernetes_node_pool.p" in text
    assert text.index("Blocks taken out") < text.index("Changed in place")


def test_resources_that_change_alike_are_told_together() -> None:
    plan = planned(
        *(thing(f'terraform_data.a["k{n}"]', "update", before={"ttl": 1}, after={"ttl": 2}) for n in range(500))
    )
    text = shown(plan)
    assert text.count("- ttl = 1\n+ ttl = 2") == 1
    assert "and 499 more alike" in text
    assert "The same change in 500 resources" in text


def test_what_is_known_after_the_apply_stands_in_one_line() -> None:
    plan = planned(thing("x_y.a", "create", after={"name": "n"}, after_unknown={"id": True, "urn": True}))
    assert '+ name = "n"\n# known after apply: id, urn\n' in shown(plan)


def test_a_change_of_a_secret_is_told_without_it() -> None:
    marks = {"before_sensitive": {"key": True}, "after_sensitive": {"key": True}}
    text = shown(planned(thing("x_y.a", "update", before={"key": "one-c4nary"}, after={"key": "two-c4nary"}, **marks)))
    assert "! key = (sensitive) changes" in text
    assert "c4nary" not in text


def test_policies_and_checks() -> None:
    broken = PolicyResult("ha_is_set", "failure", "Set ha.", "x_y.a", "opentofu/environments/a/main.tf", 7)
    warned = PolicyResult("tags", "warning", "No owner.", None, None, None, "until we move")
    failed = {"address": {"to_display": "check.dns"}, "status": "fail"}
    checks = [{**failed, "instances": [{**failed, "problems": [{"message": "no answer"}]}]}]
    text = shown(planned(thing("x_y.a", "create", after={}), checks=checks), policy=(warned, broken))
    assert text.startswith("## ⛔ `production` — refused")
    assert f"(https://github.com/acme/platform/blob/{SHA}/opentofu/environments/a/main.tf#L7)" in text
    assert text.index("Broken policies (1)") < text.index("Added") < text.index("Warnings of policies (1)")
    assert "*Waived: until we move*" in text
    assert "❌ `check.dns` no answer" in text
    assert "Merging applies nothing" in text


def test_a_file_name_makes_no_link_that_leads_elsewhere() -> None:
    for file in ("../../evil", "x)(http://evil", "a b"):
        text = shown(
            planned(thing("x_y.a", "create", after={})), policy=(PolicyResult("r", "warning", "m", None, file, 1),)
        )
        assert "/blob/" not in text


def test_everything_that_opentofu_printed_has_a_comment() -> None:
    for name in ("create", "change", "destroy", "by-hand"):
        plan = parse(fixture(name))
        text = shown(plan)
        seen = github_view.fences(text)
        assert all(one.address in seen for one in plan.resources if one.action.value in {"delete", "replace"})


# Size


def test_ten_thousand_changes_fit_and_nothing_that_is_lost_is_left_out() -> None:
    plan = parse(examples().large())
    text = shown(plan)
    seen = github_view.fences(text)
    assert len(text) > 60_000
    assert all(one.address in seen for one in plan.destroys)
    assert "This plan is larger than a comment. Left out:" in text
    assert RUN in text


def test_names_of_very_many_destroyed_ones_take_what_room_there_is() -> None:
    addresses = [f'terraform_data.x["{n:05d}-{"a" * 12}"]' for n in range(1_400)]
    seen = github_view.fences(shown(planned(*(thing(one, "delete", before={"input": 1}) for one in addresses))))
    assert all(one in seen for one in addresses)


def test_instances_are_named_together_when_alone_they_do_not_fit() -> None:
    plan = planned(*(thing(f"module.a.terraform_data.thing[{n}]", "delete", before={"input": 1}) for n in range(4_000)))
    text = shown(plan)
    assert "- module.a.terraform_data.thing[0-3999]\n" in text
    assert "more than a comment can name" not in text


def test_names_of_what_is_only_forgotten_give_way_first() -> None:
    gone = [f'terraform_data.x["{n}-{"a" * 20}"]' for n in range(1_000)]
    left = [f'terraform_data.y["{n}-{"a" * 20}"]' for n in range(1_000)]
    plan = planned(
        *(thing(one, "delete", before={}) for one in gone), *(thing(one, "forget", before={}) for one in left)
    )
    text = shown(plan)
    fences = github_view.fences(text)
    assert all(one in fences for one in gone)
    assert "1,000 resources (forgotten): more than a comment can name" in text


def test_when_not_even_the_names_fit_it_says_so_loudly_and_counts() -> None:
    plan = planned(
        *(
            thing(
                f'module.m["{n}"].terraform_data.thing_{n}_{"x" * 60}',
                "delete",
                before={},
                type="terraform_data",
                module_address=f'module.m["{n}"]',
            )
            for n in range(2_000)
        )
    )
    text = shown(plan)
    assert "**2,000 resources (destroyed): more than a comment can name. Below they are counted.**" in text
    assert "2,000 \u00d7 terraform_data in module.m[*]" in text
    assert "by name:" in text
    assert len(text) > LIMIT * 0.9


@pytest.mark.parametrize("limit", [12_000, 20_000, 40_000])
def test_a_lower_limit_is_kept_too(limit: int) -> None:
    shown(parse(examples().large(2_000)), limit)


def test_a_huge_value_does_not_push_anything_out() -> None:
    big = {
        "data": "x" * 300_000,
        "lines": "\n".join(f"line {n}" for n in range(20_000)),
        "list": [str(n) for n in range(9_000)],
    }
    text = shown(planned(thing("x_y.a", "create", after=big), thing("x_y.b", "delete", before=big)))
    assert "x_y.a" in text
    assert "x_y.b" in text


values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


attributes = st.dictionaries(texts | st.sampled_from(["name", "size", "rule"]), values, max_size=4)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """Plans of up to some thousand changes, whose every text may be nasty."""
    changes: list[dict[str, Any]] = []
    for group in range(draw(st.integers(0, 4))):
        many = draw(st.sampled_from([1, 1, 2, 3, 30, 700]))
        kind = draw(st.sampled_from(["terraform_data", "digitalocean_droplet", "digitalocean_volume", "x_y"]))
        before, after = draw(attributes), draw(attributes)
        key, made = draw(texts), draw(actions)
        for n in range(many):
            address = f"module.g{group}.{kind}.a[{json.dumps(key + str(n))}]"
            changes.append(
                thing(
                    address, *made, before=before, after=after, type=kind, module_address=f"module.g{group}",
                    replace_paths=[[k] for k in list(before)[:2]], action_reason=draw(texts) if n == 0 else None,
                    previous_address=draw(texts) if made == ["no-op"] and n == 0 else None,
                )
            )  # fmt: skip
    outputs = {
        name: {"actions": ["update"], "before": draw(values), "after": draw(values)}
        for name in draw(st.sets(texts, max_size=3))
    }
    return document(*changes, output_changes=outputs, resource_drift=changes[:2])


results = st.builds(
    PolicyResult,
    texts, st.sampled_from(["failure", "warning"]), texts, texts, texts, st.integers(1, 99), st.none() | texts,
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    plans(),
    st.sampled_from([12_000, 30_000, LIMIT]),
    st.lists(results, max_size=3),
    st.lists(texts, max_size=2),
)
def test_any_plan_fits_and_can_neither_forge_nor_ping(
    raw: dict[str, Any], limit: int, policy: list[PolicyResult], notes: list[str]
) -> None:
    plan = parse(raw)
    text = shown(plan, limit, policy=tuple(policy), notes=tuple(notes))
    ours = ("⛔", "⚠️", "✅", "🟥", "🟧", "🟨", "🟩", "🟦", "⬜", "📏", "🌊", "💰", "Outputs", "Checks", "Read during")
    assert all(heading.startswith(ours) for heading in github_view.headings(text))
    lost = [markdown.plain(one.address) for one in plan.resources if one.destroys]
    if sum(len(one) + 3 for one in lost) <= limit - 9_500:
        seen = github_view.fences(text).replace("<!\\--", "<!--")
        missing = [one for one in lost if one not in seen]
        assert not missing, (len(lost), sum(map(len, lost)), limit, missing[:2])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents())
def test_no_canary_shows_in_a_comment(raw: dict[str, Any]) -> None:
    plan = parse(raw, Redactor(b"k" * 32, [Secret(KNOWN), Secret(LINES)]))
    text = shown(plan)
    for form in FORMS:
        assert form not in text


BLOCK = Finding("x_y.b", "removes block", "the nested block rule[0] would be removed: {}")


def test_a_few_findings_are_named_and_blocks_first() -> None:
    plan = planned(thing("x_y.a", "delete", before={}), thing("x_y.b", "update", before={"a": 1}, after={"a": 2}))
    caution = shown(plan, findings=(Finding("x_y.a", "destroy", "gone"), BLOCK)).split("### ")[0]
    assert "**Refused: 1 protected resource and 1 block of a protected resource would be lost.**" in caution
    assert caution.index("`x_y.b` — the nested block rule") < caution.index("`x_y.a` — destroyed")


def test_many_findings_are_counted_by_kind() -> None:
    addresses = [f'module.m["a.b"].x_y.a["k{n}"]' for n in range(30)]
    findings = tuple(Finding(one, "destroy", "gone") for one in addresses)
    plan = planned(
        *(thing(one, "delete", before={}, type="x_y") for one in addresses),
        thing("x_y.b", "update", before={"a": 1}, after={"a": 2}),
    )
    text = shown(plan, findings=(*findings, BLOCK))
    assert "> - **1** \u00d7 `x_y` — a block is taken out\n> - **30** \u00d7 `x_y` — destroyed\n" in text
    assert all(one in text for one in addresses)


def test_prices_are_told_with_their_date() -> None:
    plan = planned(thing("digitalocean_droplet.a", "create", after={"size": "s-2vcpu-4gb"}))
    text = shown(plan)
    assert "💰 **+$24.00** a month" in text
    assert f"list prices of {cost.difference(plan).as_of:%Y-%m-%d}" in text
    assert cost.difference(plan).as_of > date(2026, 1, 1)


@pytest.mark.parametrize("nasty", NASTY)
def test_an_address_can_not_forge(nasty: str) -> None:
    address = f"digitalocean_volume.a[{json.dumps(nasty)}]"
    text = shown(planned(thing(address, "delete", before={"size": 1}, type="digitalocean_volume")))
    assert github_view.headings(text)[0] == "⛔ `production` — refused"
