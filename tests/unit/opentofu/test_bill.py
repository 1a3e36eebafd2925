"""The bill of an environment: what is there after a plan, what is beside it, and what must not exceed the budget."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from automation.errors import ConfigurationError, Refused
from automation.jobs.infrastructure import cost
from automation.opentofu import bill as bills
from automation.opentofu.bill import Beside, Budget, Costs, bill
from automation.prices import Amount

LOAD_BALANCER = Beside(what="the ingress", type="digitalocean_loadbalancer", values={"size_unit": 1})
SPACES = Beside(what="Spaces", type="digitalocean_spaces_bucket")


def change(kind: str, after: Any, *actions: str, unknown: Any = None, **more: Any) -> dict[str, Any]:
    found = {"actions": [*(actions or ("create",))], "before": None, "after": after, "after_unknown": unknown or {}}
    return {"address": f"{kind}.a", "mode": "managed", "type": kind, "change": found, **more}


def document(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"format_version": "1.2", "resource_changes": list(changes)}


DROPLET = change("digitalocean_droplet", {"size": "s-1vcpu-2gb"})
VOLUME = change("digitalocean_volume", {"size": 10})


def test_everything_that_is_there_afterwards_counts() -> None:
    found = bill(
        document(
            DROPLET,
            change("digitalocean_volume", {"size": 10}, "no-op"),
            change("digitalocean_volume", {"size": 20}, "update"),
            change("digitalocean_droplet", {"size": "c-4"}, "delete", "create"),
            change("digitalocean_droplet", None, "delete"),
            change("digitalocean_droplet", None, "forget"),
            change("digitalocean_droplet", {"size": "c-4"}, "delete", deposed="1a2b3c4d"),
            {**change("digitalocean_droplet", {"size": "c-4"}), "mode": "data"},
        )
    )
    assert found.total == Amount(99, 99)
    assert found.unpriced == ()


def test_what_is_beside_counts_and_all_buckets_once() -> None:
    found = bill(document(VOLUME, change("digitalocean_spaces_bucket", {"name": "b"})), (LOAD_BALANCER, SPACES))
    assert found.total == Amount(13, 18)
    assert [item.name for item in found.items] == [
        "digitalocean_volume.a",
        "digitalocean_spaces_bucket.a",
        "the ingress",
    ]


def test_what_is_free_is_not_on_the_bill() -> None:
    found = bill(
        document(
            change("digitalocean_vpc", {}),
            change("digitalocean_tag", {}),
            change("digitalocean_project_resources", {}),
            change("terraform_data", {}),
            change("random_password", {}),
        )
    )
    assert found.items == ()


def test_what_is_known_after_the_apply_only_is_not_guessed() -> None:
    later = bill(
        document(
            change("digitalocean_droplet", {}, unknown={"size": True}),
            change("digitalocean_volume_snapshot", {"name": "a"}, unknown={"size": True, "id": True}),
            change("digitalocean_app", {}),
        )
    )
    assert [one.why for one in later.unpriced] == [
        "its size is not known before the apply",
        "its size is not known before the apply",
        "there is no price for digitalocean_app",
    ]


def test_an_address_of_a_droplet_that_is_not_there_yet_is_assigned() -> None:
    found = bill(document(change("digitalocean_reserved_ip", {"region": "fra1"}, unknown={"droplet_id": True})))
    assert found.total == Amount(0, 0)


def test_a_load_balancer_that_says_no_type_is_a_regional_one() -> None:
    given = change("digitalocean_loadbalancer", {"region": "fra1", "size_unit": 2}, unknown={"type": True})
    assert bill(document(given)).total == Amount(24, 24)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("beside: [", "not valid YAML"),
        ("beside: [{what: a}]", "beside.0.type"),
        ("budget: {usd: -1, source: a}", "greater than 0"),
        ("bugdet: {usd: 1, source: a}", "bugdet"),
    ],
)
def test_a_file_of_costs_that_is_wrong_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "costs.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        bills.costs(tmp_path)


def test_an_environment_without_that_file_has_nothing_beside(tmp_path: Path) -> None:
    assert bills.costs(tmp_path) == Costs()


def budget(usd: float) -> Costs:
    return Costs(budget=Budget(usd=usd, source="the design"))


def test_a_budget_is_kept_or_not() -> None:
    found = bill(document(DROPLET, VOLUME), (SPACES,))
    cost.check("it", found, budget(18))
    with pytest.raises(Refused, match=r"The budget is \$17\.00 \(the design\): this is up to \$1\.00 above it"):
        cost.check("it", found, budget(17))
    with pytest.raises(ConfigurationError, match="has no budget"):
        cost.check("it", found, Costs())
    open_ = bill(document(DROPLET, change("digitalocean_app", {})))
    with pytest.raises(Refused, match="no price for all of digitalocean_app"):
        cost.check("it", open_, budget(100))


def test_the_table_says_what_and_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    found = bill(document(DROPLET, VOLUME, change("digitalocean_app", {})), (SPACES,))
    cost.show("single-node", found, budget(20))
    told = capsys.readouterr().out
    assert "What single-node costs a month" in told
    assert "together" in told
    assert "$13.00 to $18.00" in told
    assert "this is $2.00 below it" in told
    assert "Not priced: digitalocean_app.a (digitalocean_app): there is no price for digitalocean_app." in told
    assert "List prices of 2026-08-21" in told


def test_json_for_other_programs() -> None:
    found = bill(document(DROPLET), (SPACES,))
    told = json.loads(cost.as_json("single-node", found, budget(20)))
    assert told["total"] == {"low": 12, "high": 17}
    assert told["items"][0] == {
        "name": "digitalocean_droplet.a", "type": "digitalocean_droplet", "low": 12, "high": 12, "note": "s-1vcpu-2gb",
    }  # fmt: skip
    assert told["budget"]["usd"] == 20
