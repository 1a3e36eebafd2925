"""Destroy: everything of an environment; its backups only when told."""

from __future__ import annotations

from collections.abc import Callable

from automation import report
from automation.errors import Refused
from automation.jobs.infrastructure import cleanup, state
from automation.jobs.infrastructure.plan import plan
from automation.opentofu import text
from automation.site import Site

_BACKUPS = "terraform_data.bucket"


def destroy(site: Site, *, delete_backups: bool, confirm: Callable[[str], bool]) -> None:
    """Plan the end of the environment, show it, ask, and apply that plan; end the servers.

    Of a cluster at DigitalOcean nothing may be left: see :func:`.cleanup.nothing_left_of`. Raises
    Refused when the user says no.
    """
    options = [] if delete_backups else [f"-exclude={_BACKUPS}"]
    saved, document = plan(site, destroy=True, options=options)
    parsed = site.read(document)
    report.result(text.render(parsed))
    if not parsed.empty:
        if not confirm(f"Destroy the environment {site.name}?"):
            site.tofu.discard_plan()
            raise Refused("Nothing was destroyed.", hint="Answer with the name that is asked for, or give --yes.")
        with cleanup.nothing_left_of(site):
            with state.lent_key(site), report.phase(f"Destroying {site.name}"):
                site.tofu.apply(saved)
            _remove_half_made(site)
    else:
        _remove_half_made(site)
    with_buckets = any(change.type.endswith("_bucket") for change in parsed.destroys)  # theirs is in the description
    if not delete_backups and not with_buckets:
        report.note(f"backups stay in the bucket {site.environment.backup.bucket} (--delete-backups removes them)")
    ended = site.down()
    if ended:
        report.note(f"ended: {', '.join(ended)}")


def _remove_half_made(site: Site) -> None:
    """Remove what a half-made apply left behind, outside of the state."""
    if site.provider.exists(site.cluster):
        site.delete_cluster(keep_foreign=True)
