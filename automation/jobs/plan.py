"""Plan: say what would change, and keep that very plan for the apply."""

from __future__ import annotations

from collections.abc import Sequence

from automation import report
from automation.jobs.site import Site
from automation.opentofu import plan as model
from automation.opentofu.runner import SavedPlan


def plan(site: Site, *, destroy: bool = False, options: Sequence[str] = ()) -> tuple[SavedPlan, model.Plan]:
    """Plan the environment, save the plan, and return it with what it says."""
    with report.phase(f"Preparing the state of {site.name}"):
        site.store.ensure_bucket(site.environment.state.bucket)
        site.tofu.init()
    with report.phase(f"Planning {'the end of ' if destroy else ''}{site.name}"):
        saved, document = site.tofu.plan(options, destroy=destroy)
    return saved, model.parse(document)
