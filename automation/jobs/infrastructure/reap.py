"""Reap: find what is ours at DigitalOcean and has expired or was left behind, delete it, and look again.

Only what carries our mark is ever shown or deleted: see :mod:`automation.digitalocean.ownership`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from automation import report
from automation.digitalocean import deletion, inventory, ownership
from automation.digitalocean.buckets import Buckets
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.deletion import Problem
from automation.digitalocean.inventory import Cost, Item
from automation.errors import DogitopsError, VerificationFailed
from automation.prices import Amount, prices

_PASSES = 3  # controllers that are still at work may make something while we delete


@dataclass(frozen=True)
class Reaper:
    """Reaps one account: what has expired at ``now``, or ``everything`` of ours; ``buckets`` only when given.

    With the name of an ``environment``, also everything that carries its tag, whatever its end.
    """

    cloud: DigitalOcean
    everything: bool
    now: datetime
    buckets: Buckets | None = None
    environment: str = ""

    def chosen(self, item: Item) -> bool:
        """Whether an item is to go."""
        return self.everything or item.expired(self.now) or ownership.is_of(self.environment, item.tags)

    def look(self) -> list[Item]:
        """Return all of ours that is there now."""
        return inventory.look(self.cloud) + (self.buckets.look() if self.buckets else [])

    def to_go(self, items: Sequence[Item]) -> list[Item]:
        """Return the items that are to go; what a cluster takes along is not among them."""
        return [item for item in items if self.chosen(item) and not item.within]

    def delete(self, listed: Sequence[Item]) -> list[Problem]:
        """Delete what is to go in one pass; return what could not be deleted."""
        problems = deletion.delete(self.cloud, self.chosen, listed)
        if self.buckets is not None:
            for item in self.to_go([item for item in listed if item.kind == "bucket"]):
                try:
                    self.buckets.delete(item)
                except DogitopsError as error:
                    problems.append(Problem(item, error.message))
        return problems


def reap(reaper: Reaper, confirm: Callable[[str], bool]) -> None:
    """Show what is to go with its cost; delete it when ``confirm`` says so, and prove that nothing is left.

    Raises DogitopsError for what could not be deleted, VerificationFailed for what a second look still finds.
    """
    with report.phase("Looking for what is ours"):
        listed = reaper.look()
    to_go = reaper.to_go(listed)
    show(listed, to_go, reaper.now)
    if not to_go:
        return
    if not confirm(f"Delete these {len(to_go)}, with all their data?"):
        report.say("Nothing was deleted. Give --yes to delete what is listed.")
        return
    problems: list[Problem] = []
    for _ in range(_PASSES):
        with report.phase(f"Deleting {len(to_go)}"):
            problems = reaper.delete(listed)
        with report.phase("Looking again"):
            listed = reaper.look()
        to_go = reaper.to_go(listed)
        if not to_go or problems:
            break
    _conclude(to_go, problems)


def check(reaper: Reaper) -> None:
    """Show what is to go, delete nothing, and raise VerificationFailed where there is any."""
    with report.phase("Looking for what is ours"):
        listed = reaper.look()
    to_go = reaper.to_go(listed)
    show(listed, to_go, reaper.now)
    if to_go:
        raise VerificationFailed(
            f"{len(to_go)} of ours should be gone, and are still there.",
            hint="Delete them: the same command with --yes instead of --check.",
        )


def show(listed: Sequence[Item], to_go: Sequence[Item], now: datetime) -> None:
    """Print what is to go and what stays, each with what it costs a month."""
    going = {item.key for item in to_go}
    stays = [item for item in listed if item.key not in going and not item.within]
    if to_go:
        report.table(
            f"To be deleted: {_amount(inventory.total(to_go))} a month (prices of {prices()['as_of']})",
            ["what", "name", "lives until (UTC)", "a month", "for"],
            [_row(item, now) for item in to_go],
        )
    else:
        report.say("There is nothing to delete.")
    if stays:
        report.say(f"Of ours stay {len(stays)}, for {_amount(inventory.total(stays))} a month: {_ends(stays)}")


def _conclude(left: Sequence[Item], problems: Sequence[Problem]) -> None:
    if problems:
        told = "\n".join(f"  {problem.item.kind} {problem.item.name}: {problem.why}" for problem in problems)
        raise DogitopsError(
            f"{len(problems)} could not be deleted:\n{told}",
            hint="Run it again: what is gone is not missed. What still fails has to be looked at by hand.",
        )
    if left:
        told = ", ".join(f"{item.kind} {item.name}" for item in left)
        raise VerificationFailed(
            f"A second look still finds {len(left)}: {told}.",
            hint="Something makes them anew: a cluster that still runs, or an apply.",
        )
    report.say("A second look finds nothing of it any more.")


def _row(item: Item, now: datetime) -> list[str]:
    if item.expires is None:
        until = "for ever"
    else:
        until = f"{item.expires.astimezone(UTC):%Y-%m-%d %H:%M}" + ("" if item.expired(now) else " (still lives)")
    cost = "unknown" if item.cost is None else _money(item.cost)
    return [f"{item.kind} in {item.region}" if item.region else item.kind, item.name, until, cost, item.note]


def _ends(items: Sequence[Item]) -> str:
    ends = sorted(item.expires for item in items if item.expires is not None)
    never = len(items) - len(ends)
    words = [f"{never} without an end"] if never else []
    if ends:
        words.append(f"{len(ends)} until {ends[0].astimezone(UTC):%Y-%m-%d %H:%M} UTC or later")
    return ", ".join(words) + "."


def _amount(cost: Cost) -> str:
    unpriced = f" and {cost.unpriced} without a known price" if cost.unpriced else ""
    return _money(cost.amount) + unpriced


def _money(amount: Amount) -> str:
    low, high = f"${amount.low:,.2f}", f"${amount.high:,.2f}"
    return low if low == high else f"{low} to {high}"
