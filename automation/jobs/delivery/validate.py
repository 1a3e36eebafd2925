"""Validate: all that can be known to be wrong in gitops/ and its environments, before anything is applied."""

from __future__ import annotations

from collections.abc import Sequence

from automation import workspace
from automation.errors import ChangesPending, ConfigurationError, did_you_mean
from automation.gitops import validation
from automation.gitops.validation import clusters, schemas
from automation.gitops.validation.findings import Report
from automation.kube import Kube
from automation.toolchain import install, release
from automation.workspace import Workspace

_TOOLS = ("kustomize", "kubeconform", "helm")


def validate(found: Workspace, names: Sequence[str] = ()) -> Report:
    """Look at the environments ``names``, or at all that ``gitops/clusters`` describes.

    Raises ConfigurationError for an unknown name; findings are no errors here, see :meth:`Report.fail`.
    """
    known = clusters.names(found.root)
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"There is no cluster {name!r} in gitops/clusters.{did_you_mean(name, known)}",
                hint=f"Known: {', '.join(known) or 'none'}.",
            )
    return validation.validate(found.root, names or known, tools())


def keep_schemas(kube: Kube, *, check: bool = False) -> str:
    """Keep what the API server publishes of Kubernetes' own kinds, and say what was done.

    Raises ConfigurationError for a server of another version than the file is of, ChangesPending where ``check`` finds
    a difference.
    """
    published, kept = schemas.compact(kube.openapi()), schemas.read()
    name = schemas.PUBLISHED.name
    if published.version != kept.version:
        raise ConfigurationError(
            f"{name} is of Kubernetes {kept.version}, and this cluster has {published.version}.",
            hint="Take a cluster of that version, or rename the file in automation/gitops/validation/schemas.py.",
        )
    if published == kept:
        return f"{name} is what this API server publishes."
    if check:
        raise ChangesPending(f"{name} is not what this API server publishes.", hint="dogitops gitops schemas ENV")
    schemas.write(published, schemas.PUBLISHED)
    return f"{name} is written."


def tools() -> validation.Tools:
    """Return the programs that look at manifests, made ready where they are not."""
    paths = install.ensure(*_TOOLS)
    return validation.Tools(
        kustomize=paths["kustomize"],
        kubeconform=paths["kubeconform"],
        helm=paths["helm"],
        kept=workspace.cache_folder() / "gitops",
        own_version=install.version("kubectl"),
        reachable=release.reachable,
    )
