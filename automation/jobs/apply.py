"""Apply: exactly the saved plan, once."""

from __future__ import annotations

from typing import Any

from automation import report
from automation.errors import DogitopsError
from automation.jobs.site import Site
from automation.opentofu.runner import StateLocked, Tofu


def apply(site: Site) -> dict[str, Any]:
    """Apply the saved plan of the environment and return the outputs that are not sensitive.

    Raises ConfigurationError where there is no saved plan, DogitopsError when it is not what was planned.
    """
    saved = site.tofu.saved_plan(site.name)
    before = set(site.tofu.resources())
    with report.phase(f"Applying the saved plan to {site.name}"):
        try:
            site.tofu.apply(saved)
        except StateLocked:
            raise
        except DogitopsError as error:
            raise DogitopsError(
                f"{error.message}\nDone before the failure: {_done_since(before, site.tofu)}.",
                hint=error.hint or f"Plan and apply again: 'dogitops plan {site.name}'.",
            ) from error
    return site.tofu.outputs()


def _done_since(before: set[str], tofu: Tofu) -> str:
    try:
        after = set(tofu.resources())
    except DogitopsError as error:
        return f"not known, since the state can't be read ({error.message})"
    told = [("made", sorted(after - before)), ("removed", sorted(before - after))]
    return "; ".join(f"{word}: {', '.join(addresses)}" for word, addresses in told if addresses) or "nothing"
