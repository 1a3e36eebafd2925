"""What a plan changes in the monthly bill, by the dated prices in ``prices.yaml``; none is guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from automation.opentofu.plan import Action, Plan, ResourceChange

PRICES = Path(__file__).with_name("prices.yaml")
_LEGACY_LOADBALANCERS = {"lb-small": 1, "lb-medium": 3, "lb-large": 6}  # nodes, by the slug used before 2022


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


@dataclass(frozen=True)
class Line:
    """One resource's monthly price before and after; ``note`` says what it is for (``3 nodes of s-2vcpu-4gb``)."""

    address: str
    type: str
    before: Amount
    after: Amount
    note: str = ""

    @property
    def delta(self) -> Amount:
        """What it costs more (or less, below zero)."""
        return self.after - self.before


@dataclass(frozen=True)
class Unpriced:
    """A resource whose price is not known, and why."""

    address: str
    type: str
    why: str


@dataclass(frozen=True)
class Difference:
    """The monthly difference that a plan makes; ``as_of`` is the day of the prices."""

    lines: tuple[Line, ...]
    unpriced: tuple[Unpriced, ...]
    as_of: date

    @property
    def before(self) -> Amount:
        """What the priced resources that change cost before."""
        return sum((line.before for line in self.lines), ZERO)

    @property
    def after(self) -> Amount:
        """What the priced resources that change cost after."""
        return sum((line.after for line in self.lines), ZERO)

    @property
    def delta(self) -> Amount:
        """The difference of the two."""
        return self.after - self.before


class NotPriced(Exception):  # noqa: N818 - an answer inside this module, never an error that a user sees
    """There is no price for this; the message says why."""


@dataclass(frozen=True)
class _Priced:
    amount: Amount
    note: str = ""


# The attributes that a price depends on, of all types that have one.
_PRICED_BY = (
    *("auto_scale", "backup_policy", "backups", "droplet_id", "ha", "max_nodes", "min_nodes", "node_count"),
    *("node_pool", "size", "size_unit", "subscription_tier_slug", "type"),
)

_Values = Mapping[str, Any]
_Rule = Callable[[_Values, Mapping[str, Any]], _Priced]


@cache
def prices(path: Path = PRICES) -> Mapping[str, Any]:
    """Return the price file."""
    told = yaml.safe_load(path.read_text())
    told["free"] = frozenset(told["free"])
    told["free_providers"] = frozenset(told["free_providers"])
    return told  # type: ignore[no-any-return]


def difference(plan: Plan, path: Path = PRICES) -> Difference:
    """Return what the plan changes in the monthly bill. Resources without a price are named in ``unpriced``."""
    told = prices(path)
    lines: list[Line] = []
    unpriced: list[Unpriced] = []
    for change in plan.resources:
        if not _matters(change, told):
            continue
        try:
            before = _price(change.type, change.before, told)
            after = _price(change.type, change.after, told)
        except NotPriced as why:
            if not _same_size(change):
                unpriced.append(Unpriced(change.address, change.type, str(why)))
            continue
        if before.amount != after.amount:
            note = after.note if change.after else before.note
            lines.append(Line(change.address, change.type, before.amount, after.amount, note))
    return Difference(tuple(_once(lines)), tuple(unpriced), told["as_of"])


def _matters(change: ResourceChange, told: Mapping[str, Any]) -> bool:
    if change.mode != "managed" or change.action in (Action.NO_OP, Action.READ):
        return False
    if change.type in told["free"] or change.type.partition("_")[0] in told["free_providers"]:
        return False
    # A forgotten resource goes on costing what it cost; only the plan's books lose it.
    return change.action is not Action.FORGET


def _same_size(change: ResourceChange) -> bool:
    """Whether an update leaves everything alone that a price of this type depends on."""
    before, after = change.before, change.after
    if change.action is not Action.UPDATE or change.type not in _RULES:
        return False
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return False
    return all(before.get(key) == after.get(key) for key in _PRICED_BY)


def _price(kind: str, values: Any, told: Mapping[str, Any]) -> _Priced:
    if values is None:
        return ZERO_PRICED
    rule = _RULES.get(kind)
    if rule is None or not isinstance(values, Mapping):
        raise NotPriced(f"there is no price for {kind}")
    return rule(values, told)


def _droplet(values: _Values, told: Mapping[str, Any]) -> _Priced:
    size, amount = _size(values.get("size"), told["sizes"])
    backups = values.get("backups")
    if backups is True:
        policies = values.get("backup_policy") or [{}]
        policy = policies[0] if isinstance(policies, list) and isinstance(policies[0], Mapping) else {}
        share = told["backups"].get(policy.get("plan") or "weekly")
        if share is None:
            raise NotPriced("the plan of its backups has no price")
        return _Priced(amount + amount.times(share), f"{size}, with backups")
    return _Priced(amount, size)


def _cluster(values: _Values, told: Mapping[str, Any]) -> _Priced:
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
    return _Priced(total, ", ".join(words))


def _pool(values: _Values, told: Mapping[str, Any]) -> _Priced:
    size, amount = _size(values.get("size"), told["sizes"])
    if values.get("auto_scale") is True:
        low, high = _number(values.get("min_nodes"), "min_nodes"), _number(values.get("max_nodes"), "max_nodes")
        return _Priced(amount.times(low, high), f"{low:g} to {high:g} nodes of {size}")
    count = _number(values.get("node_count"), "node_count")
    return _Priced(amount.times(count), f"{count:g} {'node' if count == 1 else 'nodes'} of {size}")


def _volume(values: _Values, told: Mapping[str, Any]) -> _Priced:
    return _gib(values, "size", told["volume_gib"])


def _snapshot(values: _Values, told: Mapping[str, Any]) -> _Priced:
    return _gib(values, "size", told["snapshot_gib"])


def _gib(values: _Values, key: str, each: float) -> _Priced:
    size = _number(values.get(key), key)
    return _Priced(Amount(each, each).times(size), f"{size:g} GiB")


def _loadbalancer(values: _Values, told: Mapping[str, Any]) -> _Priced:
    if values.get("type") not in (None, "REGIONAL"):
        raise NotPriced("only regional load balancers have a price here")
    each = told["loadbalancer_node"]
    nodes = _LEGACY_LOADBALANCERS.get(str(values.get("size")), 1)
    if values.get("size_unit") is not None:
        nodes = int(_number(values["size_unit"], "size_unit"))
    return _Priced(Amount(each, each).times(nodes), f"{nodes} {'node' if nodes == 1 else 'nodes'}")


def _registry(values: _Values, told: Mapping[str, Any]) -> _Priced:
    tier, amount = _size(values.get("subscription_tier_slug"), told["registry"])
    return _Priced(amount, f"{tier} tier")


def _bucket(_values: _Values, told: Mapping[str, Any]) -> _Priced:
    return _Priced(Amount(0, told["spaces_subscription"]), "Spaces: once for an account, all buckets together")


def _reserved_ip(values: _Values, told: Mapping[str, Any]) -> _Priced:
    if values.get("droplet_id"):
        return _Priced(ZERO, "assigned")
    return _Priced(Amount(0, told["reserved_ip_unassigned"]), "free while assigned to a droplet")


def _database(values: _Values, told: Mapping[str, Any]) -> _Priced:
    size, amount = _size(values.get("size"), told["databases"])
    count = _number(values.get("node_count", 1), "node_count")
    return _Priced(amount.times(count), f"{count:g} \u00d7 {size}")


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


def _once(lines: Iterable[Line]) -> Iterable[Line]:
    """Yield the lines, with one bucket alone for the subscription that all buckets of an account share."""
    seen: set[tuple[bool, bool]] = set()
    for line in lines:
        if line.type == "digitalocean_spaces_bucket":
            way = (line.before.nothing, line.after.nothing)
            if way in seen:
                continue
            seen.add(way)
        yield line


ZERO_PRICED = _Priced(ZERO)

_RULES: dict[str, _Rule] = {
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
