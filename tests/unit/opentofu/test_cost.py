"""What a plan costs: by the price file alone, and what has no price is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from automation.opentofu import cost
from automation.opentofu.comment.price import cost_part, money
from automation.opentofu.cost import Difference
from automation.prices import PRICES, Amount, prices

from .plans import change, planned

CLUSTER = {"ha": True, "node_pool": [{"size": "s-2vcpu-4gb", "node_count": 3, "auto_scale": False}]}
POOL = {"size": "c-4", "auto_scale": True, "min_nodes": 1, "max_nodes": 4}


def difference(kind: str, before: Any, after: Any, **more: Any) -> Difference:
    actions = ("create",) if before is None else ("delete",) if after is None else ("update",)
    return cost.difference(planned(change(f"{kind}.a", *actions, before=before, after=after, **more)))


@pytest.mark.parametrize(
    ("kind", "values", "low", "high"),
    [
        ("digitalocean_droplet", {"size": "s-1vcpu-1gb"}, 6, 6),
        ("digitalocean_droplet", {"size": "s-1vcpu-1gb", "backups": True}, 7.2, 7.2),
        ("digitalocean_droplet", {"size": "c-4", "backups": True, "backup_policy": [{"plan": "daily"}]}, 109.2, 109.2),
        ("digitalocean_kubernetes_cluster", CLUSTER, 112, 112),
        ("digitalocean_kubernetes_cluster", {**CLUSTER, "ha": False}, 72, 72),
        ("digitalocean_kubernetes_cluster", {"node_pool": CLUSTER["node_pool"]}, 72, 112),
        ("digitalocean_kubernetes_node_pool", POOL, 84, 336),
        ("digitalocean_volume", {"size": 100}, 10, 10),
        ("digitalocean_volume_snapshot", {"size": 50}, 3, 3),
        ("digitalocean_loadbalancer", {"size_unit": 3}, 36, 36),
        ("digitalocean_loadbalancer", {"size": "lb-small"}, 12, 12),
        ("digitalocean_container_registry", {"subscription_tier_slug": "basic"}, 5, 5),
        ("digitalocean_spaces_bucket", {"name": "b"}, 0, 5),
        ("digitalocean_reserved_ip", {"droplet_id": 1}, 0, 0),
        ("digitalocean_reserved_ip", {"region": "fra1"}, 0, 5),
    ],
)  # fmt: skip
def test_what_things_cost(kind: str, values: dict[str, Any], low: float, high: float) -> None:
    found = difference(kind, None, values)
    assert found.unpriced == ()
    assert found.delta.low == pytest.approx(low)
    assert found.delta.high == pytest.approx(high)
    gone = difference(kind, values, None)
    assert gone.delta.low == pytest.approx(-low)
    assert gone.before.high == pytest.approx(high)


@pytest.mark.parametrize(
    ("kind", "values", "why"),
    [
        ("digitalocean_droplet", {"size": "s-9000vcpu"}, "no price for the size s-9000vcpu"),
        ("digitalocean_droplet", {}, "size is not known"),
        ("digitalocean_volume", {"size": True}, "size is not known"),
        (
            "digitalocean_database_cluster",
            {"size": "db-s-1vcpu-1gb", "node_count": 1},
            "no price for the size db-s-1vcpu-1gb",
        ),
        ("digitalocean_loadbalancer", {"type": "GLOBAL"}, "only regional load balancers"),
        ("digitalocean_kubernetes_cluster", {"ha": True}, "node pool is known after apply"),
        ("digitalocean_app", {"spec": []}, "no price for digitalocean_app"),
        ("aws_instance", {"type": "t3"}, "no price for aws_instance"),
    ],
)
def test_what_has_no_price_is_named_and_not_guessed(kind: str, values: dict[str, Any], why: str) -> None:
    found = difference(kind, None, values)
    assert found.lines == ()
    assert why in found.unpriced[0].why
    part = cost_part(found)
    assert part is not None
    assert "Not priced: 1 \u00d7" in part.text


def test_an_unknown_size_is_not_guessed() -> None:
    found = difference("digitalocean_droplet", None, {}, after_unknown={"size": True})
    assert [one.address for one in found.unpriced] == ["digitalocean_droplet.a"]


def test_what_is_free_or_does_not_change_is_not_mentioned() -> None:
    assert cost_part(difference("digitalocean_vpc", None, {"name": "x"})) is None
    assert cost_part(difference("kubernetes_namespace", None, {})) is None
    assert (
        cost_part(difference("digitalocean_droplet", {"size": "c-4", "tags": []}, {"size": "c-4", "tags": ["a"]}))
        is None
    )
    database = {"size": "db-s-1vcpu-1gb", "node_count": 1, "tags": []}
    assert cost_part(difference("digitalocean_database_cluster", database, {**database, "tags": ["a"]})) is None


def test_what_is_forgotten_goes_on_costing_the_same() -> None:
    plan = planned(change("digitalocean_droplet.a", "forget", before={"size": "c-4"}, after=None))
    assert cost.difference(plan).lines == ()


def test_a_replacement_costs_the_difference_of_the_two() -> None:
    plan = planned(
        change("digitalocean_droplet.a", "delete", "create", before={"size": "s-1vcpu-1gb"}, after={"size": "c-4"})
    )
    assert cost.difference(plan).delta == Amount(78, 78)


def test_the_spaces_subscription_is_counted_once() -> None:
    plan = planned(*(change(f"digitalocean_spaces_bucket.b[{n}]", "create", after={"name": f"b{n}"}) for n in range(9)))
    assert cost.difference(plan).delta == Amount(0, 5)


def test_another_price_file_counts(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(PRICES.read_text().replace("databases: {}", "databases: {db-s-1vcpu-1gb: 15}"))
    values = {"size": "db-s-1vcpu-1gb", "node_count": 2}
    plan = planned(change("digitalocean_database_cluster.a", "create", after=values))
    assert cost.difference(plan, file).delta == Amount(30, 30)


def test_the_price_file_says_its_day_and_its_sources() -> None:
    told = prices()
    assert told["as_of"].year >= 2026
    assert all(source.startswith("https://") for source in told["sources"].values())
    assert all(price > 0 for price in told["sizes"].values())


def test_the_largest_differences_are_named_and_the_others_summed_up() -> None:
    plan = planned(*(change(f"digitalocean_volume.v[{n}]", "create", after={"size": n + 1}) for n in range(100)))
    part = cost_part(cost.difference(plan))
    assert part is not None
    assert "`digitalocean_volume.v[99]`<br>100 GiB | $0.00 | $10.00 | +$10.00" in part.text
    assert "*88 more* | $0.00 | $391.60 | +$391.60" in part.text
    assert "**+$505.00**" in part.text


@pytest.mark.parametrize(
    ("amount", "sign", "shown"),
    [
        (Amount(0, 0), True, "$0.00"),
        (Amount(12.5, 12.5), False, "$12.50"),
        (Amount(1234, 1234), True, "+$1,234.00"),
        (Amount(-6, -6), True, "\u2212$6.00"),
        (Amount(24, 96), False, "$24.00 to $96.00"),
        (Amount(-2, -9), True, "\u2212$9.00 to \u2212$2.00"),
    ],
)
def test_money(amount: Amount, sign: bool, shown: str) -> None:
    assert money(amount, sign=sign) == shown
