"""Bootstrap: from an empty cluster to every application Synced and Healthy, from Git alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from automation import report, wait
from automation.errors import ConfigurationError, Interrupted
from automation.gitops import argocd, endpoints, history, promotion, repository, secrets
from automation.gitops.installation import ROOT
from automation.journal import Journal
from automation.site import Site
from automation.toolchain import images, install

SYNC_PATIENCE = 900.0  # seconds; images are pulled within it


def bootstrap(site: Site, *, apps: str = "enabled") -> None:
    """Install Argo CD, hand it ``gitops/`` and wait until every application is Synced and Healthy.

    With ``apps="paused"`` the applications of the apps zone are made but not synced: a restore comes first. It waits
    only for what a restore stands on; :func:`automation.jobs.recovery.restore.resume` waits for the rest.
    Finished phases are journalled for this very cluster, so a killed bootstrap goes on where it stopped.
    """
    wanted = site.secrets()  # before anything is applied: a source without a value is refused
    if site.mirror:
        with report.phase("Making the images that can't be pulled here"):
            images.ensure(*images.for_environment(site.name))
    with report.phase("Starting the servers around the cluster"):
        site.up()
    warn_of_uncommitted(site)
    namespace = site.kube.get("v1", "Namespace", "kube-system") or {}
    identity = namespace.get("metadata", {}).get("uid", "")
    journal = Journal(
        site.kept / "journals" / "bootstrap.jsonl", kind="bootstrap", key={"cluster": identity}, replace_other=True
    )
    with advice(f"dogitops bootstrap {site.name}", f"dogitops destroy {site.name}"):
        if any(site.ports):
            with report.phase("Telling the cluster where the servers are"):
                site.kube.apply_all(endpoints.endpoints(site.address, *site.ports))
        with report.phase("Seeding the secrets that the first sync needs"):
            for line in secrets.seed(site.kube, wanted):
                report.note(str(line))
        with as_argocd_reads(site) as tree:
            with report.phase("Installing Argo CD"):
                journal.once("install", lambda: install_argocd(site, tree, apps))
            with report.phase("Starting the platform beside it"):
                journal.once("platform", lambda: start_platform(site, tree))
            with report.phase("Handing the repository to Argo CD"):
                journal.once("hand over", lambda: hand_over(site, tree))
        if apps == "paused":
            with report.phase("Waiting for the namespaces and their rules"):
                argocd.wait_until_synced(site.kube, {ROOT}, timeout=SYNC_PATIENCE, progress=report.doing)
                _wait_for_namespaces(site)
        else:
            with report.phase("Waiting until every application is Synced and Healthy"):
                argocd.wait_until_synced(site.kube, timeout=SYNC_PATIENCE, progress=report.doing)
                argocd.resume_apps(site.kube)
                argocd.wait_until_synced(site.kube, timeout=SYNC_PATIENCE, progress=report.doing)
    journal.clear()


@contextmanager
def as_argocd_reads(site: Site) -> Iterator[Path]:
    """Give the repository as Argo CD is going to read it: the last commit, or what it pins this cluster to."""
    root, path = site.workspace.root, site.environment.gitops.path
    head = repository.head(root)
    told = repository.text_at(root, head, f"{path}/kustomization.yaml") or ""
    pin = promotion.pin_of(told)
    if pin is None or pin.commit is None:
        with repository.committed(root) as tree:
            yield tree
        return
    if not history.is_in(root, pin.commit, head):
        raise ConfigurationError(
            f"{path} pins the commit {pin.commit[:12]}, which is not in this clone's history.",
            hint="Fetch it: git fetch --unshallow, or check out the branch that it is on.",
        )
    with history.as_argocd_reads(root, path, head, pin.commit) as tree:
        yield tree


def install_argocd(site: Site, tree: Path, apps: str) -> None:
    """Install Argo CD at the version that ``gitops/platform/argocd`` pins, and wait for it."""
    argocd.install(
        site.kube,
        tree,
        site.name,
        kustomize=install.path("kustomize"),
        apps_automation=apps,
        path=site.environment.gitops.path,
        url=site.repository_url,
        revision=site.revision,
    )


def hand_over(site: Site, tree: Path) -> None:
    """Tell Argo CD where the repository is and which folder in it describes the cluster: from here on Git decides."""
    argocd.hand_over(
        site.kube,
        tree,
        site.name,
        path=site.environment.gitops.path,
        url=site.repository_url,
        revision=site.revision,
    )


def start_platform(site: Site, tree: Path) -> list[str]:
    """Apply what the platform needs besides Argo CD, which takes it over: both start at the same time."""
    return argocd.start_platform(
        site.kube,
        tree,
        site.name,
        kustomize=install.path("kustomize"),
        path=site.environment.gitops.path,
    )


def _wait_for_namespaces(site: Site) -> None:
    """Wait until Argo CD has made the namespaces of a backup: a restore that made them would do without their rules."""
    missing: list[str] = []

    def made() -> bool:
        missing[:] = [name for name in site.environment.backup.namespaces if not site.kube.get("v1", "Namespace", name)]
        return not missing

    wait.until(
        made,
        "the namespaces of the backup to come from Git",
        timeout=SYNC_PATIENCE,
        progress=report.doing,
        state=lambda: f"missing: {', '.join(missing)}",
        hint="Every namespace of environment.yaml's backup must be described in gitops/.",
    )


def warn_of_uncommitted(site: Site) -> None:
    """Warn of changes that Argo CD will not see, because it reads commits."""
    files = repository.uncommitted(site.workspace.root, "gitops")
    if files:
        report.warn(f"Argo CD reads commits, and these changes are in none: {', '.join(files[:5])}")


@contextmanager
def advice(resume: str, clean_up: str) -> Iterator[None]:
    """Turn an interruption into words on how to go on and how to clean up."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(
            "Interrupted; what was finished is recorded.",
            hint=f"Go on with '{resume}', or clean up with '{clean_up}'.",
        ) from error
