"""Apply: exactly the saved plan, once."""

from __future__ import annotations

from automation import report
from automation.errors import DogitopsError, Refused
from automation.jobs.infrastructure import state
from automation.jobs.infrastructure.review import Review, judged
from automation.opentofu.runner import StateLocked
from automation.site import Site


def apply(site: Site, *, acknowledged: str = "") -> dict[str, str]:
    """Apply the saved plan of the environment and return its outputs as printed.

    ``acknowledged`` is the digest of the plan (12 characters at least) for which the loss of protected resources is
    agreed to. Raises ConfigurationError where there is no saved plan, DogitopsError when it is not what was planned,
    Refused when it would lose what is protected.
    """
    saved = site.tofu.saved_plan(site.name)
    _guard(judged(site, site.tofu.show(saved.path)), acknowledged, site.name)
    if site.environment.remote:  # others may apply at the same time: a lock counts only where the store keeps it
        state.probe(site.store, site.environment.state.bucket)
    with state.lent_key(site), report.phase(f"Applying the saved plan to {site.name}"):
        try:
            site.tofu.apply(saved)
        except StateLocked:
            raise
        except DogitopsError as error:
            told = f"\n{site.tofu.outcome.sentence()}" if site.tofu.outcome else ""
            raise DogitopsError(
                f"{error.message}{told}",
                hint=error.hint or f"Plan and apply again: 'dogitops plan {site.name}'.",
            ) from error
    return site.outputs()


def _guard(reviewed: Review, acknowledged: str, name: str) -> None:
    if not reviewed.findings or (len(acknowledged) >= SHORT and reviewed.digest.startswith(acknowledged)):
        return
    lost = "\n".join(f"  {finding.what}: {finding.address} {finding.detail}".rstrip() for finding in reviewed.findings)
    raise Refused(
        f"The saved plan of {name} would lose what is protected:\n{lost}",
        hint=f"If that is meant: 'dogitops apply {name} --acknowledge {reviewed.digest[:SHORT]}'.",
    )


SHORT = 12  # characters of a digest that people write
