"""Apply: exactly the saved plan, once."""

from __future__ import annotations

from typing import Any

from automation import report
from automation.errors import DogitopsError
from automation.jobs.site import Site


def apply(site: Site) -> dict[str, Any]:
    """Apply the saved plan of the environment and return the outputs that are not sensitive.

    Raises ConfigurationError where there is no saved plan, DogitopsError when it is not what was planned.
    """
    saved = site.tofu.saved_plan(site.name)
    before = set(site.tofu.resources())
    with report.phase(f"Applying the saved plan to {site.name}"):
        try:
            site.tofu.apply(saved)
        except DogitopsError as error:
            after = set(site.tofu.resources())
            made, gone = sorted(after - before), sorted(before - after)
            done = "; ".join(
                [*(["made: " + ", ".join(made)] if made else []), *(["removed: " + ", ".join(gone)] if gone else [])]
            )
            raise DogitopsError(
                f"{error.message}\nDone before the failure: {done or 'nothing'}.",
                hint=error.hint or f"Plan and apply again: 'dogitops plan {site.name}'.",
            ) from error
    return site.tofu.outputs()
