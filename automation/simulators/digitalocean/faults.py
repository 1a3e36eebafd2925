"""Faults: what a test plans, or a seed schedules; of answers, and of what resources do.

Faults of answers meet requests by method and path (with ``*``)::

    cloud.faults.add(Fault("429", "POST", "/v2/droplets", times=3, retry_after=7))
    cloud.faults.add(Fault("5xx-after", "POST", "/v2/volumes"))      # it is made; the answer says 500
    cloud.faults.schedule(seed=7, share=0.05)                        # 5 of 100 requests, by chance of the seed
    cloud.faults.schedule(seed=7, share=0.05, troubles=True)         # and of what resources try

Troubles meet resources by what they try and by name (with ``*``); the code of that resource asks for them::

    cloud.faults.trouble("volume.detach", name="data-*", times=2)    # its action ends ``errored``
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

KINDS = {
    "401": "the token is refused, as one that was revoked: before any effect",
    "429": "the limit of requests in a minute is reached: 429 with retry-after, before any effect",
    "5xx-before": "500 (or the given status) before any effect",
    "5xx-after": "500 (or the given status) after the request took effect",
    "slow": "the answer takes so many seconds",
    "cut": "the connection ends before any effect",
    "cut-after": "the connection ends after the request took effect, without an answer",
    "truncated": "the answer breaks off half way, after the request took effect",
}
TROUBLES = {
    "droplet.capacity": "POST /v2/droplets answers that the size is not available in this region",
    "droplet.create": "the droplet's create action ends errored, and the droplet is gone",
    "droplet.action": "an action on a droplet ends errored",
    "volume.attach": "attaching ends errored",
    "volume.detach": "the volume won't detach: its action ends errored",
    "volume.delete": "deleting a volume is refused with 409",
}
_BURST = 4  # requests in a row that meet a 429 drawn by chance, at most
BEFORE = frozenset({"401", "429", "5xx-before", "cut"})
PASSING = tuple(kind for kind in KINDS if kind != "401")  # a token that was revoked stays so


@dataclass
class Fault:
    """A fault of answers that happens ``times`` times, after it let ``skip`` matching requests pass."""

    kind: str
    method: str = "*"
    path: str = "*"
    times: int = 1
    skip: int = 0
    status: int = 500
    seconds: float = 1.0
    retry_after: int = 5
    struck: int = field(default=0, init=False)  # how often it happened

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"there is no fault {self.kind}; there are: {', '.join(KINDS)}")

    def matches(self, method: str, path: str) -> bool:
        """Whether it is about such a request."""
        return fnmatch.fnmatchcase(method, self.method.upper()) and fnmatch.fnmatchcase(path, self.path)


@dataclass
class Trouble:
    """A trouble of resources that happens ``times`` times."""

    what: str
    name: str = "*"
    times: int = 1


@dataclass
class Schedule:
    """Faults by chance: each request draws from the seed, so that a run can be repeated.

    ``fate`` is drawn from by what resources try; None, where no trouble comes by chance.
    """

    random: Random
    share: float
    kinds: tuple[str, ...]
    path: str
    seconds: float
    retry_after: int
    at_most: int
    fate: Random | None = None


@dataclass
class Faults:
    """All faults. ``met`` counts those that happened, by kind."""

    planned: list[Fault] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    scheduled: Schedule | None = None
    met: Counter[str] = field(default_factory=Counter)

    def add(self, fault: Fault) -> None:
        """Plan a fault of answers."""
        self.planned.append(fault)

    def trouble(self, what: str, name: str = "*", times: int = 1) -> None:
        """Plan a trouble of resources, such as those in TROUBLES."""
        self.troubles.append(Trouble(what, name, times))

    def schedule(
        self,
        seed: int,
        share: float = 0.05,
        *,
        kinds: Iterable[str] = PASSING,
        path: str = "/v2/*",
        seconds: float = 0.2,
        retry_after: int = 1,
        at_most: int = 1000,
        troubles: bool = False,
    ) -> None:
        """Let a share of the requests meet a fault, drawn from the seed, and with ``troubles`` of what resources try.

        Raises ValueError for an unknown kind.
        """
        kinds = tuple(kinds)
        for kind in kinds:
            Fault(kind)
        drawn, fate = Random(seed), Random(f"troubles of {seed}") if troubles else None  # noqa: S311
        self.scheduled = Schedule(drawn, share, kinds, path, seconds, retry_after, at_most, fate)

    def clear(self) -> None:
        """Plan nothing more."""
        self.planned.clear()
        self.troubles.clear()
        self.scheduled = None

    def meets(self, method: str, path: str) -> Fault | None:
        """Return the fault that this request meets, and count it."""
        found = self._planned(method, path) or self._drawn(path)
        if found is not None:
            self.met[found.kind] += 1
        return found

    def troubled(self, what: str, name: str) -> bool:
        """Whether ``name`` is in trouble when it tries this; that counts."""
        for trouble in self.troubles:
            if trouble.what == what and trouble.times > 0 and fnmatch.fnmatchcase(name, trouble.name):
                trouble.times -= 1
                self.met[what] += 1
                return True
        plan = self.scheduled
        if plan is None or plan.fate is None or plan.at_most < 1 or plan.fate.random() >= plan.share:
            return False
        plan.at_most -= 1
        self.met[what] += 1
        return True

    def _planned(self, method: str, path: str) -> Fault | None:
        for fault in self.planned:
            if fault.times < 1 or not fault.matches(method, path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            fault.struck += 1
            return fault
        return None

    def _drawn(self, path: str) -> Fault | None:
        plan = self.scheduled
        if plan is None or not plan.kinds or plan.at_most < 1 or not fnmatch.fnmatchcase(path, plan.path):
            return None
        chance, which = plan.random.random(), plan.random.choice(plan.kinds)
        if chance >= plan.share:
            return None
        plan.at_most -= 1
        status = plan.random.choice((500, 502, 503, 504))
        if which == "429" and (more := min(plan.random.randrange(_BURST), plan.at_most)):  # limits hit in bursts
            plan.at_most -= more
            self.planned.append(Fault("429", "*", plan.path, times=more, retry_after=plan.retry_after))
        return Fault(which, status=status, seconds=plan.seconds, retry_after=plan.retry_after)
