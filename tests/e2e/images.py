"""Images for the containers of tests: pulled where the registries can be reached, else built and loaded here."""

from __future__ import annotations

import tempfile
from pathlib import Path

from automation.toolchain import engine, images, oci
from automation.toolchain.image_build import Builder


def in_docker(reference: str) -> str:
    """Make sure that the local docker engine has ``reference``, and return it."""
    if engine.image_exists(reference):
        return reference
    if images.upstream_reachable():
        engine.docker("pull", reference)
        return reference
    layout = Builder.default().build(reference)[reference]
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        oci.pack(layout.folder, archive)
        engine.docker("load", "--input", archive)
    assert engine.image_exists(reference), f"docker load did not bring {reference}"
    return reference
