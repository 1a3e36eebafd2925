"""Status: what an environment is like right now."""

from __future__ import annotations

from dataclasses import dataclass

from automation.errors import DogitopsError, VerificationFailed
from automation.gitops import argocd, repository
from automation.jobs.drill import newest_evidence
from automation.jobs.site import Site
from automation.recovery import evidence, location


@dataclass(frozen=True)
class Line:
    """One fact: what it is about, its state, and whether that is as it should be."""

    subject: str
    state: str
    good: bool


def status(site: Site) -> list[Line]:
    """Return the state of the cluster, its applications, its backups and the newest evidence."""
    lines = []
    if not site.kubeconfig.exists() or not site.provider.exists(site.cluster):
        return [Line("cluster", f"{site.cluster} does not exist", good=False)]
    nodes = site.provider.nodes(site.cluster)
    lines.append(Line("cluster", f"{site.cluster} ({site.provider.kind}, {len(nodes)} nodes)", good=True))
    site.up()
    try:
        for application in argocd.applications(site.kube):
            good = (application.sync, application.health) == ("Synced", "Healthy")
            lines.append(Line(f"application {application.name}", f"{application.sync}, {application.health}", good))
        backups = location.known_backups(site.kube)
        lines.append(Line("backups", ", ".join(backups) or "none", bool(backups)))
    except DogitopsError as error:
        lines.append(Line("cluster API", error.message, good=False))
    if evidence.newest(site.kept / "evidence") is None:
        lines.append(Line("newest drill", "none yet", good=False))
    else:
        try:
            _, newest = newest_evidence(site)
            told = f"{newest.verdict}, {newest.finished:%Y-%m-%d %H:%M} UTC"
            lines.append(Line("newest drill", told, newest.verdict == "passed"))
        except VerificationFailed as error:
            lines.append(Line("newest drill", error.message, good=False))
    lines.append(Line("commit", repository.head(site.workspace.root)[:12], good=True))
    return lines
