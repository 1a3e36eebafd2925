"""What a configuration or a plan costs a month in all, by the dated prices in ``prices.yaml``; none is guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from automation.errors import ConfigurationError
from automation.opentofu.redact import UNKNOWN
from automation.prices import PRICES, ZERO, Amount, NotPriced, price, prices

FILE = "costs.yaml"  # in an environment's root
_GONE = (["delete"], ["forget"])
_BUCKET = "digitalocean_spaces_bucket"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Beside(_Strict):
    """What an environment needs and OpenTofu does not make: ``type`` and ``values`` are those of its resource."""

    what: str
    type: str
    values: dict[str, Any] = {}


class Budget(_Strict):
    """What an environment may cost a month in USD, who says so, and a ``note`` on how it comes to that."""

    usd: float = Field(gt=0)
    source: str
    note: str = ""


class Costs(_Strict):
    """What ``costs.yaml`` says."""

    beside: tuple[Beside, ...] = ()
    budget: Budget | None = None


@dataclass(frozen=True)
class Item:
    """What one thing costs a month; ``note`` says what it is for (``3 nodes of s-2vcpu-4gb``)."""

    name: str
    type: str
    amount: Amount
    note: str = ""


@dataclass(frozen=True)
class Open:
    """What has no price, and why."""

    name: str
    type: str
    why: str


@dataclass(frozen=True)
class Bill:
    """What everything costs together; ``as_of`` is the day of the prices."""

    items: tuple[Item, ...]
    unpriced: tuple[Open, ...]
    as_of: date

    @property
    def total(self) -> Amount:
        """The sum of what has a price."""
        return sum((item.amount for item in self.items), ZERO)


def costs(folder: Path) -> Costs:
    """Read ``costs.yaml`` in an environment's root; one without has none. Raises ConfigurationError."""
    file = folder / FILE
    if not file.is_file():
        return Costs()
    try:
        return Costs.model_validate(yaml.safe_load(file.read_text()) or {})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told = re.sub(r"\s+", " ", str(error))
        raise ConfigurationError(f"{file} is not valid YAML: {told}", hint=f"Correct {file}.") from error
    except ValidationError as error:
        problems = "\n".join(f"  {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigurationError(f"{file} is not as it must be:\n{problems}", hint=f"Correct {file}.") from error


def bill(document: Mapping[str, Any], beside: tuple[Beside, ...] = (), path: Path = PRICES) -> Bill:
    """Return what is there after a plan (``tofu show -json``), changed by it or not, and what is ``beside`` it."""
    told = prices(path)
    items: list[Item] = []
    unpriced: list[Open] = []
    named = [(one.what, one.type, one.values) for one in beside]
    for name, kind, values in (*_planned(document, told), *named):
        try:
            found = price(kind, values, told)
        except NotPriced as why:
            unpriced.append(Open(name, kind, str(why)))
            continue
        if found.amount.nothing and kind in told["free"]:
            continue
        items.append(Item(name, kind, found.amount, found.note))
    return Bill(tuple(_once(items)), tuple(unpriced), told["as_of"])


def _planned(document: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the address, type and values of all managed resources that are there after the plan."""
    for change in document.get("resource_changes") or ():
        kind, what = change["type"], change["change"]
        if change.get("mode") != "managed" or what["actions"] in _GONE or "deposed" in change:
            continue
        if kind.partition("_")[0] in told["free_providers"]:
            continue
        unknown = what.get("after_unknown")
        later = {key: UNKNOWN for key, value in unknown.items() if value is True} if isinstance(unknown, dict) else {}
        yield change["address"], kind, {**(what.get("after") or {}), **later}


def _once(items: list[Item]) -> Iterator[Item]:
    """Yield the items, with one bucket alone for the subscription that all buckets of an account share."""
    seen = False
    for item in items:
        if item.type == _BUCKET and seen:
            continue
        seen = seen or item.type == _BUCKET
        yield item
