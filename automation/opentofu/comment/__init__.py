"""The comment on a pull request: what a plan would do, grasped in three seconds and readable to the end.

What is destroyed or replaced comes first and is never cut; all else has its place in a budget
(:mod:`automation.fitting`). Nothing from a plan can end a fence, forge a heading, or ping somebody
(:mod:`automation.markdown`). The hidden header is not part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from automation.fitting import LIMIT, Entry, Listing, Part, Unfolded, Whole, fit
from automation.markdown import alert, code, cut, fence, inert, number
from automation.opentofu import collection, diff
from automation.opentofu.canonical import Difference
from automation.opentofu.comment import lost as comment_lost
from automation.opentofu.comment import parts as comment_parts
from automation.opentofu.comment.facts import DIGEST, Facts, checks, footer, headline, listed, notice, policies, verdict
from automation.opentofu.comment.price import cost_part
from automation.opentofu.outcome import Outcome, State, Step
from automation.opentofu.plan import Plan
from automation.opentofu.redact import Redactor
from automation.report import elapsed

__all__ = ["Facts", "apply_comment", "compose", "plan_comment", "stale_comment"]

_ROOM_FOR_NOTICE = 700
_ERROR = 3_000  # characters of an error
_DIFFERENCES = 12_000  # characters of the differences between two plans


def plan_comment(plan: Plan, facts: Facts, limit: int = LIMIT) -> str:
    """Return the comment for a plan in GitHub Markdown, at most ``limit`` characters (at least 10,000)."""
    return compose(plan, facts, [headline(plan, facts), *verdict(facts)], limit)


def stale_comment(
    plan: Plan, facts: Facts, differences: Sequence[Difference], reasons: Sequence[str], limit: int = LIMIT
) -> str:
    """Return the comment for a plan made now in place of the one that was read, and how a maintainer applies it.

    ``differences`` are those between the two; without any, nobody has read a plan yet. ``reasons`` say why.
    """
    what = "nothing was applied: the plan has changed" if differences else "a new plan waits for a maintainer"
    command = f"/dogitops apply {facts.environment} {(facts.digest or 'DIGEST')[:DIGEST]}"
    told = listed(reasons)
    ask = "Somebody with the role *maintain* or *admin* applies the plan below, and no other, with the comment:"
    lead = [
        headline(plan, facts, what),
        alert("CAUTION", "\n".join([told or "It is stale.", "", ask, "```text", command, "```"])),
    ]
    if differences:
        lead.append(_differences(differences))
    lead += [part for part in verdict(facts, notes=False) if part]
    return compose(plan, facts, lead, limit, applies=f"Merging again applies nothing; {code(command)} does.")


def _differences(differences: Sequence[Difference]) -> str:
    lines: list[str] = []
    room = _DIFFERENCES
    for shown, one in enumerate(differences):
        added = [
            f"@@ {cut(inert(one.address), 300)} @@ {cut(inert(one.what), 200)}",
            *(f"- {cut(inert(line), 300)}" for line in one.planned.splitlines()),
            *(f"+ {cut(inert(line), 300)}" for line in one.now.splitlines()),
        ]
        room -= sum(len(line) + 1 for line in added)
        if room < 0:
            lines.append(f"# and {number(len(differences) - shown, 'more difference')}")
            break
        lines += added
    title = f"### What is different ({len(differences):,})\n\n`-` is the plan that was read, `+` the one made now."
    return f"{title}\n\n{fence(lines)}"


_TOLD: tuple[tuple[State, str, str], ...] = (
    (State.FAILED, "❌ Failed", "-"),
    (State.UNFINISHED, "❔ Not finished: look at these before going on", "!"),
    (State.NOT_KNOWN, "❔ Not known", "!"),
    (State.NOT_STARTED, "⏸️ Not started", " "),
    (State.DONE, "✅ Done", "+"),
)


def apply_comment(
    plan: Plan,
    facts: Facts,
    outcome: Outcome | None,
    outputs: Mapping[str, Any],
    seconds: float,
    *,
    failure: str | None = None,
    limit: int = LIMIT,
) -> str:
    """Return the comment for an apply: what became of each resource, and the outputs, redacted.

    ``failure`` is the error of an apply that did not end well (redacted), ``outcome`` None when nothing is known.
    """
    parts: list[Part] = [Whole(_applied(plan, facts, outcome, seconds, failed=failure is not None))]
    if failure is not None:
        shown = fence([inert(line) for line in cut(failure.strip(), _ERROR).splitlines()], "text")
        next_ = "The state holds what was done. The next plan shows what is left; nothing is tried again by itself."
        parts.append(Whole(alert("CAUTION", f"**The apply failed.** {next_}\n\n{shown}")))
    if told := listed(facts.notes):
        parts.append(Whole(alert("NOTE", told)))
    for importance, (state, title, sign) in enumerate(_TOLD):
        steps = outcome.of(state) if outcome else ()
        if steps:
            entries = [_step(step, sign) for step in steps]
            parts.append(Listing(f"### {title} ({len(steps):,})", entries, importance, "resources", share=0.7))
    if outputs:
        lines = [line for name, value in sorted(_redacted(outputs).items()) for line in _output(name, value)]
        names = code(cut(", ".join(outputs), 300))
        parts.append(Whole(f"### Outputs\n\n{fence(lines, 'text')}", 5, f"### Outputs\n\n{names}", "the outputs"))
    end = Whole(
        footer(facts, applies="This plan is used up." if failure is None else "This plan can't be applied again.")
    )
    body, left_out = fit([*parts, end], limit - _ROOM_FOR_NOTICE)
    return f"{body}\n\n{notice(facts, left_out)}" if left_out else body


def _applied(plan: Plan, facts: Facts, outcome: Outcome | None, seconds: float, *, failed: bool) -> str:
    name, took = code(facts.environment), elapsed(seconds)
    if not failed:
        counts = ", ".join(f"{many:,} {_DONE[verb]}" for verb, many in plan.counts().items() if verb in _DONE)
        return f"## ✅ {name} — applied\n\n{counts or 'Outputs only'} in {took}."
    if outcome is None or not outcome.steps:
        return f"## ⛔ {name} — the apply failed\n\nAfter {took}; what was done is not known."
    told = [f"**{len(outcome.of(state)):,}** {state.value}" for state, _, _ in _TOLD if outcome.of(state)]
    half_way = " half way" if outcome.done else ""
    return f"## ⛔ {name} — the apply failed{half_way}\n\n{' · '.join(told)} · after {took}"


_DONE = {
    "destroy": "destroyed",
    "replace": "replaced",
    "forget": "forgotten",
    "change": "changed",
    "add": "added",
    "move": "moved",
    "import": "imported",
    "read": "read",
}


def _step(step: Step, sign: str) -> Entry:
    words = [step.action, *([step.note] if step.note else [])]
    if step.seconds >= 1:
        words.append(elapsed(step.seconds))
    if step.error:
        words.append(cut(step.error.replace("\n", " "), 300))
    return Entry(f"{sign} {cut(inert(step.address), 1_000)}  # {inert('; '.join(words))}", step.action)


def _redacted(outputs: Mapping[str, Any]) -> dict[str, Any]:
    found = Redactor().tree(dict(outputs))
    return found if isinstance(found, dict) else {}


def _output(name: str, value: Any) -> list[str]:
    return [f"{inert(name)} = {cut(inert(diff.printed(value)), 300)}"]


def compose(
    plan: Plan, facts: Facts, lead: Sequence[str], limit: int = LIMIT, *, merges: bool = True, applies: str = ""
) -> str:
    """Return Markdown that begins with ``lead`` and then tells the plan; ``merges``: its end says what applies it."""
    with collection.paused():
        return _composed(plan, facts, lead, limit, merges=merges, applies=applies)


def _composed(plan: Plan, facts: Facts, lead: Sequence[str], limit: int, *, merges: bool, applies: str) -> str:
    unfolded = Unfolded()
    lost = comment_lost.lost(plan, facts.findings, unfolded)
    maybe: tuple[Part | None, ...] = (
        comment_parts.updated(plan, unfolded),
        comment_parts.created(plan, unfolded),
        comment_parts.kept(plan),
        comment_parts.outputs(plan),
        comment_parts.drifted(plan),
        comment_parts.read(plan),
        cost_part(facts.cost),
    )
    broken, others = policies(facts)
    upper: list[Part] = [*broken, *checks(plan.checks)]
    lower = [part for part in (*maybe[:2], *others, *maybe[2:]) if part is not None]
    end = [footer(facts, empty=plan.empty, applies=applies)] if merges else []
    room = limit - _ROOM_FOR_NOTICE - sum(len(part) + 2 for part in (*lead, *end))
    comment_lost.never_cut(lost, room - sum(len(p.least) + 2 for p in (*upper, *lower)) - 2 * len(lost))
    body, left_out = fit([*upper, *lost, *lower], room)
    loudly = comment_lost.loudly(lost)
    told = [notice(facts, left_out, loudly)] if left_out or loudly else []
    return "\n\n".join(part for part in (*lead, *told, body, *end) if part)
