"""The page that people look at: one file without scripts, which loads nothing and sends nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final

from automation.overview import plots, words
from automation.overview.document import (
    Application,
    Backup,
    Drill,
    Environment,
    Overview,
    Standing,
)
from automation.overview.markup import Markup, Part, element, joined
from automation.secret import masked

_WORDS: Final[dict[Standing, tuple[str, str, str]]] = {  # mark, word, what it means
    "bad": ("✗", "needs attention", "seen, and not as it should be"),
    "unknown": ("?", "unknown", "could not be seen from where the page was made; the reason stands beside it"),
    "neutral": ("·", "no cluster", "seen, and nothing to judge: there is no cluster, or nobody else applies it"),
    "good": ("✓", "good", "seen, and as it should be"),
}
# Of a fact; of the other two the words that follow say it.
_SAID: Final[dict[Standing, str]] = {"bad": "needs attention", "good": "good"}
_COLUMNS: Final = ("Environment", "Cluster", "Applications", "Last apply", "Drift", "Last backup", "Last drill")
_UNIT: Final = re.compile(r"(?<=\d) (?=(?:s|min|h|minutes?|hours?|days?)\b)|(?<=\bmin) (?=\d)|(?<=\bh) (?=\d)")
_ICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Crect width='16' height='16' rx='4' fill='%230b57b0'/%3E"
    "%3Cpath d='M4 8.5l3 3 5-6' fill='none' stroke='white' stroke-width='2'/%3E%3C/svg%3E"
)


def render(overview: Overview) -> str:
    """Return the page."""
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    title = f"Status of {overview.repository}" if overview.repository else "Status of all environments"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", href=_ICON),
        element("title", title),
        element("style", Markup(style)),
    )
    sections = [_section(one, f"e{index}") for index, one in enumerate(overview.environments)]
    body = element(
        "body",
        element("a", "To the environments", href="#environments", class_="skip"),
        _header(overview, title),
        element("main", _all(overview), *sections),
        _footer(),
    )
    page = f"<!doctype html>\n{element('html', head, body, lang='en')}\n"
    return masked(page)


@cache
def _style() -> str:
    return resources.files("automation.overview").joinpath("style.css").read_text()


def _header(overview: Overview, title: str) -> Markup:
    run = [". Made by ", _link(overview.run_url, "this run")] if overview.run_url else []
    commit = [" at the commit ", element("code", overview.commit[:12])] if overview.commit else []
    seen = ["As seen on ", _time(words.when(overview.made), overview.made.isoformat()), *commit, *run]
    told = element("p", seen, ". Ages are of the moment at which an environment was looked at.", class_="soft")
    counts = [
        element("li", _chip(standing, f"{count} {_WORDS[standing][1]}"))
        for standing, count in overview.counted().items()
        if count
    ]
    return element("header", element("h1", title), told, element("ul", counts, class_="counts") if counts else None)


def _all(overview: Overview) -> Markup:
    rows = [_row(one, f"e{index}") for index, one in enumerate(overview.environments)]
    inner = (
        _table("Environments", _COLUMNS, rows, kind="stack all")
        if rows
        else element("p", "There is no environment: opentofu/environments is empty.")
    )
    return element(
        "section",
        element("h2", "Environments", id="environments", class_="hidden"),
        inner,
        class_="card",
        aria_labelledby="environments",
    )


def _row(one: Environment, identity: str) -> Markup:
    name = element("a", one.name, href=f"#{identity}")
    cells = [
        element("td", _marked(fact.standing, _short(fact.standing, fact.told)), role="cell", data_label=column)
        for column, (_, fact) in zip(_COLUMNS[1:], one.facts, strict=True)
    ]
    return _tr(element("th", name, " ", _chip(one.standing), scope="row", role="rowheader"), *cells)


def _short(standing: Standing, told: str) -> str:
    """Return what the table of all says: of what is unknown not the reason, which stands in its own section."""
    return "unknown" if standing == "unknown" else told


def _section(one: Environment, identity: str) -> Markup:
    head = element("div", element("h2", one.name, id=identity), _chip(one.standing), class_="head")
    looked = f"{one.description}{'.' if one.description and one.description[-1] not in '.!?' else ''}"
    facts: list[Part] = []
    for name, fact in one.facts:
        url = getattr(fact, "url", "")
        more = [" (", _link(url, _link_text(name, one)), ")"] if url else []
        told = element("dd", _mark(fact.standing), element("span", _kept(fact.told), more))
        facts += [element("dt", name.capitalize()), told]
    return element(
        "section",
        head,
        element("p", f"{looked} Looked at on {words.when(one.looked)}.".strip(), class_="soft small"),
        element("dl", facts, class_="facts"),
        element("div", _drills(one, identity), _backups(one, identity), class_="plots"),
        _drill_numbers(one),
        _unverified(one),
        _backup_times(one),
        _applications(one),
        class_="card",
        aria_labelledby=identity,
    )


def _link_text(name: str, one: Environment) -> str:
    if name == "last apply" and one.apply.pull_request is not None:
        return f"pull request {one.apply.pull_request} on GitHub"
    return "the issue on GitHub" if "/issues/" in one.drift.url else "the run on GitHub"


def _drills(one: Environment, identity: str) -> Markup | None:
    if not one.drills.listed:
        return None
    title = f"Drills of {one.name}: what took how long"
    return element(
        "figure",
        element("figcaption", element("h3", "Drills: phases over time, with the RTO")),
        plots.of_drills(one.drills, f"{identity}-drills", title),
        _legend(one.drills.listed),
    )


def _drill_numbers(one: Environment) -> Markup | None:
    rows = [_drill_row(drill) for drill in one.drills.listed]
    if not rows:
        return None
    columns = ("Ended", "Verdict", "RTO", "RPO", "Phases")
    return element(
        "details",
        element("summary", f"The numbers of {words.counted(len(rows), 'drill')}", _hidden(f" of {one.name}")),
        _table(f"Drills of {one.name}", columns, rows, kind="stack drills"),
    )


def _drill_row(drill: Drill) -> Markup:
    standing: Standing = "good" if drill.verdict == "passed" else "bad"
    phases = ", ".join(f"{phase.name} {words.length(phase.seconds)}" for phase in drill.phases)
    reasons = f": {'; '.join(drill.reasons)}" if drill.reasons else ""
    return _tr(
        element("th", words.when(drill.finished), scope="row", role="rowheader", class_="number"),
        _td("Verdict", _marked(standing, f"{drill.verdict}{reasons}")),
        _td("RTO", words.length(drill.rto_seconds), number=True),
        _td("RPO", words.length(drill.rpo_seconds), number=True),
        _td("Phases", _kept(f"{phases} ({drill.where})" if drill.where else phases)),
    )


def _legend(drills: Sequence[Drill]) -> Markup:
    names = [name for name, _ in plots.GROUPS]
    items = []
    for name in plots.used_groups(drills):
        place = names.index(name) if name in names else len(names)
        swatch = element("svg", element("rect", class_=f"p{place}", width=10, height=10), **_SWATCH)
        items.append(element("li", swatch, name))
    line = element("svg", element("line", class_="rto", x1=0, x2=10, y1=5, y2=5), **_SWATCH)
    items.append(element("li", line, "RTO"))
    if any(drill.verdict != "passed" for drill in drills):
        cross = element("svg", element("path", class_="failed", d="M1 1l8 8m0-8l-8 8"), **_SWATCH)
        items.append(element("li", cross, "failed"))
    return element("ul", items, class_="legend")


_SWATCH: Final = {"viewBox": "0 0 10 10", "aria_hidden": "true"}


def _backups(one: Environment, identity: str) -> Markup | None:
    plot = plots.of_backups(
        one.backups, one.looked, f"{identity}-backups", f"Backups of {one.name}: age of the newest one over time"
    )
    if plot is None:
        return None
    return element("figure", element("figcaption", element("h3", "Backups: age of the newest whole one")), plot)


def _backup_times(one: Environment) -> Markup | None:
    rows = [_backup_row(backup, one) for backup in one.backups.listed]
    if not rows:
        return None
    return element(
        "details",
        element("summary", f"The times of {words.counted(len(rows), 'backup')}", _hidden(f" of {one.name}")),
        _table(f"Backups of {one.name}", ("Begun", "Name", "Phase", "Took"), rows, kind="stack backups"),
    )


def _backup_row(backup: Backup, one: Environment) -> Markup:
    started = "at an unknown time"
    if backup.started is not None:
        started = f"{words.when(backup.started)}, {words.ago(backup.started, one.looked)}"
    took = ""
    if backup.started is not None and backup.finished is not None:
        took = words.length(max(0.0, (backup.finished - backup.started).total_seconds()))
    standing: Standing = "good" if backup.whole else "bad" if backup.failed else "unknown"
    return _tr(
        element("th", started, scope="row", role="rowheader", class_="number"),
        _td("Name", backup.name),
        _td("Phase", _marked(standing, backup.phase)),
        _td("Took", took or "not known", number=True),
    )


def _unverified(one: Environment) -> Markup | None:
    if not one.drills.unverified:
        return None
    items = [element("li", element("code", found.where), f": {found.why}") for found in one.drills.unverified]
    told = "Evidence that could not be verified, and of which nothing is shown:"
    return element("div", element("p", told), element("ul", items), class_="warn small")


def _applications(one: Environment) -> Markup | None:
    listed = one.applications.listed
    if not listed:
        return None
    rows = [_application_row(application) for application in listed]
    well = all(application.good for application in listed)
    return element(
        "details",
        element("summary", f"{words.counted(len(rows), 'application')}", _hidden(f" of {one.name}")),
        _table(
            f"Applications of {one.name}",
            ("Application", "Version", "Commit", "Sync and health"),
            rows,
            kind="stack apps",
        ),
        open=None if well else "",
    )


def _application_row(application: Application) -> Markup:
    told = f"{application.sync}, {application.health}"
    if application.message:
        told = f"{told}: {application.message}"
    commit = element("code", application.revision[:12]) if application.revision else "not known"
    return _tr(
        element("th", application.name, scope="row", role="rowheader"),
        _td("Version", application.version or "that of the commit"),
        _td("Commit", commit),
        _td("Sync, health", _marked("good" if application.good else "bad", told)),
    )


def _footer() -> Markup:
    meanings = [
        [element("dt", _chip(standing)), element("dd", meaning)] for standing, (_, _, meaning) in _WORDS.items()
    ]
    return element(
        "footer",
        element("h2", "How to read it"),
        element("dl", meanings, class_="words small"),
        element(
            "p",
            "RTO is the time from the wipe to verified data, RPO how much of what was written before the wipe was "
            "lost. Drills are shown only where the signature of their evidence was verified.",
            class_="small",
        ),
    )


def _table(caption: str, columns: Sequence[str], rows: Sequence[Markup], *, kind: str = "stack") -> Markup:
    """Return a table that becomes blocks on a narrow page; the roles keep it a table for screen readers then."""
    head = [element("th", column, scope="col", role="columnheader") for column in columns]
    return element(
        "table",
        element("caption", caption, class_="hidden"),
        element("thead", _tr(*head), role="rowgroup"),
        element("tbody", rows, role="rowgroup"),
        class_=kind,
        role="table",
    )


def _tr(*cells: Markup) -> Markup:
    return element("tr", *cells, role="row")


def _td(label: str, inner: Part, *, number: bool = False) -> Markup:
    told = element("span", inner, class_="number" if number else None)
    return element("td", told, role="cell", data_label=label)


def _chip(standing: Standing, text: str = "") -> Markup:
    mark, word, _ = _WORDS[standing]
    return element("span", element("span", f"{mark} ", aria_hidden="true"), text or word, class_=f"chip {standing}")


def _mark(standing: Standing) -> Markup:
    seen = element("span", _WORDS[standing][0], aria_hidden="true", class_=f"mark {standing}")
    said = _SAID.get(standing)
    return joined(seen, _hidden(f"{said}: ") if said else None)


def _marked(standing: Standing, text: str) -> Markup:
    return element("span", _mark(standing), element("span", _kept(text)), class_="marked")


def _kept(text: str) -> str:
    """Return text in which no line ends between a number and its unit."""
    return _UNIT.sub("\u00a0", text)


def _hidden(text: str) -> Markup:
    return element("span", text, class_="hidden")


def _link(url: str, text: str) -> Markup:
    return element("a", text, href=url, rel="noreferrer noopener")


def _time(text: str, machine: str) -> Markup:
    return element("time", text, datetime=machine)
