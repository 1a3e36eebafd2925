"""Status: what an environment is like right now."""

from __future__ import annotations

from dataclasses import dataclass

from automation.errors import DogitopsError, VerificationFailed
from automation.gitops import argocd, repository
from automation.jobs.recovery import evidence as evidence_job
from automation.recovery import evidence, location
from automation.site import Site


@dataclass(frozen=True)
class Line:
    """One fact: what it is about, its state, and whether that is as it should be."""

    subject: str
    state: str
    good: bool


def status(site: Site, *, drill: bool = True) -> list[Line]:
    """Return the state of the cluster, its applications, its backups and (with ``drill``) the newest evidence."""
    lines = []
    if not site.provider.exists(site.cluster) or not site.reachable():
        return [Line("cluster", f"{site.cluster} does not exist", good=False)]
    nodes = site.provider.nodes(site.cluster)
    lines.append(Line("cluster", f"{site.cluster} ({site.provider.kind}, nodes: {len(nodes)})", good=True))
    site.up()
    try:
        for application in argocd.applications(site.kube):
            good = (application.sync, application.health) == ("Synced", "Healthy")
            lines.append(Line(f"application {application.name}", f"{application.sync}, {application.health}", good))
        backups = location.known_backups(site.kube)
        lines.append(Line("backups", ", ".join(backups) or "none", bool(backups)))
    except DogitopsError as error:
        lines.append(Line("cluster API", error.message, good=False))
    if drill:
        lines.append(_newest_drill(site))
    lines.append(Line("commit", repository.head(site.workspace.root)[:12], good=True))
    return lines


def _newest_drill(site: Site) -> Line:
    if evidence.newest(site.kept / "evidence") is None:
        return Line("newest drill", "none yet", good=False)
    try:
        _, newest = evidence_job.newest(site)
    except VerificationFailed as error:
        return Line("newest drill", error.message, good=False)
    told = f"{newest.verdict}, {newest.finished:%Y-%m-%d %H:%M} UTC"
    return Line("newest drill", told, newest.verdict == "passed")
