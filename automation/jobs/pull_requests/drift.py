"""Drift: what has changed behind OpenTofu's back, and what of the description was never applied."""

from __future__ import annotations

from dataclasses import dataclass

from automation import report
from automation.github import actions, issues
from automation.github.client import GitHub
from automation.github.event import Event
from automation.jobs.infrastructure import state
from automation.opentofu import text as readable
from automation.opentofu.comment import notices
from automation.opentofu.plan import Plan
from automation.site import Site


@dataclass(frozen=True)
class Drift:
    """What was found in one environment: ``outside`` is a refresh-only plan, ``pending`` an ordinary one."""

    environment: str
    outside: Plan
    pending: Plan

    @property
    def found(self) -> bool:
        """Whether reality and description differ, so that an apply would change something.

        What changed outside and is described nowhere does not count: providers fill in many attributes (a volume's
        droplets, how many things carry a tag) only some time after an apply.
        """
        return not self.pending.empty


def drift(site: Site) -> Drift:
    """Look for drift; nothing is changed, and no plan is kept."""
    with report.phase(f"Preparing the state of {site.name}"):
        site.store.ensure_bucket(site.environment.state.bucket)
        site.tofu.init()
    try:
        with state.lent_key(site), report.phase(f"Looking what changed outside of OpenTofu in {site.name}"):
            _, document = site.tofu.plan(refresh_only=True)
            outside = site.read(document)
        with state.lent_key(site), report.phase(f"Looking what is pending in {site.name}"):
            _, document = site.tofu.plan()
            pending = site.read(document)
    finally:
        site.tofu.discard_plan()
    return Drift(site.name, outside, pending)


def text(found: Drift) -> str:
    """Return what was found as a terminal shows it."""
    changed = found.outside.drift or not found.outside.empty
    if not found.found and not changed:
        return f"{found.environment}: reality, state and description agree."
    if not found.found:
        return (
            f"{found.environment}: reality is as described.\n"
            f"What is described nowhere has changed outside of OpenTofu:\n{readable.render(found.outside)}"
        )
    told = [f"{found.environment}: drift"]
    if changed:
        told += ["Changed outside of OpenTofu:", readable.render(found.outside)]
    if not found.pending.empty:
        told += ["Described, but not applied:", readable.render(found.pending)]
    return "\n".join(told)


def tell(found: Drift, event: Event, github: GitHub) -> None:
    """Keep one issue open for an environment that drifts, and close it when the drift is gone."""
    name, url = found.environment, event.run.url
    if not found.found:
        closed = issues.close(github, name, f"The drift is gone, as [this run]({url}) saw.")
        if closed:
            report.note(f"closed #{closed.number}: the drift of {name} is gone")
        return
    body = notices.drift_issue(name, found.outside, found.pending, run_url=url)
    issue = issues.upsert(github, name, f"Drift in {name}", body, run_id=event.run.run_id)
    actions.summary(body)
    report.note(f"#{issue.number} tells of the drift of {name}")
