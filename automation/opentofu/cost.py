"""What a plan changes in the monthly bill, by the dated prices in ``prices.yaml``; none is guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from automation.opentofu.plan import Action, Plan, ResourceChange
from automation.prices import PRICES, RULES, ZERO, Amount, NotPriced, price, prices

__all__ = ["Amount", "Difference", "Line", "Unpriced", "difference"]


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


# The attributes that a price depends on, of all types that have one.
_PRICED_BY = (
    *("auto_scale", "backup_policy", "backups", "droplet_id", "ha", "max_nodes", "min_nodes", "node_count"),
    *("node_pool", "size", "size_unit", "subscription_tier_slug", "type"),
)


def difference(plan: Plan, path: Path = PRICES) -> Difference:
    """Return what the plan changes in the monthly bill. Resources without a price are named in ``unpriced``."""
    told = prices(path)
    lines: list[Line] = []
    unpriced: list[Unpriced] = []
    for change in plan.resources:
        if not _matters(change, told):
            continue
        try:
            before = price(change.type, change.before, told)
            after = price(change.type, change.after, told)
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
    if change.action is not Action.UPDATE or change.type not in RULES:
        return False
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return False
    return all(before.get(key) == after.get(key) for key in _PRICED_BY)


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
