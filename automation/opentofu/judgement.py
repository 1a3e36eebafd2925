"""Whether a plan may be applied: decided once, for who applies it and for the comment that people read."""

from __future__ import annotations

from automation.opentofu.guard import Finding
from automation.opentofu.policy import PolicyResult


class Judged:
    """What the guard and the policies found in a plan, and who acknowledged the guard's findings."""

    findings: tuple[Finding, ...]
    policy: tuple[PolicyResult, ...]
    acknowledged_by: str | None

    @property
    def broken(self) -> tuple[PolicyResult, ...]:
        """The policies that the plan breaks, warnings left out."""
        return tuple(result for result in self.policy if result.severity == "failure")

    @property
    def refused(self) -> bool:
        """Whether the plan may not be applied as things stand."""
        return bool(self.broken) or bool(self.findings and not self.acknowledged_by)
