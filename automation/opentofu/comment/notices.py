"""What else is told on GitHub: that an environment was not planned or applied, and that it drifts."""

from __future__ import annotations

from automation.fitting import LIMIT
from automation.markdown import alert, code, cut, fence, inert, text
from automation.opentofu.comment import compose
from automation.opentofu.comment.facts import Facts
from automation.opentofu.plan import Plan

_HOW = "A pull request puts it right: its plan shows what merging would change."
_MESSAGE = 6_000  # characters of an error that a comment shows


def failure_comment(environment: str, what: str, message: str, hint: str | None, run_url: str) -> str:
    """Return the comment that says why there is no result: ``what`` was to be done (``not planned``, for example)."""
    first, _, rest = message.strip().partition("\n")
    parts = [f"## ⛔ {code(environment)} — {what}", alert("CAUTION", f"**{text(cut(first, 600))}**")]
    if rest.strip():
        parts.append(fence([inert(line) for line in cut(rest.strip("\n"), _MESSAGE).splitlines()], "text"))
    if hint:
        parts.append(f"**What to do:** {text(cut(hint, 1_000))}")
    parts.append(
        f"---\n\n<sub>[The run]({run_url}). Merging applies nothing to {code(environment)} as things stand.</sub>"
    )
    return "\n\n".join(parts)


def drift_issue(environment: str, outside: Plan, pending: Plan, run_url: str, limit: int = LIMIT) -> str:
    """Return the text of a drift issue: what changed outside of OpenTofu, and what was never applied."""
    facts = Facts(environment=environment, run_url=run_url)
    parts = [f"Reality, state and description of {code(environment)} differ, as [this run]({run_url}) found."]
    half = limit // 2 - 500
    if outside.drift or not outside.empty:
        parts.append(compose(outside, facts, ["## Changed outside of OpenTofu"], half, applies=_HOW))
    if not pending.empty:
        parts.append(compose(pending, facts, ["## Described, but not applied"], half, applies=_HOW))
    parts.append("<sub>This issue closes itself when the drift is gone.</sub>")
    return "\n\n".join(parts)
