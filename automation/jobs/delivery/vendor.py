"""Vendor: write the upstream manifests that gitops/ keeps, at the versions of the tools."""

from __future__ import annotations

from automation.gitops import vendor as manifests
from automation.toolchain import install
from automation.workspace import Workspace


def vendor(*, check: bool) -> list[str]:
    """Write what differs and return a line for each file, or only check.

    Raises ChangesPending (exit code 4) with ``check`` when a file is not what would be written.
    """
    root = Workspace.find().root
    generated = manifests.generate(
        manifests.Sources(
            argocd=install.module_folder("argocd"),
            argocd_version=install.version("argocd"),
            velero=install.path("velero"),
            velero_version=install.version("velero"),
            snapshots=install.module(
                f"{manifests.SNAPSHOT_MODULE}@v{manifests.SNAPSHOT_VERSION}", manifests.SNAPSHOT_SUM
            ),
        )
    )
    if check:
        manifests.check(root, generated)
        return ["The vendored manifests are what they must be."]
    return [f"written: {path}" for path in manifests.write(root, generated)] or ["Nothing to write."]
