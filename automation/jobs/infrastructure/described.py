"""Described: what a command wrote into an environment's description, planned, shown, agreed to, and applied at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from automation import report
from automation.errors import Refused
from automation.jobs.infrastructure import apply as apply_job
from automation.jobs.infrastructure import state
from automation.jobs.infrastructure.plan import plan
from automation.jobs.infrastructure.review import Review, judged
from automation.opentofu.comment.price import money
from automation.secret import Secret
from automation.site import Site

Agreed = Callable[[Review], None]


def apply(
    site: Site,
    variables: Mapping[str, str | Secret] | None = None,
    *,
    agreed: Agreed | None = None,
    options: Sequence[str] = (),
) -> Review:
    """Plan the environment and apply that plan, with more ``variables`` for tofu; return what it did.

    ``agreed`` looks at the plan first, and raises Refused where it shall not be applied; so does the guard, where
    something protected would be lost.
    """
    with ExitStack() as during:
        during.enter_context(site.tofu.lent(variables or {}))
        during.enter_context(state.lent_key(site))
        reviewed = look_at(site, agreed, options=options, keep=True)
        if reviewed.plan.empty:
            site.tofu.discard_plan()
            report.note("nothing has to be changed")
            return reviewed
        if agreed is None:
            for line in costs(reviewed):
                report.note(line)
        apply_job.apply(site)
    return reviewed


def look_at(site: Site, agreed: Agreed | None, *, options: Sequence[str] = (), keep: bool = False) -> Review:
    """Plan the environment and have the plan looked at; it is saved with ``keep``. Raises Refused as :func:`apply`."""
    _, document = plan(site, options=options)
    try:
        reviewed = judged(site, document)
        _guard(site, reviewed)
        if agreed is not None:
            agreed(reviewed)
    except BaseException:
        site.tofu.discard_plan()
        raise
    if not keep:
        site.tofu.discard_plan()
    return reviewed


def costs(reviewed: Review) -> list[str]:
    """Return in words what a plan changes in the monthly bill."""
    found = reviewed.cost
    lines = [
        f"{line.address}: {money(line.before)} a month before, {money(line.after)} after"
        + (f" ({line.note})" if line.note else "")
        for line in found.lines
    ]
    if len(found.lines) > 1:
        lines.append(f"together: {money(found.before)} a month before, {money(found.after)} after")
    lines += [f"{one.address} has no price here: {one.why}" for one in found.unpriced]
    if lines:
        lines.append(f"list prices of {found.as_of:%Y-%m-%d}, in USD before taxes and traffic")
    return lines


def _guard(site: Site, reviewed: Review) -> None:
    if reviewed.findings:
        lost = ", ".join(f"{one.what} {one.address}" for one in reviewed.findings)
        raise Refused(
            f"The plan of {site.name} would lose what is protected: {lost}.",
            hint=f"Look at it: 'dogitops plan {site.name}'. What is meant is applied by 'dogitops apply'.",
        )
