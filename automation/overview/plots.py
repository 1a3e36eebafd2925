"""Small plots as SVG, made for a page of 360 units' width: drills over time by their phases, and the age of backups.

A plot has a title and a description for those who don't see it; the page has its numbers in a table beside it. Colours
are classes of the page's style, so that they follow its light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from automation.overview import words
from automation.overview.document import Backups, Drill, Drills
from automation.overview.markup import Markup, Part, element, joined

# Phases of a drill, in the order in which they are stacked; small ones that belong together share a colour.
GROUPS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("prepare", frozenset({"start", "write", "inventory", "record"})),
    ("backup", frozenset({"backup"})),
    ("wipe", frozenset({"wipe"})),
    ("rebuild", frozenset({"rebuild"})),
    ("bootstrap", frozenset({"bootstrap"})),
    ("restore", frozenset({"restore"})),
    ("verify", frozenset({"plant loss", "verify"})),
    ("resume", frozenset({"resume"})),
)
OTHER: Final = "other"
BACKUP_LIMIT: Final = timedelta(hours=26)  # a daily backup, and two hours: as the alert BackupTooOld
WINDOW: Final = timedelta(days=14)  # of the plot of backups

_WIDTH: Final = 360.0
_HEIGHT: Final = 176.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 6.0, 14.0, 22.0
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_LINES: Final = 4  # of the grid, at most
_NEAR: Final = 1.6  # a limit further away than so many times the largest value is told in words only


def grouped(drill: Drill) -> dict[str, float]:
    """Return the seconds of a drill by group of phases, in the order of :data:`GROUPS`."""
    found: dict[str, float] = {}
    for name, members in (*GROUPS, (OTHER, None)):
        known = {one for _, of in GROUPS for one in of}
        seconds = [one.seconds for one in drill.phases if (one.name in members if members else one.name not in known)]
        if seconds:
            found[name] = sum(seconds)
    return found


def used_groups(drills: Sequence[Drill]) -> list[str]:
    """Return the groups that any of the drills has, in their order."""
    have = {name for drill in drills for name in grouped(drill)}
    return [name for name in (*(name for name, _ in GROUPS), OTHER) if name in have]


def of_drills(drills: Drills, identity: str, title: str) -> Markup:
    """Return the plot of an environment's drills: a bar each, oldest first, of its phases, with a mark at its RTO."""
    shown = sorted(drills.listed, key=lambda one: one.finished)
    highest = max(max(sum(grouped(one).values()), one.rto_seconds or 0) for one in shown)
    limit = drills.max_rto_seconds
    drawn_limit = limit if limit is not None and limit <= highest * _NEAR else None
    scale = _Scale(max(highest, drawn_limit or 0, 1) * 1.06)
    slot = (_WIDTH - _LEFT - _RIGHT) / len(shown)
    width = min(26.0, slot * 0.68)
    parts: list[Part] = [scale.grid()]
    for index, drill in enumerate(shown):
        centre = _LEFT + slot * (index + 0.5)
        parts.append(_bar(drill, centre, width, scale))
        if len(shown) <= 10 or index % (len(shown) // 8 + 1) == 0:  # noqa: PLR2004 - so many labels fit
            parts.append(_label(centre, _HEIGHT - 7, words.day(drill.finished)))
    if drawn_limit is not None:
        parts.append(scale.limit(drawn_limit, "limit"))
    return _svg(identity, title, _drills_in_words(shown, limit), parts)


def _bar(drill: Drill, centre: float, width: float, scale: _Scale) -> Markup:
    names = [name for name, _ in GROUPS]
    left, bottom, parts = centre - width / 2, 0.0, []
    for name, seconds in grouped(drill).items():
        top = bottom + seconds
        place = names.index(name) if name in names else len(names)
        told = element("title", f"{words.day(drill.finished)}, {name}: {words.length(seconds)}")
        high = max(scale.y(bottom) - scale.y(top), 0.4)
        parts.append(element("rect", told, class_=f"p{place}", x=left, y=scale.y(top), width=width, height=high))
        bottom = top
    if drill.rto_seconds is not None:
        y = scale.y(drill.rto_seconds)
        told = element("title", f"RTO {words.length(drill.rto_seconds)}")
        # drawn twice: a broad line in the page's colour below, so that it is seen on every phase
        parts.append(element("line", class_="halo", x1=left - 4, x2=left + width + 4, y1=y, y2=y))
        parts.append(element("line", told, class_="rto", x1=left - 4, x2=left + width + 4, y1=y, y2=y))
    if drill.verdict != "passed":
        y = scale.y(bottom) - 7
        cross = f"M{centre - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8"
        parts.append(element("path", element("title", "failed"), class_="failed", d=cross))
    return element("g", *parts)


def _drills_in_words(shown: Sequence[Drill], limit: float | None) -> str:
    newest = shown[-1]
    failed = sum(one.verdict != "passed" for one in shown)
    took = words.length(sum(one.seconds for one in newest.phases))
    allowed = f"; {words.length(limit)} are allowed" if limit is not None else ""
    return (
        f"{words.counted(len(shown), 'drill')}, {failed} of them failed. The newest, of {words.when(newest.finished)}, "
        f"{newest.verdict}: it took {took}, with an RTO of {words.length(newest.rto_seconds)}{allowed}. "
        "The table below has all numbers."
    )


def of_backups(backups: Backups, now: datetime, identity: str, title: str) -> Markup | None:
    """Return the plot of how old the newest whole backup was at each moment; None where no backup's time is known."""
    whole = sorted(one.started for one in backups.listed if one.whole and one.started is not None)
    broken = sorted(one.started for one in backups.listed if one.failed and one.started is not None)
    whole, broken = ([one for one in times if one <= now] for times in (whole, broken))
    if not whole:
        return None
    begin = max(whole[0], now - WINDOW)
    if now - begin < timedelta(hours=1):
        begin = now - timedelta(hours=1)
    span = (now - begin).total_seconds()
    ages = [((after - before).total_seconds()) for before, after in zip(whole, [*whole[1:], now], strict=True)]
    visible = [one for one, after in zip(ages, [*whole[1:], now], strict=True) if after >= begin]
    highest = max([*visible, 3600.0])
    limit = BACKUP_LIMIT.total_seconds()
    near = limit <= highest * _NEAR
    scale = _Scale(max(highest, limit if near else 0) * 1.06)

    def x(time: datetime) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (time - begin).total_seconds() / span

    points = _saw_teeth(whole, begin, now)
    line = " ".join(f"{x(time):.1f},{scale.y(seconds):.1f}" for time, seconds in points)
    ground = f"{x(points[-1][0]):.1f},{scale.y(0):.1f} {x(points[0][0]):.1f},{scale.y(0):.1f}"
    parts: list[Part] = [scale.grid(), element("polyline", class_="area", points=f"{line} {ground}")]
    parts.append(element("polyline", class_="age", points=line))
    if near:
        parts.append(scale.limit(limit, "limit"))
    for time in (one for one in whole if one >= begin):
        told = element("title", f"backup of {words.when(time)}")
        parts.append(element("circle", told, class_="made", cx=x(time), cy=scale.y(0), r=2.6))
    for time in (one for one in broken if one >= begin):
        cross = f"M{x(time) - 3.5:.1f} {scale.y(0) - 3.5:.1f}l7 7m0-7l-7 7"
        told = element("title", f"not whole: {words.when(time)}")
        parts.append(element("path", told, class_="failed", d=cross))
    parts += _dates(begin, now, x(begin), x(now))
    described = (
        f"{words.counted(len(whole), 'whole backup')}; the newest is {words.age(now - whole[-1])} old. "
        f"At its oldest the newest backup was {words.age(timedelta(seconds=max(visible)))} old in this time. "
        "The table below has all times."
    )
    return _svg(identity, title, described, parts)


def _saw_teeth(whole: Sequence[datetime], begin: datetime, now: datetime) -> list[tuple[datetime, float]]:
    """Return the age (seconds) of the newest backup over time: it rises, and falls to nothing with each backup."""
    earlier = [one for one in whole if one <= begin]
    last = earlier[-1] if earlier else None
    points = [(begin, (begin - last).total_seconds())] if last is not None else []
    for time in (one for one in whole if one > begin):
        if last is not None:
            points.append((time, (time - last).total_seconds()))
        points.append((time, 0.0))
        last = time
    return [*points, (now, (now - (last or now)).total_seconds())]


def _dates(begin: datetime, now: datetime, first: float, last: float) -> list[Markup]:
    same_day = now - begin < timedelta(days=2)

    def told(time: datetime) -> str:
        return f"{time.astimezone(UTC):%m-%d %H:%M}" if same_day else words.day(time)

    y = _HEIGHT - 5
    ticks = [_label(first, y, told(begin), anchor="start"), _label(last, y, told(now), anchor="end")]
    middle = begin + (now - begin) / 2
    return [*ticks, _label((first + last) / 2, y, told(middle))]


class _Scale:
    """Seconds as heights, from 0 to ``most``."""

    def __init__(self, most: float) -> None:
        self.most = most
        self.step = next((one for one in _STEPS if most / one <= _LINES), max(_STEPS[-1], round(most / _LINES)))

    def y(self, seconds: float) -> float:
        """Return where so many seconds lie."""
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * seconds / self.most

    def grid(self) -> Markup:
        """Return lines across, each with its value."""
        parts, value = [], 0
        while value <= self.most:
            y = self.y(value)
            parts.append(element("line", class_="grid", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y))
            parts.append(_label(_LEFT - 5, y + 3.5, _short(value), anchor="end"))
            value += self.step
        return element("g", *parts)

    def limit(self, seconds: float, told: str) -> Markup:
        """Return a dashed line with its words."""
        y = self.y(seconds)
        line = element("line", class_="limit", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y)
        words_of = f"{told} {_short(seconds)}"
        return joined(line, _label(_WIDTH - _RIGHT, y - 4, words_of, anchor="end", kind="limit-label"))


def _short(seconds: float) -> str:
    """Return a length of time for an axis: ``30 s``, ``5 min``, ``26 h``, ``3 d``."""
    for unit, size, most in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 172_800)):
        if seconds < most:
            return f"{seconds / size:g} {unit}" if seconds else "0"
    return f"{seconds / 86_400:g} d"


def _label(x: float, y: float, text: str, *, anchor: str = "middle", kind: str = "label") -> Markup:
    return element("text", text, class_=kind, x=x, y=y, text_anchor=anchor)


def _svg(identity: str, title: str, described: str, parts: Sequence[Part]) -> Markup:
    return element(
        "svg",
        element("title", title, id=f"{identity}-title"),
        element("desc", described, id=f"{identity}-desc"),
        *parts,
        class_="plot",
        viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
        role="img",
        aria_labelledby=f"{identity}-title {identity}-desc",
    )
