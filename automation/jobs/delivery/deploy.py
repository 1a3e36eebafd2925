"""Deploy: a version of an application, written into Git; and the wait until the cluster runs what Git says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from automation import process, report, wait, yaml_places
from automation.errors import ConfigurationError, did_you_mean
from automation.gitops import argocd, repository
from automation.gitops.manifests import Entry, Manifest, contents, render
from automation.jobs.delivery import verify
from automation.kube import Kube
from automation.kube.objects import unfinished
from automation.site import Site
from automation.toolchain import install

PATIENCE = 600.0  # seconds for images to be pulled and pods to be ready

_APPLICATIONS = "apps"
_FILE = "kustomization.yaml"
_VERSION = re.compile(r"v?\d[\w.-]*")


@dataclass(frozen=True)
class Application:
    """An application of a cluster: its entry, the file that pins its versions, and these, by image."""

    entry: Entry
    file: Path
    versions: dict[str, str]


def application(site: Site, name: str | None = None) -> Application:
    """Return the application ``name`` of an environment; without a name, the one whose versions are pinned there.

    Raises ConfigurationError where there is none, or more than one.
    """
    root = site.workspace.root
    entries = contents(install.path("kustomize"), root, site.environment.gitops.path)
    found = {}
    for entry in entries:
        if entry.zone == _APPLICATIONS and (root / entry.path / _FILE).is_file():
            read = yaml.safe_load((root / entry.path / _FILE).read_text())
            images = {one["name"]: str(one["newTag"]) for one in read.get("images") or () if "newTag" in one}
            if images:
                found[entry.application] = Application(entry, root / entry.path / _FILE, images)
    wanted = name or (next(iter(found)) if len(found) == 1 else None)
    if wanted is None or wanted not in found:
        told = f"no application {name!r}.{did_you_mean(name, found)}" if name else f"{len(found)} applications."
        raise ConfigurationError(
            f"{site.name} pins the versions of {told}",
            hint=f"Known: {', '.join(found) or 'none'}. Each is an entry under 'apps' in "
            f"{site.environment.gitops.path}, with 'images' in its kustomization.yaml.",
        )
    return found[wanted]


def pin(site: Site, app: Application, version: str) -> bool:
    """Write ``version`` for all images of an application; return whether that changed anything.

    Raises ConfigurationError for what is no version: what moves, such as ``latest``, is none.
    """
    if not _VERSION.fullmatch(version):
        raise ConfigurationError(
            f"{version!r} is no version that can be pinned.",
            hint="Give the tag that the images were pushed with, such as 1.4.2; it begins with a digit.",
        )
    text = before = app.file.read_text()
    images: list[Any] = yaml.safe_load(text)["images"]
    for number in range(len(images)):
        text = yaml_places.with_value(text, ["images", number], "newTag", version)
    app.file.write_text(text)
    if text != before:
        report.note(f"{app.file.relative_to(site.workspace.root)} pins {version}")
    return text != before


def commit(site: Site, app: Application, version: str) -> str:
    """Commit the file that pins the versions, and nothing else; return the commit."""
    file = app.file.relative_to(site.workspace.root)
    message = f"Deploy {app.entry.application} {version} to {site.name}"
    process.run(["git", "-C", site.workspace.root, "commit", "--quiet", "--message", message, "--", file])
    return repository.head(site.workspace.root)


def is_committed(site: Site, app: Application) -> bool:
    """Whether the file that pins the versions is in Git as it stands."""
    file = app.file.relative_to(site.workspace.root)
    return str(file) not in repository.uncommitted(site.workspace.root, str(file))


def wait_until_deployed(site: Site, app: Application) -> list[tuple[str, str]]:
    """Wait until the cluster runs the versions that stand in Git, and return what is reached where.

    Raises DeadlineExceeded, naming what is not there yet.
    """
    kube = site.kube
    manifests = render(install.path("kustomize"), site.workspace.root / app.entry.path)
    deployments = [one for one in manifests if one["kind"] == "Deployment"]
    waiting: list[str] = []

    def done() -> bool:
        waiting[:] = [told for one in deployments if (told := _lacks(kube, one, app.entry.namespace))]
        return not waiting

    with report.phase(f"Waiting for {app.entry.application}"):
        argocd.refresh(kube, app.entry.application)  # rather than at its next look at Git
        wait.until(
            done,
            f"{app.entry.application} to run as Git says",
            timeout=PATIENCE,
            progress=report.doing,
            state=lambda: "; ".join(waiting),
            hint=f"'dogitops status {site.name}' shows whether Argo CD has seen the commit; 'kubectl describe' of the "
            "pods, why they don't start.",
        )
    return addresses(site, kube)


def addresses(site: Site, kube: Kube) -> list[tuple[str, str]]:
    """Return what of the application is reached where; nothing for an environment that tries out none."""
    tried = site.environment.checks.application
    if tried is None:
        return []
    way = verify.entrance(site, kube, tried).told
    url = way if "://" in way else f"(no load balancer: {way})"
    return [("frontend", f"{url}{tried.frontend}" if "://" in url else url), ("API", f"{url}{tried.api}")]


def _lacks(kube: Kube, wanted: Manifest, namespace: str) -> str:
    """Return what a Deployment still lacks to run as it is described."""
    name = wanted["metadata"]["name"]
    there = kube.get("apps/v1", "Deployment", name, namespace)
    if there is None:
        return f"{name} is missing"
    if _images(there) != _images(wanted):
        return f"{name} is still described with {', '.join(_images(there))}"
    told = unfinished(there)
    return f"{name}: {told}" if told else ""


def _images(deployment: Manifest) -> Sequence[str]:
    return [container["image"] for container in deployment["spec"]["template"]["spec"]["containers"]]
