"""Trying again what failed for a reason that passes, and saying why."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import stamina

from automation import report
from automation.errors import DogitopsError

# Exceptions worth another try; or what tells by one whether it is worth one, or after how many seconds.
On = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool | float]


def attempts(on: On, *, tries: int, first: float = 1.0, longest: float = 30.0) -> Iterable[stamina.Attempt]:
    """Return so many tries at most; each is a context manager to do the work in.

    Between them lie ``first`` seconds, then twice that and so on up to ``longest``, with some chance added, so that
    several do not try again at the same moment. The last attempt's exception comes through.
    """
    return stamina.retry_context(
        on=on, attempts=tries, timeout=None, wait_initial=first, wait_max=longest, wait_jitter=min(1.0, first)
    )


def _tell(details: stamina.instrumentation.RetryDetails) -> None:
    """Say why something is tried again: stamina itself would log it, past our one place that prints."""
    error = details.caused_by
    told = error.message.splitlines()[0] if isinstance(error, DogitopsError) else type(error).__name__
    report.note(f"{told} Trying again in {details.wait_for:.0f} s.")


stamina.instrumentation.set_on_retry_hooks([_tell])
