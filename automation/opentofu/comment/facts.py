"""What stands in a comment beside the plan: the facts, the headline, the verdicts, policies and checks, the footer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from automation.fitting import Entry, Listing
from automation.markdown import alert, code, cut, inert, number, text
from automation.opentofu import cost
from automation.opentofu.comment.addresses import type_of
from automation.opentofu.comment.price import money
from automation.opentofu.guard import Finding
from automation.opentofu.judgement import Judged
from automation.opentofu.plan import Check, Plan
from automation.opentofu.policy import PolicyResult

DIGEST = 12  # characters of a digest that people see and write
_NAMED = 8  # findings that the guard's verdict names; all of them are marked in the lists
_VERBS = (
    ("destroy", "🟥", "destroy"),
    ("replace", "🟧", "replace"),
    ("forget", "⬜", "forget"),
    ("change", "🟨", "change"),
    ("add", "🟩", "add"),
    ("move", "🟦", "move"),
    ("import", "🟦", "import"),
    ("read", "📖", "read"),
)
_RUN = re.compile(r"(https://[^/\s]+/[\w.-]+/[\w.-]+|http://[^/\s]+/[\w.-]+/[\w.-]+)/actions/runs/\d+")


@dataclass(frozen=True)
class Facts(Judged):
    """What a comment says beside the plan: where it was made, what was found, and until when it may be applied.

    ``digest`` is the plan's canonical digest (hex), ``run_url`` the run that made it. ``notes`` are sentences.
    """

    environment: str
    digest: str | None = None
    run_url: str | None = None
    head_sha: str = ""
    findings: tuple[Finding, ...] = ()
    acknowledged_by: str | None = None
    policy: tuple[PolicyResult, ...] = ()
    cost: cost.Difference | None = None
    notes: tuple[str, ...] = ()
    expires: datetime | None = None


def headline(plan: Plan, facts: Facts, what: str = "") -> str:
    """Return the first lines: the environment, the counts with what destroys first, and the price."""
    name = code(facts.environment)
    if plan.errored:
        until = "OpenTofu stopped with an error while planning: this is what it had found until then."
        return f"## ⛔ {name} — the plan failed\n\n{until}"
    counts = plan.counts()
    told = [f"{sign} **{counts[verb]:,}** to {word}" for verb, sign, word in _VERBS if verb in counts]
    if not told:
        told = [f"**{number(len(plan.outputs), 'output')}** to change"] if plan.outputs else []
    if not told:
        return f"## ✅ {name} — {what or 'no changes'}\n\nWhat is there matches the description."
    mark, words = ("⛔", what) if what else _judgement(plan, facts)
    lines = [f"## {mark} {name} — {words}", " · ".join([*told, *_asides(plan, facts)])]
    if not plan.complete:
        lines.append("OpenTofu could not plan everything: after this apply, another plan is needed.")
    return "\n\n".join(lines)


def _judgement(plan: Plan, facts: Facts) -> tuple[str, str]:
    """Return what a reader must know first."""
    if facts.refused:
        return "⛔", "refused"
    if plan.destroys:
        return "⚠️", f"destroys {number(len(plan.destroys), 'object')}"
    return "✅", "nothing is destroyed"


def _asides(plan: Plan, facts: Facts) -> list[str]:
    told = []
    if facts.cost is not None and facts.cost.lines:
        told.append(f"💰 **{money(facts.cost.delta, sign=True)}** a month")
    if plan.drift:
        told.append(f"🌊 {number(len(plan.drift), 'drifted resource')}")
    if facts.broken:
        told.append(f"📏 {number(len(facts.broken), 'broken policy', 'broken policies')}")
    return told


def verdict(facts: Facts, *, notes: bool = True) -> list[str]:
    """Return the guard's verdict, with the exact comment that acknowledges it, and the notes."""
    found = []
    if facts.findings and not facts.acknowledged_by:
        found.append(alert("CAUTION", _refusal(facts)))
    elif facts.findings:
        many = _many(facts.findings)
        by = text(facts.acknowledged_by or "")
        found.append(alert("WARNING", f"**{by}** acknowledged for exactly this plan that {many} will be lost."))
    if facts.broken:
        many = number(len(facts.broken), "policy is", "policies are")
        found.append(
            alert("CAUTION", f"**Refused: {many} broken.** Correct the configuration, or skip the rule there.")
        )
    if notes and (told := listed(facts.notes)):
        found.append(alert("NOTE", told))
    return found


def listed(sentences: Sequence[str]) -> str:
    """Return sentences as a list."""
    told = [text(cut(one.strip(), 600)) for one in sentences if one.strip()]
    return "\n".join(f"- {one}" for one in told[:20])


def _many(findings: Sequence[Finding]) -> str:
    blocks = sum(finding.what == "removes block" for finding in findings)
    told = [number(len(findings) - blocks, "protected resource")] if len(findings) > blocks else []
    return " and ".join(
        [*told, *([number(blocks, "block of a protected resource", "blocks of protected resources")] if blocks else [])]
    )


_PHRASES = {"destroy": "destroyed", "replace": "destroyed and made anew", "forget": "no longer managed"}


def _refusal(facts: Facts) -> str:
    command = f"/dogitops acknowledge {facts.environment} {(facts.digest or 'DIGEST')[:DIGEST]}"
    ask = "If that is meant, somebody with the role *maintain* or *admin* acknowledges this very plan in a comment:"
    told = f"**Refused: {_many(facts.findings)} would be lost.**"
    return "\n".join([told, "", *_named(facts.findings), "", ask, "```text", command, "```"])


def _named(findings: Sequence[Finding]) -> list[str]:
    """Return a few findings by name, or many by kind; blocks first, since nothing in the counts tells of them."""
    findings = sorted(findings, key=lambda finding: finding.what != "removes block")
    if len(findings) <= _NAMED:
        return [f"- {code(cut(f.address, 300))} — {_PHRASES.get(f.what) or text(cut(f.detail, 200))}" for f in findings]
    kinds = Counter((finding.what, type_of(finding.address)) for finding in findings)
    lines = [
        f"- **{many:,}** \u00d7 {code(cut(kind, 80))} — {_PHRASES.get(what, 'a block is taken out')}"
        for (what, kind), many in list(kinds.items())[:_NAMED]
    ]
    more = len(kinds) - len(lines)
    return [*lines, f"- and {number(more, 'other kind')}"] if more > 0 else lines


def policies(facts: Facts) -> tuple[list[Listing], list[Listing]]:
    """Return the policies that are broken, and the warnings of the others; each empty when there are none."""
    found = []
    for title, name, severity, importance in (
        ("📏 Broken policies", "broken policies", "failure", 0),
        ("📏 Warnings of policies", "warnings", "warning", 3),
    ):
        entries = [_result(result, facts) for result in facts.policy if result.severity == severity]
        head = f"### {title} ({len(entries):,})"
        found.append([Listing(head, entries, importance, name, share=0.3)] if entries else [])
    return found[0], found[1]


def _result(result: PolicyResult, facts: Facts) -> Entry:
    mark = "❌" if result.severity == "failure" else "☑️" if result.waived else "⚠️"
    place = _place(result, facts)
    where = f" {code(cut(result.address, 200))}" if result.address else ""
    waived = f" *Waived: {text(cut(result.waived, 300))}*" if result.waived else ""
    line = f"{'-' if result.severity == 'failure' else '!'} {result.rule}: {result.address or result.file or ''}"
    full = f"- {mark} **{text(result.rule)}**{where} {text(cut(result.message, 600))}{waived}{place}"
    return Entry(cut(inert(line), 300), result.rule, partial(str, full))


def _place(result: PolicyResult, facts: Facts) -> str:
    """Return where a result stands, as a link into the commit where there is one."""
    if not result.file:
        return ""
    shown = f"{result.file}:{result.line}" if result.line else result.file
    run = _RUN.match(facts.run_url or "")
    if run and facts.head_sha.isalnum() and re.fullmatch(r"[\w./-]+", result.file) and ".." not in result.file:
        anchor = f"#L{result.line}" if result.line else ""
        return f" — [{code(shown)}]({run[1]}/blob/{facts.head_sha}/{result.file}{anchor})"
    return f" — {code(shown)}"


def checks(found: Sequence[Check]) -> list[Listing]:
    """Return the checks that did not pass, or are not known before the apply."""
    entries = []
    for check in found:
        if check.status == "pass":
            continue
        mark = "❔" if check.status == "unknown" else "❌"
        told = text(cut(" ".join(check.messages), 600)) or ("known after apply" if check.status == "unknown" else "")
        full = f"- {mark} {code(cut(check.address, 200))} {told}"
        entries.append(Entry(cut(inert(f"! {check.address}"), 300), f"check: {check.status}", partial(str, full)))
    return [Listing(f"### Checks ({len(entries):,})", entries, 0, "checks", share=0.3)] if entries else []


def notice(facts: Facts, left_out: Sequence[str], loudly: str = "") -> str:
    """Return what was left out, and where it can be read; ``loudly`` is Markdown to say before it, in red."""
    told = "This plan is larger than a comment."
    if left_out:
        told += f" Left out: {cut(', '.join(left_out), 350)}."
    where = f"The log of [the run]({facts.run_url}) has more; " if facts.run_url else ""
    told += f" {where}`dogitops plan {facts.environment}` prints all of it at a terminal."
    return alert("CAUTION", f"{loudly}\n\n{told}") if loudly else alert("NOTE", told)


def footer(facts: Facts, *, empty: bool = False, applies: str = "") -> str:
    """Return where the plan comes from, until when it may be applied, and what applies it (default: merging)."""
    plan = f"Plan `{facts.digest[:DIGEST]}`" if facts.digest else ""
    commit = f"{'of ' if plan else 'Commit '}{facts.head_sha[:12]}" if facts.head_sha else ""
    parts = [" ".join(part for part in (plan, commit) if part)]
    if facts.run_url:
        parts.append(f"[the run]({facts.run_url})")
    if facts.expires and not empty:
        parts.append(f"expires {facts.expires:%Y-%m-%d %H:%M} UTC")
    line = " · ".join(part for part in parts if part)
    return "---\n\n<sub>" + "<br>".join(part for part in (line, applies or _merging(facts, empty)) if part) + "</sub>"


def _merging(facts: Facts, empty: bool) -> str:
    if empty:
        return "Merging changes nothing here."
    if facts.refused:
        return "<b>Merging applies nothing as long as this plan is refused.</b>"
    return (
        "<b>Merging applies exactly this plan.</b> If the state or the configuration has moved by then, a new plan is "
        "made and compared: only an equal one is applied."
    )
