"""Review: what a plan says of itself before anybody applies it: what it hits, which rules it breaks, its cost."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from automation.environment import Guards
from automation.opentofu import canonical, cost, guard, policy
from automation.opentofu.judgement import Judged
from automation.opentofu.plan import Plan
from automation.opentofu.policy import PolicyResult
from automation.site import Site
from automation.toolchain import install


@dataclass(frozen=True)
class Review(Judged):
    """A plan with its canonical digest, the guard's findings, and the results of the policies.

    ``acknowledged_by`` names the maintainer who acknowledged the findings for this very digest.
    """

    plan: Plan
    digest: str
    findings: tuple[guard.Finding, ...]
    policy: tuple[PolicyResult, ...]
    acknowledged_by: str | None = None

    @property
    def cost(self) -> cost.Difference:
        """What the plan changes in the monthly price."""
        return cost.difference(self.plan)

    def verdict(self) -> str:
        """Return the verdict in a few words, for a commit status."""
        if self.broken:
            return f"refused: {_number(len(self.broken), 'policy is', 'policies are')} broken"
        if self.findings and not self.acknowledged_by:
            return f"refused: {_number(len(self.findings), 'protected resource', 'protected resources')} would be lost"
        counts = ", ".join(f"{number} to {word}" for word, number in self.plan.counts().items())
        told = counts or ("outputs only" if not self.plan.empty else "no changes")
        return f"{told}; acknowledged by {self.acknowledged_by}" if self.acknowledged_by else told

    def acknowledged(self, by: str | None) -> Review:
        """Return this review with the acknowledgement of ``by``."""
        return replace(self, acknowledged_by=by)

    def dump(self) -> bytes:
        """Return the review as JSON, for an envelope; it holds no secret, since the plan was redacted when read."""
        results = [asdict(result) for result in self.policy]
        return json.dumps({"plan": canonical.document(self.plan), "policy": results}).encode()


def _number(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def review(site: Site, document: dict[str, Any], base: str = "") -> Review:
    """Review the JSON document of a plan of ``site`` by its rules, and by those of the commit ``base``.

    Raises PlanUnreadable.
    """
    plan = site.read(document)
    guards, skipped = site.rules(base)
    results = policy.check(
        document,
        site.root,
        site.workspace.root / "opentofu" / "policies",
        skipped,
        site.redactor,
        conftest=install.path("conftest"),
    )
    return _judged(guards, plan, results)


def judged(site: Site, document: dict[str, Any]) -> Review:
    """Read the JSON document of a plan of ``site`` and judge it by its guards alone. Raises PlanUnreadable."""
    return _judged(site.environment.guards, site.read(document), ())


def load(site: Site, dumped: bytes, base: str = "") -> Review:
    """Return a review that :meth:`Review.dump` wrote, judged again by today's guards and those of ``base``."""
    raw = json.loads(dumped)
    results = tuple(PolicyResult(**result) for result in raw["policy"])
    guards, _ = site.rules(base)
    return _judged(guards, canonical.from_document(raw["plan"]), results)


def _judged(guards: Guards, plan: Plan, results: tuple[PolicyResult, ...]) -> Review:
    return Review(plan, canonical.digest(plan), guard.judge(plan, guards.protect, guards.unprotect), results)
