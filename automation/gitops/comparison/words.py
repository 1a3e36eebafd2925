"""A comparison in words: as the comment on a pull request, and as text for a terminal and a log.

What is lost comes first. Nothing of a manifest can end a fence, forge a heading, or ping somebody
(:mod:`automation.markdown`); what does not fit is counted (:mod:`automation.fitting`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Final, TypeVar

from automation.fitting import LIMIT, Entry, Listing, Part, Unfolded, fit
from automation.gitops.comparison import Comparison, Difference, Unrendered, What
from automation.gitops.comparison.consequences import Consequence, Weight
from automation.gitops.installation import ROOT
from automation.markdown import alert, code, cut, details, fence, html, html_text, inert, number, text

T = TypeVar("T")

_SIGNS: Final = {What.DELETED: "-", What.LEFT: "!", What.MOVED: "!", What.CHANGED: "!", What.CREATED: "+"}
_MARKS: Final = {What.DELETED: "🟥", What.LEFT: "⬜", What.MOVED: "🟦", What.CHANGED: "🟨", What.CREATED: "🟩"}
_ORDER: Final = tuple(What)
_NAME, _WHY, _LINE = 200, 300, 300  # characters of a name, a reason and a line of a difference
_LONGEST_OBJECT: Final = 120  # lines of one object's difference
_APPLICATIONS: Final = 25  # that have a heading of their own
_EACH: Final = 1_500  # characters that an application's heading and counts may take
_ROOM_FOR_NOTICE: Final = 700
_BULLETS: Final = (12, 6, 3, 1, 0)  # of each list, until all of them fit into half of the comment
_TITLES: Final = (
    (Weight.LOST, "CAUTION", "**Lost, if this is merged:**"),
    (Weight.REFUSED, "CAUTION", "**The API server will refuse this, and the application stays out of sync:**"),
    (Weight.UNPROTECTED, "WARNING", "**Less protected from now on:**"),
)


@dataclass(frozen=True)
class Facts:
    """What a comment says beside the comparison: which commits are compared, and where. ``notes`` are sentences."""

    cluster: str
    base_sha: str = ""
    head_sha: str = ""
    run_url: str = ""
    notes: tuple[str, ...] = ()


def comment(found: Comparison, facts: Facts, limit: int = LIMIT) -> str:
    """Return the comment in GitHub Markdown, at most ``limit`` characters (at least 10,000)."""
    end = _footer(facts)
    notes = [alert("NOTE", text(cut(one, 600))) for one in facts.notes]
    lead = "\n\n".join(part for part in (_headline(found, facts), counts(found), *notes) if part)
    body, left_out = told(found, limit - len(lead) - len(end) - _ROOM_FOR_NOTICE)
    parts = [lead, _notice(facts, left_out) if left_out else "", body, end]
    return "\n\n".join(part for part in parts if part)


def nothing_comment(facts: Facts) -> str:
    """Return what takes the place of an earlier comment once nothing differs any more."""
    what = "What this pull request makes of the cluster now is what it runs already."
    return f"## ✅ Manifests of {code(facts.cluster)} — nothing changes any more\n\n{what}\n\n{_footer(facts)}"


def told(found: Comparison, limit: int) -> tuple[str, tuple[str, ...]]:
    """Return the comparison as Markdown without a heading, and what was left out of it."""
    for bullets in _BULLETS:
        lead = "\n\n".join(_alerts(found, bullets))
        if len(lead) <= limit // 2:
            break
    room = limit - len(lead) - 2
    parts = [*_lost(found, bullets), *_applications(found, max(1, min(_APPLICATIONS, room // _EACH)))]
    body, left_out = fit(parts, room)
    return "\n\n".join(part for part in (lead, body) if part), left_out


def plain(found: Comparison, cluster: str) -> str:
    """Return the whole comparison as text."""
    return "\n".join(_plain(found, cluster))


def _headline(found: Comparison, facts: Facts) -> str:
    deleted, weights = found.many(What.DELETED), Counter(one.weight for one in found.differences)
    if found.is_gone:
        mark, what = "⚠️", "no longer described"
    elif found.broken:
        mark, what = "⛔", "can't be rendered"
    elif deleted or weights[Weight.REFUSED]:
        refused = f"{number(weights[Weight.REFUSED], 'change')} will be refused" if weights[Weight.REFUSED] else ""
        mark = "⛔" if refused else "⚠️"
        what = ", ".join(filter(None, (f"deletes {number(deleted, 'object')}" if deleted else "", refused)))
    elif weights[Weight.LOST] or weights[Weight.UNPROTECTED]:
        mark, what = "⚠️", "nothing is deleted, but read the warning"
    elif found.unrendered:
        mark, what = "❔", "not all of it is known"
    else:
        mark, what = "✅", "nothing is deleted"
    return f"## {mark} Manifests of {code(facts.cluster)} — {what}"


def counts(found: Comparison) -> str:
    """Return how many objects are deleted, changed and so on, in Markdown."""
    if found.is_gone:
        return "Argo CD there keeps what the cluster runs, and finds nothing to sync any more."
    words = [f"{_MARKS[what]} **{found.many(what):,}** {what}" for what in _ORDER if found.many(what)]
    if found.unrendered:
        words.append(f"📦 **{number(len(found.unrendered), 'chart')}** not rendered")
    new = "This cluster was not described before. " if found.is_new else ""
    return f"{new}{' · '.join(words)}"


def _alerts(found: Comparison, bullets: int) -> Iterator[str]:
    if found.broken:
        said = "**Can't be rendered, so Argo CD will not sync it:**"
        yield alert("CAUTION", _list(said, found.broken, _explained, bullets))
    for weight, kind, title in _TITLES:
        follows = [(one, why) for one in found.differences for why in one.consequences if why.weight is weight]
        if len(follows) > bullets:
            alike = Counter((one.key[1], one.what, why.why) for one, why in follows)
            yield alert(kind, _list(title, alike.most_common(), _counted, bullets))
        elif follows:
            yield alert(kind, _list(title, follows, _consequence, bullets))
    if found.unrendered:
        said = "**Not rendered here: what changes inside of these charts is not told below.**"
        yield alert("WARNING", _list(said, found.unrendered, _chart, bullets))
    if found.unknown:
        said = "Could not be rendered before this change, so that nothing can be compared:"
        yield alert("NOTE", _list(said, found.unknown, _explained, bullets))


def _list(title: str, items: Sequence[T], line: Callable[[T], str], many: int) -> str:
    """Return the first items as a list below a title, and how many more there are."""
    more = len(items) - many
    rest = [f"- {f'and {more:,} more' if many else f'{more:,}, counted below'}"] if more > 0 else []
    return "\n".join([title, *(f"- {line(one)}" for one in items[:many]), *rest])


def _consequence(told: tuple[Difference, Consequence]) -> str:
    one, follows = told
    name, application = code(cut(one.name, _NAME)), code(cut(one.application, _NAME))
    return f"{_MARKS[one.what]} {name} of {application}: {text(cut(follows.why, _WHY))}"


def _counted(told: tuple[tuple[str, What, str], int]) -> str:
    (kind, what, why), many = told
    return f"{_MARKS[what]} **{many:,}** \u00d7 {code(cut(kind, _NAME))}: {text(cut(why, _WHY))}"


def _chart(one: Unrendered) -> str:
    name, chart = code(cut(one.application, _NAME)), code(cut(one.chart, _NAME))
    return f"{name}: chart {chart} {_version(one.old)} → {_version(one.new)} ({text(cut(one.why, _WHY))})"


def _explained(told: tuple[str, str]) -> str:
    name, why = told
    end = why if len(why) <= _WHY else f"… {why[-_WHY:]}"  # where the cause stands, in what kustomize says
    return f"{_named(name)}: {text(end)}"


def _named(application: str) -> str:
    return code(cut(application, _NAME)) if application else "The cluster's table of contents"


def _version(version: str) -> str:
    return code(cut(version, 60)) if version else "nothing"


def _lost(found: Comparison, bullets: int) -> Iterator[Part]:
    """Yield the names of what is lost, where the warning above had to count it."""
    lost = [one for one in found.differences if one.weight is Weight.LOST]
    if len(lost) > bullets:
        entries = [
            Entry(f"{_line(one)}  # {cut(inert(one.application), _NAME)}", f"{one.key[1]} {one.what}") for one in lost
        ]
        yield Listing(f"### Lost ({len(lost):,})", entries, 0, "objects that are lost", share=0.5)


def _applications(found: Comparison, most: int) -> Iterator[Part]:
    """Yield a part for each application, those that lose something first; the last ones share one."""
    by_name = _by_application(found)
    unfolded = Unfolded()
    names = list(by_name)
    own = names if len(names) <= most else names[: most - 1]
    for name in own:
        also = ", the table of contents" if name == ROOT else ""
        yield _part(f"### {code(cut(inert(name), 100))}{also}", by_name[name], unfolded)
    rest = [one for name in names[len(own) :] for one in by_name[name]]
    if rest:
        yield _part(f"### {number(len(names) - len(own), 'other application')}", rest, unfolded)


def _by_application(found: Comparison) -> dict[str, list[Difference]]:
    """Return the differences of each application, those that lose something first, the table of contents last."""
    by_name: dict[str, list[Difference]] = {}
    for one in sorted(found.differences, key=_rank):
        by_name.setdefault(one.application, []).append(one)
    return dict(sorted(by_name.items(), key=lambda item: item[0] == ROOT))


def _part(title: str, differences: Sequence[Difference], unfolded: Unfolded) -> Listing:
    many = Counter(one.what for one in differences)
    words = ", ".join(f"{many[what]:,} {what}" for what in _ORDER if many[what])
    drawn = cache(partial(_full, unfolded))  # what is drawn twice counts once as unfolded
    entries = [
        Entry(_line(one), f"{one.key[1]} {one.what}", partial(drawn, one))
        if one.what is not What.LEFT
        else Entry(_line(one), f"{one.key[1]} {one.what}")
        for one in sorted(differences, key=lambda one: one.what is What.LEFT)
    ]
    worst = _rank(differences[0])
    importance = 0 if worst[0] < Weight.NOTED else 1 + worst[1]
    return Listing(f"{title}: {words}", entries, importance, "objects", share=0.5)


def _line(one: Difference) -> str:
    """Return the line that names an object; what is left behind has nothing more to say."""
    why = f"  # {one.what}: {one.consequences[0].why}" if one.what is What.LEFT and one.consequences else ""
    return f"{_SIGNS[one.what]} {cut(inert(one.name), _NAME)}{why}"


def _rank(one: Difference) -> tuple[int, int]:
    return one.weight, _ORDER.index(one.what)


def _full(unfolded: Unfolded, one: Difference) -> str:
    lines = [cut(inert(line), _LINE) for line in one.lines[:_LONGEST_OBJECT]] or ["# nothing that is shown"]
    if len(one.lines) > _LONGEST_OBJECT:
        lines.append(f"# … {len(one.lines) - _LONGEST_OBJECT:,} more lines")
    source = f", from {html_text(cut(one.source, _NAME))}" if one.source else ""
    why = "".join(f"; {html_text(cut(follows.why, _WHY))}" for follows in one.consequences)
    summary = f"{_MARKS[one.what]} <b><code>{html(cut(one.name, _NAME))}</code></b> — {one.what}{source}{why}"
    is_open = one.what is What.CHANGED and unfolded.take(len(lines))
    return details(summary, fence(lines), is_open=is_open)


def _notice(facts: Facts, left_out: Sequence[str]) -> str:
    where = f"The summary and the log of [the run]({facts.run_url}) have more; " if facts.run_url else ""
    command = f"`dogitops gitops compare {facts.cluster} --changed-since origin/main`"
    parts = number(len(left_out), "section")
    return alert(
        "NOTE",
        f"This is more than a comment can hold: {parts} below lack details or names, which are counted there. "
        f"{where}{command} prints all of it at a terminal.",
    )


def _footer(facts: Facts) -> str:
    commits = f"{facts.base_sha[:12]} → {facts.head_sha[:12]}" if facts.base_sha else ""
    run = f"[the run]({facts.run_url})" if facts.run_url else ""
    line = " · ".join(part for part in (commits, run) if part)
    said = (
        "<b>Argo CD does this by itself after the merge.</b> Rendered from Git alone, for the base and for the merge; "
        "the cluster was not asked. Data of Secrets, and what looks like a secret, is hidden."
    )
    return f"---\n\n<sub>{line}{'<br>' if line else ''}{said}</sub>"


def _plain(found: Comparison, cluster: str) -> Iterator[str]:
    counts = ", ".join(f"{found.many(what):,} {what}" for what in _ORDER if found.many(what))
    yield f"{cluster}: {'no longer described' if found.is_gone else counts or 'no object changes'}"
    yield from (
        f"  can't be rendered: {_shown(name or 'the table of contents')}: {_shown(why)}" for name, why in found.broken
    )
    yield from (
        f"  not comparable: {_shown(name or 'the table of contents')}: {_shown(why)}" for name, why in found.unknown
    )
    for chart in found.unrendered:
        versions = f"{chart.old or 'nothing'} → {chart.new or 'nothing'}"
        yield f"  not rendered: {_shown(chart.application)}: chart {_shown(f'{chart.chart} {versions} ({chart.why})')}"
    for one in (one for of_it in _by_application(found).values() for one in of_it):
        source = f", from {_shown(one.source)}" if one.source else ""
        yield ""
        yield f"{_shown(one.application)}: {_shown(one.name)} is {one.what}{source}"
        yield from (f"  ! {_shown(follows.why)}" for follows in one.consequences)
        yield from (f"  | {_shown(line)}" for line in one.lines)  # no line of a manifest begins a line of the log


def _shown(value: str) -> str:
    """Return a line for a log: a runner takes ``##[`` for a command, wherever it stands."""
    return inert(value).replace("##[", "#\\#[")
