"""How requests are sent that make something: DigitalOcean knows no idempotency keys, and an answer may be lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from automation import report, retry, wait
from automation.digitalocean.problems import AnswerUnreadable, NameTaken, Unavailable
from automation.digitalocean.transport import Patience
from automation.errors import DeadlineExceeded

T = TypeVar("T")


def made(patience: Patience, look: Callable[[], T | None], send: Callable[[], T], what: str) -> T:
    """Return what ``look`` finds, or what ``send`` makes: never two of it, whatever becomes of an answer.

    DigitalOcean knows no idempotency keys. So after an answer that was lost we look for a while for what the
    request may have made all the same, and send it again only when nothing shows up.
    """
    found = look()
    if found is not None:
        return found
    for attempt in retry.attempts(_lost, tries=patience.tries, first=patience.first, longest=patience.longest):
        with attempt:
            try:
                return send()
            except NameTaken:
                found = look()
                if found is None:
                    raise
                return found
            except (Unavailable, AnswerUnreadable) as error:
                found = _settled(patience, look, what)
                if found is None:
                    raise
                report.note(f"{what} was made, though the answer was lost: {error.message}")
                return found
    raise AssertionError("the last attempt returns or raises")


def insistently(patience: Patience, send: Callable[[], T]) -> T:
    """Return what ``send`` returns, sending again after a lost answer: for what does no harm when done twice."""
    for attempt in retry.attempts(_lost, tries=patience.tries, first=patience.first, longest=patience.longest):
        with attempt:
            return send()
    raise AssertionError("the last attempt returns or raises")


def _settled(patience: Patience, look: Callable[[], T | None], what: str) -> T | None:
    """Return what shows up within a while, None where nothing does."""
    pause = min(patience.poll, patience.settle)
    try:
        return wait.until(
            lambda: [found] if (found := look()) is not None else None,
            f"{what} to show up",
            timeout=patience.settle,
            interval=pause,
        )[0]
    except DeadlineExceeded:
        return None


def _lost(error: Exception) -> bool:
    return isinstance(error, Unavailable)
