"""What an environment's cluster says of itself: its nodes, its applications, its backups. Nothing is started for it."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime
from typing import Any, Final

from automation.errors import DogitopsError
from automation.gitops import argocd
from automation.gitops.installation import API, NAMESPACE, ROOT
from automation.kube import KindUnknown, Kube, Manifest
from automation.overview import words
from automation.overview.document import Application, Applications, Backup, Cluster
from automation.recovery import velero_objects as velero
from automation.site import Site, providers

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_SHOWN: Final = 3  # images of an application, in its version
_WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet")


def unknown(reason: str) -> dict[str, Any]:
    """Return the standing and the words of a fact that can't be known from here, and why not."""
    first = reason.strip().partition("\n")[0].rstrip(".")
    if first.partition(" ")[0][1:].islower():  # no name such as GitHub
        first = first[0].lower() + first[1:]
    return {"standing": "unknown", "told": f"unknown: {first}"}


def look(site: Site) -> tuple[Cluster, Kube | None]:
    """Return what is known of the cluster, and its API where that answers.

    The kubeconfig of a managed cluster is fetched where a token allows it.
    """
    kind, name = _kind(site), site.cluster
    named = {"provider": kind, "name": name}
    try:
        found = _found(site, kind)
    except DogitopsError as error:
        return Cluster(**named, **unknown(error.message)), None
    if found:
        return Cluster(**named, **found), None
    kube = Kube(site.kubeconfig)
    if not kube.ready():
        if kind in providers.ELSEWHERE or kind == "existing":
            return Cluster(**named, **unknown("its API does not answer from here")), None
        told = f"{name} ({kind}) was made here, but its API does not answer"
        return Cluster(**named, standing="bad", told=told), None
    try:
        return _asked(kube, kind, name), kube
    except DogitopsError as error:
        return Cluster(**named, **unknown(error.message)), None


def _found(site: Site, kind: str) -> dict[str, Any]:
    """Return why there is no API to ask, nothing where there may be one. Raises DogitopsError."""
    if site.kubeconfig.exists():
        return {}
    if kind == "existing":
        return unknown(f"it was not taken over from here yet ('dogitops apply {site.name}' does it)")
    if kind == "doks":
        return {} if site.reachable() else {"standing": "neutral", "told": "does not exist"}
    if kind == "droplet":
        if not site.provider.exists(site.cluster):
            return {"standing": "neutral", "told": "does not exist"}
        return unknown(f"its kubeconfig is not here ('dogitops bootstrap {site.name}' fetches it over SSH)")
    return {"standing": "neutral", "told": "none on this machine"}


def _kind(site: Site) -> str:
    """Return the provider's name without asking anything: who made the cluster, else who is to make it."""
    record = site.kept / "provider"
    return record.read_text().strip() if record.exists() else site.environment.cluster.provider


def _asked(kube: Kube, kind: str, name: str) -> Cluster:
    nodes = kube.list("v1", "Node")
    ready, version = sum(_is_ready(node) for node in nodes), kube.version()
    not_all = "" if ready == len(nodes) else f", {ready} Ready"
    return Cluster(
        standing="good" if nodes and ready == len(nodes) else "bad",
        told=f"{name} ({kind}), {words.counted(len(nodes), 'node')}{not_all}, Kubernetes {version}",
        provider=kind,
        name=name,
        nodes=len(nodes),
        ready=ready,
        kubernetes=version,
    )


def _is_ready(node: Manifest) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def applications(kube: Kube | None, cluster: Cluster) -> Applications:
    """Return what Argo CD says of what it runs."""
    if kube is None:
        return Applications(**without(cluster))
    try:
        manifests = kube.list(API, "Application", NAMESPACE)
        images = _images(kube) if manifests else {}
        listed = [_application(one, images) for one in manifests]
        version = _argocd(kube)
    except KindUnknown:
        return Applications(standing="bad", told="Argo CD is not installed")
    except DogitopsError as error:
        return Applications(**unknown(error.message))
    listed.sort(key=lambda one: one.name)
    good = sum(one.good for one in listed)
    revision = next((one.revision for one in listed if one.name == ROOT), "")
    told = f"{good} of {len(listed)} Synced and Healthy" if listed else "Argo CD has no applications"
    parts = [told, f"Argo CD {version}" if version else "", f"commit {revision[:7]}" if revision else ""]
    return Applications(
        standing="good" if listed and good == len(listed) else "bad",
        told=", ".join(filter(None, parts)),
        argocd=version,
        revision=revision,
        listed=tuple(listed),
    )


def without(cluster: Cluster) -> dict[str, Any]:
    """Return the standing and the words of what lies in a cluster that could not be asked."""
    if cluster.standing == "neutral":
        return {"standing": "neutral", "told": "no cluster"}
    return unknown("the cluster could not be asked")


def _images(kube: Kube) -> dict[tuple[str, str, str], list[str]]:
    """Return the images of each workload, by its kind, namespace and name."""
    found = {}
    for kind in _WORKLOADS:
        with contextlib.suppress(KindUnknown):
            for one in kube.list("apps/v1", kind):
                containers = one.get("spec", {}).get("template", {}).get("spec", {}).get("containers") or ()
                place = kind, one["metadata"].get("namespace", ""), one["metadata"]["name"]
                found[place] = [str(container.get("image", "")) for container in containers]
    return found


def _application(manifest: Manifest, images: dict[tuple[str, str, str], list[str]]) -> Application:
    state = argocd.state_of(manifest)
    status = manifest.get("status") or {}
    revisions = (status.get("sync") or {}).get("revisions") or [state.revision]
    commits = [one for one in revisions if _COMMIT.fullmatch(str(one))]
    return Application(
        name=state.name,
        zone=state.zone,
        version=_version(manifest, images),
        revision=commits[-1] if commits else "",
        sync=state.sync,
        health=state.health,
        message=state.message,
    )


def _version(manifest: Manifest, images: dict[tuple[str, str, str], list[str]]) -> str:
    """Return the chart with its version, else the images of its workloads, each with its tag."""
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    sources = [*(spec.get("sources") or ()), spec.get("source") or {}]
    charts = [f"{one['chart']} {one.get('targetRevision', '')}".strip() for one in sources if one.get("chart")]
    if charts:
        return ", ".join(charts)
    places = [
        (str(one.get("kind")), str(one.get("namespace") or ""), str(one.get("name")))
        for one in status.get("resources") or ()
    ]
    used = [image for place in places for image in images.get(place, ())]
    short = sorted({image.partition("@")[0].rpartition("/")[2] for image in used if image})
    more = f" and {len(short) - _SHOWN} more" if len(short) > _SHOWN else ""
    return ", ".join(short[:_SHOWN]) + more


def _argocd(kube: Kube) -> str:
    """Return the version of Argo CD's server, from its image; nothing where it has none."""
    server = kube.get("apps/v1", "Deployment", "argocd-server", NAMESPACE) or {}
    containers = server.get("spec", {}).get("template", {}).get("spec", {}).get("containers") or [{}]
    _, colon, tag = str(containers[0].get("image", "")).partition("@")[0].rpartition(":")
    return tag if colon and "/" not in tag else ""


def backups(kube: Kube) -> list[Backup]:
    """Return the backups that the cluster knows. Raises DogitopsError, KindUnknown where Velero is not there."""
    return [
        backup(one["metadata"]["name"], one.get("status") or {})
        for one in kube.list(velero.API, "Backup", velero.NAMESPACE)
    ]


def backup(name: str, status: dict[str, Any]) -> Backup:
    """Return a backup by its name and what Velero wrote of it."""
    phase = str(status.get("phase") or "New")
    return Backup(
        name=name,
        phase=phase,
        whole=phase == "Completed",
        started=_time(status.get("startTimestamp")),
        finished=_time(status.get("completionTimestamp")),
    )


def _time(told: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return time if time.tzinfo else None
