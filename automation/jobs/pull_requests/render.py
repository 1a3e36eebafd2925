"""Render: the comment that a plan would get, from its JSON alone: no network, no state, no tofu."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from automation import environment as environments
from automation.environment import Guards
from automation.errors import ConfigurationError
from automation.opentofu import comment, cost, guard, text
from automation.opentofu import plan as plans
from automation.opentofu.comment import Facts
from automation.opentofu.plan import Plan
from automation.workspace import Workspace

STDIN = "-"
_HOW = "Make the file with: tofu show -json PLANFILE > plan.json"


@dataclass(frozen=True)
class Rendered:
    """A plan, what the guard found in it, and the environment whose rules it was held against."""

    plan: Plan
    environment: str
    findings: tuple[guard.Finding, ...]

    @property
    def markdown(self) -> str:
        """The comment. It has no digest: an environment's plans are digested with its own key."""
        facts = Facts(environment=self.environment, findings=self.findings, cost=cost.difference(self.plan))
        return comment.plan_comment(self.plan, facts)

    @property
    def text(self) -> str:
        """All of the plan as plain text, however long."""
        return text.render(self.plan, self.findings)

    def printed(self, form: Literal["markdown", "text"]) -> str:
        """Return one of the two."""
        return self.markdown if form == "markdown" else self.text


def render(source: str, environment: str | None = None) -> Rendered:
    """Read a plan's JSON from the file ``source`` (``-`` is the standard input) and judge it.

    The guard's rules are those of ``environment``, or the built-in ones. Policies are not looked at: they need the
    configuration, too. Raises ConfigurationError for a file that can't be read, PlanUnreadable for one that is no plan.
    """
    guards = environments.load(Workspace.find(), environment).guards if environment else Guards()
    plan = plans.read(_content(source))
    return Rendered(plan, environment or "plan", guard.judge(plan, guards.protect, guards.unprotect))


def _content(source: str) -> bytes:
    if source == STDIN:
        if sys.stdin.isatty():
            raise ConfigurationError("Nothing was piped in.", hint="tofu show -json PLANFILE | dogitops render -")
        return sys.stdin.buffer.read()
    path = Path(source)
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(f"There is no file {source}.", hint=_HOW) from None
    except OSError as error:
        raise ConfigurationError(f"{source} can't be read: {error.strerror}.", hint=_HOW) from error
    if found[:2] == b"PK":  # a saved plan is a zip file
        raise ConfigurationError(f"{source} is a saved plan, not its JSON.", hint=_HOW)
    return found
