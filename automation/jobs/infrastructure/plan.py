"""Plan: say what would change, and keep that very plan for the apply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automation import report
from automation.jobs.infrastructure import state
from automation.opentofu.runner import SavedPlan
from automation.site import Site

CLUSTER = "terraform_data.cluster"  # the cluster of an environment whose provider OpenTofu can't look into


def plan(site: Site, *, destroy: bool = False, options: Sequence[str] = ()) -> tuple[SavedPlan, dict[str, Any]]:
    """Plan the environment, save the plan, and return it with its JSON document, which is not redacted yet.

    A cluster that is in the state but does not exist any more is planned to be made again.
    """
    with report.phase(f"Preparing the state of {site.name}"):
        site.store.ensure_bucket(site.environment.state.bucket)
        site.tofu.init()
    with state.lent_key(site), report.phase(f"Planning {'the end of ' if destroy else ''}{site.name}"):
        lost = not destroy and CLUSTER in site.tofu.resources() and not site.provider.exists(site.cluster)
        if lost:
            report.warn(f"The cluster {site.cluster} is gone, though the state has it: the plan makes it again.")
        again = [f"-replace={CLUSTER}"] if lost else []
        return site.tofu.plan([*options, *again], destroy=destroy)
