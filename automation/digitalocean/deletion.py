"""Deletes what is ours, in the right order, and looks whether it is gone.

Nothing is remembered between runs: each looks at what is there. So it may be killed at any point and run again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime

from automation import report, wait
from automation.digitalocean import doks, inventory, ownership
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.inventory import Item
from automation.digitalocean.problems import (
    Conflict,
    Invalid,
    NotFound,
    RateLimited,
    ScopeMissing,
    TokenRefused,
    Unavailable,
)
from automation.environment import OWNED_PREFIX
from automation.errors import DeadlineExceeded, DogitopsError, Interrupted

_WORKERS = 6  # enough to use all of 250 requests a minute, however slow each of them is
_SHELTER = f"{OWNED_PREFIX}deleted-addresses"
_STOPPING = (RateLimited, ScopeMissing, TokenRefused, Unavailable)  # the next request would fail as well


@dataclass(frozen=True)
class Problem:
    """What could not be deleted, and why."""

    item: Item
    why: str


def delete(cloud: DigitalOcean, chosen: Callable[[Item], bool], listed: Sequence[Item]) -> list[Problem]:
    """Delete what is ``chosen``, kind by kind, and return what could not be deleted.

    ``listed`` is an earlier look, which says what kinds there are.

    Each kind is looked at anew before anything of it goes: what has been given more time meanwhile, or lost our mark,
    stays. A problem with one resource does not keep the others; a refused token or a lost network does, and is
    raised.
    """
    problems: list[Problem] = []
    wanted = {item.kind for item in listed if chosen(item) and not item.within}
    for kind in inventory.kinds():
        if kind not in wanted:
            continue
        items = [item for item in inventory.look_for(cloud, kind) if chosen(item) and not item.within]
        if not items:
            continue
        report.note(f"{kind}: {_names(items)}")
        failed = _delete_all(cloud, items)
        problems += failed
        kept = {problem.item.key for problem in failed}
        problems += _wait_gone(cloud, kind, [item for item in items if item.key not in kept])
    return problems


def _delete_all(cloud: DigitalOcean, items: Sequence[Item]) -> list[Problem]:
    """Delete the items beside each other and return what failed. Raises the first error that stops everything."""
    one = _Deletion(cloud)
    with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="delete") as pool:
        begun = [pool.submit(copy_context().run, one.delete, item) for item in items]
        try:
            results = [each.result() for each in begun]
        except BaseException:
            one.stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [Problem(item, why) for item, why in zip(items, results, strict=True) if why]


class _Deletion:
    """How one item is deleted, by its kind. Once ``stopped`` is set, nothing is waited for any more."""

    def __init__(self, cloud: DigitalOcean) -> None:
        self.cloud = cloud
        self.stopped = threading.Event()

    def delete(self, item: Item) -> str:
        """Delete an item; return why it could not be deleted, or nothing. What is gone already is deleted."""
        steps = {"cluster": self._cluster, "volume": self._volume, "reserved IP": self._reserved_ip}
        try:
            steps.get(item.kind, self._plain)(item)
        except (*_STOPPING, Interrupted):
            raise
        except NotFound:
            return ""
        except DogitopsError as error:
            return error.message
        return ""

    def _plain(self, item: Item) -> None:
        """Delete it, waiting for a while where something else still uses it."""
        last: list[Conflict] = []

        def done() -> bool:
            try:
                self.cloud.delete(item.kind, item.id)
            except Conflict as error:
                last[:] = [error]
                return False
            return True

        try:
            self._wait(done, f"the {item.kind} {item.name} to be free")
        except DeadlineExceeded:
            raise last[0] from None

    def _cluster(self, item: Item) -> None:
        doks.remove(self.cloud, self.cloud.cluster(item.id), progress=self._going)

    def _volume(self, item: Item) -> None:
        """Delete the volume; where it is attached, detach it first, as often as that fails."""

        def detached() -> bool:
            droplets = next((one.droplets for one in self.cloud.volumes() if one.id == item.id), ())
            for droplet in droplets:
                try:
                    self.cloud.detach(item.id, droplet, item.region)
                except (Conflict, Invalid, NotFound) as error:  # it is on its way, or gone: the next look decides
                    report.doing(error.message)
            return not droplets

        try:
            self.cloud.delete(item.kind, item.id)
        except Conflict:
            self._wait(detached, f"the volume {item.name} to be detached")
            self._plain(item)

    def _reserved_ip(self, item: Item) -> None:
        """Delete the address; where it has to be unassigned first, keep it known as ours in between."""
        try:
            self.cloud.delete(item.kind, item.id)
        except (Conflict, Invalid):
            # Unassigned, nothing but a project of ours tells that it is ours: if we are killed, the next run finds it.
            shelter = self.cloud.project(ownership.name_until(_SHELTER, datetime.now(UTC)))
            self.cloud.adopt(shelter.id, f"do:reservedip:{item.id}")
            with contextlib.suppress(Conflict, Invalid):  # it is free already, or on its way: the deletion tells
                self.cloud.unassign(item.id)
            self._plain(item)
            with contextlib.suppress(Conflict, NotFound):  # another address may be in it still: the next look finds it
                self.cloud.delete("project", shelter.id)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        patience = self.cloud.patience
        wait.until(condition, what, timeout=patience.busy, interval=patience.poll, progress=self._going)

    def _going(self, text: str) -> None:
        if self.stopped.is_set():
            raise Interrupted("Interrupted.", hint="Run it again: what is gone is not missed.")
        report.doing(text)


def _wait_gone(cloud: DigitalOcean, kind: str, items: Sequence[Item]) -> list[Problem]:
    """Wait until none of the items is listed any more; return those that still are."""
    keys = {item.key for item in items}
    left: list[Item] = []

    def gone() -> bool:
        left[:] = [item for item in inventory.look_for(cloud, kind) if item.key in keys]
        return not left

    if not items:
        return []
    try:
        wait.until(
            gone,
            f"{len(items)} of the kind {kind} to be gone",
            timeout=cloud.patience.deletion,
            interval=cloud.patience.poll,
            progress=report.doing,
            state=lambda: f"still there: {_names(left)}",
        )
    except DeadlineExceeded as late:
        return [Problem(item, f"It was still there at the end. {late.message}") for item in left]
    return []


def _names(items: Sequence[Item]) -> str:
    shown = 8
    more = f" and {len(items) - shown} more" if len(items) > shown else ""
    return ", ".join(item.name for item in items[:shown]) + more
