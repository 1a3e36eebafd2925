"""What DigitalOcean charges a month, by the dated prices in ``prices.yaml``; none is guessed.

Resources are named and described as OpenTofu's provider does: ``digitalocean_volume`` with its ``size`` in GiB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PRICES = Path(__file__).with_name("prices.yaml")
_LEGACY_LOADBALANCERS = {"lb-small": 1, "lb-medium": 3, "lb-large": 6}  # nodes, by the slug used before 2022

_Values = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Amount:
    """USD a month, from ``low`` to ``high``: both the same, unless autoscaling or the account's other use decides."""

    low: float
    high: float

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.low - other.low, self.high - other.high)

    def times(self, low: float, high: float | None = None) -> Amount:
        """Return the amount for so many pieces."""
        return Amount(self.low * low, self.high * (low if high is None else high))

    @property
    def nothing(self) -> bool:
        """Whether it is zero, to the cent."""
        return round(self.low, 2) == 0 == round(self.high, 2)


ZERO = Amount(0, 0)


class NotPriced(Exception):  # noqa: N818 - an answer, never an error that a user sees
    """There is no price for this; the message says why."""


@dataclass(frozen=True)
class Priced:
    """What something costs, and what for (``3 nodes of s-2vcpu-4gb``)."""

    amount: Amount
    note: str = ""


@cache
def prices(path: Path = PRICES) -> Mapping[str, Any]:
    """Return the price file."""
    told = yaml.safe_load(path.read_text())
    told["free"] = frozenset(told["free"])
    told["free_providers"] = frozenset(told["free_providers"])
    return told  # type: ignore[no-any-return]


def price(kind: str, values: Any, told: Mapping[str, Any] | None = None) -> Priced:
    """Return what a resource of the type ``kind`` costs; ``values`` are its attributes, None for none at all.

    ``told`` is what :func:`prices` returned. Raises NotPriced, which says why.
    """
    told = prices() if told is None else told
    if values is None or kind in told["free"]:
        return Priced(ZERO)
    rule = RULES.get(kind)
    if rule is None or not isinstance(values, Mapping):
        raise NotPriced(f"there is no price for {kind}")
    return rule(values, told)


def _droplet(values: _Values, told: Mapping[str, Any]) -> Priced:
    size, amount = _size(values.get("size"), told["sizes"])
    backups = values.get("backups")
    if backups is True:
        policies = values.get("backup_policy") or [{}]
        policy = policies[0] if isinstance(policies, list) and isinstance(policies[0], Mapping) else {}
        share = told["backups"].get(policy.get("plan") or "weekly")
        if share is None:
            raise NotPriced("the plan of its backups has no price")
        return Priced(amount + amount.times(share), f"{size}, with backups")
    return Priced(amount, size)


def _cluster(values: _Values, told: Mapping[str, Any]) -> Priced:
    costs = told["kubernetes"]
    plane = Amount(costs["control_plane"], costs["control_plane"])
    ha = values.get("ha")
    high = costs["high_availability"]
    # Without a known value DigitalOcean decides by the cluster's version.
    plane += Amount(high, high) if ha is True else ZERO if ha is False else Amount(0, high)
    pools = values.get("node_pool")
    if not isinstance(pools, list):
        raise NotPriced("its node pool is known after apply")
    priced = [_pool(pool, told) for pool in pools if isinstance(pool, Mapping)]
    total = sum((pool.amount for pool in priced), plane)
    words = [pool.note for pool in priced] + (["HA control plane"] if ha is True else [])
    return Priced(total, ", ".join(words))


def _pool(values: _Values, told: Mapping[str, Any]) -> Priced:
    size, amount = _size(values.get("size"), told["sizes"])
    if values.get("auto_scale") is True:
        low, high = _number(values.get("min_nodes"), "min_nodes"), _number(values.get("max_nodes"), "max_nodes")
        return Priced(amount.times(low, high), f"{low:g} to {high:g} nodes of {size}")
    count = _number(values.get("node_count"), "node_count")
    return Priced(amount.times(count), f"{count:g} {'node' if count == 1 else 'nodes'} of {size}")


def _volume(values: _Values, told: Mapping[str, Any]) -> Priced:
    return _gib(values, "size", told["volume_gib"])


def _snapshot(values: _Values, told: Mapping[str, Any]) -> Priced:
    return _gib(values, "size", told["snapshot_gib"])


def _gib(values: _Values, key: str, each: float) -> Priced:
    size = _number(values.get(key), key)
    return Priced(Amount(each, each).times(size), f"{size:g} GiB")


def _loadbalancer(values: _Values, told: Mapping[str, Any]) -> Priced:
    kind = values.get("type")  # one that says none is regional, whatever is known before the apply
    if isinstance(kind, str) and kind != "REGIONAL":
        raise NotPriced("only regional load balancers have a price here")
    each = told["loadbalancer_node"]
    nodes = _LEGACY_LOADBALANCERS.get(str(values.get("size")), 1)
    if values.get("size_unit") is not None:
        nodes = int(_number(values["size_unit"], "size_unit"))
    return Priced(Amount(each, each).times(nodes), f"{nodes} {'node' if nodes == 1 else 'nodes'}")


def _registry(values: _Values, told: Mapping[str, Any]) -> Priced:
    tier, amount = _size(values.get("subscription_tier_slug"), told["registry"])
    return Priced(amount, f"{tier} tier")


def _bucket(_values: _Values, told: Mapping[str, Any]) -> Priced:
    return Priced(Amount(0, told["spaces_subscription"]), "Spaces: once for an account, all buckets together")


def _reserved_ip(values: _Values, told: Mapping[str, Any]) -> Priced:
    if values.get("droplet_id"):
        return Priced(ZERO, "assigned")
    return Priced(Amount(0, told["reserved_ip_unassigned"]), "free while assigned to a droplet")


def _database(values: _Values, told: Mapping[str, Any]) -> Priced:
    size, amount = _size(values.get("size"), told["databases"])
    count = _number(values.get("node_count", 1), "node_count")
    return Priced(amount.times(count), f"{count:g} \u00d7 {size}")


def _size(slug: Any, costs: Mapping[str, float]) -> tuple[str, Amount]:
    if not isinstance(slug, str):
        raise NotPriced("its size is not known before the apply")
    if slug not in costs:
        raise NotPriced(f"there is no price for the size {slug[:60]}")
    return slug, Amount(costs[slug], costs[slug])


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotPriced(f"its {name} is not known before the apply")
    return float(value)


RULES: dict[str, Callable[[_Values, Mapping[str, Any]], Priced]] = {
    "digitalocean_container_registry": _registry,
    "digitalocean_database_cluster": _database,
    "digitalocean_database_replica": _database,
    "digitalocean_droplet": _droplet,
    "digitalocean_droplet_snapshot": _snapshot,
    "digitalocean_floating_ip": _reserved_ip,
    "digitalocean_kubernetes_cluster": _cluster,
    "digitalocean_kubernetes_node_pool": _pool,
    "digitalocean_loadbalancer": _loadbalancer,
    "digitalocean_reserved_ip": _reserved_ip,
    "digitalocean_spaces_bucket": _bucket,
    "digitalocean_volume": _volume,
    "digitalocean_volume_snapshot": _snapshot,
}
