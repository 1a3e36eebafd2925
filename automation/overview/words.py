"""How times and lengths of time are said, on the page and in tables; all times are UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60))
_MINUTE: Final = 60
_HOUR: Final = 3_600


def when(time: datetime) -> str:
    """Return a time such as ``2026-11-21 20:20 UTC``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def day(time: datetime) -> str:
    """Return a day such as ``11-21``, for an axis."""
    return f"{time.astimezone(UTC):%m-%d}"


def age(length: timedelta) -> str:
    """Return an age in its largest unit, such as ``2 days``, ``1 hour`` or ``less than a minute``."""
    seconds = length.total_seconds()
    if seconds < -_MINUTE:
        return "in the future"
    for unit, size in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def ago(time: datetime, now: datetime) -> str:
    """Return how long ago a time was, such as ``2 days ago``."""
    told = age(now - time)
    return told if told == "in the future" else f"{told} ago"


def length(seconds: float | None) -> str:
    """Return a length of time, such as ``4.2 s``, ``2 min 05 s``, ``1 h 04 min``."""
    if seconds is None:
        return "not measured"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def counted(count: int, word: str) -> str:
    """Return a number with its word: ``1 node``, ``3 nodes``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
