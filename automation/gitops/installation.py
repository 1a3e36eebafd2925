"""Installing Argo CD from ``gitops/`` and handing it the repository."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from automation.errors import ConfigurationError
from automation.gitops.endpoints import REPOSITORY_URL
from automation.gitops.manifests import PLATFORM, Entry, Manifest, contents, render
from automation.kube import Kube
from automation.secret import Secret

NAMESPACE: Final = "argocd"
API: Final = "argoproj.io/v1alpha1"
SERVER: Final = "https://kubernetes.default.svc"
CLUSTER_SECRET: Final = "in-cluster"  # noqa: S105 - a name
AUTOMATION: Final = "dogitops.io/apps-automation"
ENABLED: Final = "enabled"
PAUSED: Final = "paused"
ROOT: Final = "root"

_CONTROLLER: Final = "argocd-controller"  # the field manager in whose name Argo CD applies
_TRACKING: Final = "argocd.argoproj.io/tracking-id"
_APPLICATION: Final = "argocd"
_FIRST: Final = frozenset({"CustomResourceDefinition", "Namespace"})
_BOOTSTRAP: Final = ("project.yaml", "root.yaml")


def install(
    kube: Kube,
    root: Path,
    environment: str,
    *,
    kustomize: Path,
    apps_automation: str | None = None,
    path: str | None = None,
    url: str = REPOSITORY_URL,
    revision: str = "HEAD",
) -> None:
    """Install Argo CD as the cluster's own folder describes it, and tell it about the cluster. Safe to repeat.

    ``root`` is the repository on this machine, ``path`` the cluster's folder in it (``gitops/clusters/ENVIRONMENT``),
    ``url`` and ``revision`` what Argo CD will read. ``apps_automation`` is ``enabled`` or ``paused`` (None: as it
    is; enabled on a new cluster). The pods are not waited for: ``wait_until_synced`` does that.
    """
    entry = _own_entry(kustomize, root, path or folder(environment))
    manifests = _as_argocd(entry, render(kustomize, root / entry.path))
    first = [manifest for manifest in manifests if manifest["kind"] in {"Namespace", "Secret"}]
    kube.apply_all(first, manager=_CONTROLLER)
    _seed_own_secrets(kube)
    kube.apply_all([manifest for manifest in manifests if manifest not in first], manager=_CONTROLLER)
    kube.apply(cluster_secret(environment, url, revision, apps_automation or _automation(kube)))


def start_platform(kube: Kube, root: Path, environment: str, *, kustomize: Path, path: str | None = None) -> list[str]:
    """Apply the rest of the platform, so that it starts while Argo CD does; return the entries' names.

    The manifests are those that Argo CD will read from Git, applied as it would, so that it finds them Synced; charts
    are left to it. Namespaces and kinds of all entries come first: entries stand on each other's. Safe to repeat.
    """
    listed = [
        entry
        for entry in contents(kustomize, root, path or folder(environment))
        if entry.listed == PLATFORM and entry.application != _APPLICATION
    ]
    manifests = {entry: _as_argocd(entry, render(kustomize, root / entry.path)) for entry in listed}
    first = [one for each in manifests.values() for one in each if one["kind"] in _FIRST]
    kube.apply_all(first, manager=_CONTROLLER)
    for entry, each in manifests.items():
        kube.apply_all([one for one in each if one["kind"] not in _FIRST], entry.namespace, manager=_CONTROLLER)
    return [entry.application for entry in listed]


def hand_over(
    kube: Kube,
    root: Path,
    environment: str,
    *,
    path: str | None = None,
    url: str = REPOSITORY_URL,
    revision: str = "HEAD",
) -> None:
    """Apply ``gitops/bootstrap``, filled in for this cluster: from here on Git decides. Safe to repeat."""
    kube.apply_all(bootstrap_manifests(root, path or folder(environment), url, revision))


def folder(environment: str) -> str:
    """Return the folder, in the repository, that describes an environment's cluster."""
    return f"gitops/clusters/{environment}"


def bootstrap_manifests(root: Path, path: str, url: str, revision: str) -> list[Manifest]:
    """Return what ``gitops/bootstrap`` holds, with the cluster's repository, revision and folder in it.

    Raises ConfigurationError where a file is missing or ``path`` is not in the repository.
    """
    if not (root / path / "kustomization.yaml").is_file():
        raise ConfigurationError(
            f"{root / path} has no kustomization.yaml, so there is nothing to hand over.",
            hint="Check 'gitops.path' in the environment's environment.yaml.",
        )
    filled: list[Manifest] = []
    for name in _BOOTSTRAP:
        try:
            manifest = yaml.safe_load((root / "gitops" / "bootstrap" / name).read_text())
        except FileNotFoundError as error:
            raise ConfigurationError(f"{error.filename} is missing.", hint="Restore it from Git.") from error
        spec: dict[str, Any] = manifest["spec"]
        if manifest["kind"] == "AppProject":
            spec["sourceRepos"] = [url]
        else:
            spec["source"] = {"repoURL": url, "targetRevision": revision, "path": path}
        filled.append(manifest)
    return filled


def cluster_secret(environment: str, url: str, revision: str, automation: str) -> Manifest:
    """Return the Secret by which Argo CD knows the cluster it runs in, with the facts that its Applications need."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": CLUSTER_SECRET,
            "namespace": NAMESPACE,
            "labels": {
                "app.kubernetes.io/managed-by": "dogitops",
                "argocd.argoproj.io/secret-type": "cluster",
                "dogitops.io/environment": environment,
            },
            "annotations": {
                "dogitops.io/repo-url": url,
                "dogitops.io/revision": revision,
                AUTOMATION: automation,
            },
        },
        "stringData": {
            "name": CLUSTER_SECRET,
            "server": SERVER,
            "config": json.dumps({"tlsClientConfig": {"insecure": False}}),
        },
    }


def _as_argocd(entry: Entry, manifests: Sequence[Manifest]) -> list[Manifest]:
    """Return the manifests with the mark by which Argo CD knows an Application's objects (CRDs get none).

    Its form is ``application:group/Kind:namespace/name``, with the Application's namespace for objects that are in
    none (argo-cd, util/argo/resource_tracking.go).
    """
    marked = []
    for manifest in manifests:
        metadata = dict(manifest["metadata"])
        if manifest["kind"] != "CustomResourceDefinition":
            group = manifest["apiVersion"].rpartition("/")[0]
            where = f"{metadata.get('namespace') or entry.namespace}/{metadata['name']}"
            mark = f"{entry.application}:{group}/{manifest['kind']}:{where}"
            metadata["annotations"] = {**metadata.get("annotations", {}), _TRACKING: mark}
        marked.append({**manifest, "metadata": metadata})
    return marked


def _own_entry(kustomize: Path, root: Path, path: str) -> Entry:
    for entry in contents(kustomize, root, path):
        if entry.application == _APPLICATION:
            return entry
    raise ConfigurationError(
        f"The table of contents in {path} has no entry {_APPLICATION!r}, so there is nothing to install.",
        hint=f"Add it to {path}/kustomization.yaml, as gitops/clusters/local does.",
    )


def _automation(kube: Kube) -> str:
    found = kube.get("v1", "Secret", CLUSTER_SECRET, NAMESPACE) or {}
    return str(found.get("metadata", {}).get("annotations", {}).get(AUTOMATION, ENABLED))


def _seed_own_secrets(kube: Kube) -> None:
    """Make the two keys that Argo CD's pods would otherwise wait for one another to make."""
    redis = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "argocd-redis", "namespace": NAMESPACE},
        "stringData": {"auth": Secret.generate(24).reveal()},
    }
    kube.create(redis)  # where there is one, it stays
    own = kube.get("v1", "Secret", "argocd-secret", NAMESPACE) or {}
    if "server.secretkey" not in (own.get("data") or {}):
        key = Secret.generate(32).reveal()
        kube.patch("v1", "Secret", "argocd-secret", {"stringData": {"server.secretkey": key}}, NAMESPACE)
