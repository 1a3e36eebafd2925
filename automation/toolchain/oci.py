"""Container images written file by file, without an engine: layers, configurations, OCI image layouts.

The same content gives the same bytes, and so the same digests. A layout also carries ``manifest.json``, which
makes the folder, packed as a tar, something that ``docker load`` and ``ctr images import`` take as it is.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
INDEX = "application/vnd.oci.image.index.v1+json"
RECIPE = "dogitops.recipe"
NAME = "io.containerd.image.name"


@dataclass(frozen=True)
class Item:
    """One entry of a layer at ``path``: a folder, unless it has ``content``, a ``source`` file or a ``link`` target."""

    path: str
    mode: int = 0o755
    owner: int = 0
    content: bytes | None = None
    source: Path | None = None
    link: str | None = None


@dataclass(frozen=True)
class Layer:
    """A finished, uncompressed layer: its tar archive, its digest and its size in bytes."""

    archive: Path
    digest: str
    size: int


@dataclass(frozen=True)
class Settings:
    """How an image's container starts. ``user`` is numeric; ``env`` and ``labels`` are names and values."""

    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    workdir: str | None = None
    volumes: Sequence[str] = ()
    ports: Sequence[int] = ()
    stop_signal: str | None = None


def write_layer(archive: Path, items: Sequence[Item]) -> Layer:
    """Write ``items`` as a layer: sorted, without times or names, so that equal items give equal bytes."""
    with archive.open("wb") as raw:
        hashing = _Hashing(raw)
        with tarfile.open(fileobj=hashing, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for item in sorted(items, key=lambda each: each.path):
                _add(tar, item)
    return Layer(archive, f"sha256:{hashing.sha256.hexdigest()}", archive.stat().st_size)


def write_layout(
    folder: Path, reference: str, layers: Sequence[Layer], settings: Settings, *, arch: str, recipe: str
) -> None:
    """Write an OCI image layout of one image into the empty ``folder``; layers are linked, not copied, if possible."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for layer in layers:
        _place(layer.archive, blobs / _hex(layer.digest))
    config = _put(blobs, _configuration(layers, settings, arch), CONFIG)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": [{"mediaType": LAYER, "digest": layer.digest, "size": layer.size} for layer in layers],
    }
    described = _put(blobs, manifest, MANIFEST)
    described["annotations"] = {NAME: reference, "org.opencontainers.image.ref.name": reference, RECIPE: recipe}
    described["platform"] = {"architecture": arch, "os": "linux"}
    _dump(folder / "index.json", {"schemaVersion": 2, "mediaType": INDEX, "manifests": [described]})
    docker = {
        "Config": f"blobs/sha256/{_hex(config['digest'])}",
        "RepoTags": [reference],
        "Layers": [f"blobs/sha256/{_hex(layer.digest)}" for layer in layers],
    }
    _dump(folder / "manifest.json", [docker])
    _dump(folder / "oci-layout", {"imageLayoutVersion": "1.0.0"})  # last: a layout without it is not whole


@dataclass(frozen=True)
class Layout:
    """A layout on disk: the image's reference, its recipe digest, its manifest's digest, the bytes of all blobs."""

    folder: Path
    reference: str
    recipe: str
    digest: str
    size: int


def read_layout(folder: Path) -> Layout | None:
    """Return the layout in ``folder``; None where there is none, or where a blob is missing or of another size."""
    try:
        if not (folder / "oci-layout").is_file():
            return None
        described = json.loads((folder / "index.json").read_text())["manifests"][0]
        manifest = json.loads(blob(folder, described["digest"]).read_text())
        parts = [described, manifest["config"], *manifest["layers"]]
        if any(blob(folder, part["digest"]).stat().st_size != part["size"] for part in parts):
            return None
        marks = described["annotations"]
        size = sum(part["size"] for part in parts)
        return Layout(folder, marks[NAME], marks[RECIPE], described["digest"], size)
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def layouts(root: Path) -> Iterator[Layout]:
    """Yield every whole layout in the folders below ``root``."""
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        layout = read_layout(folder) if not folder.name.startswith(".") else None
        if layout is not None:
            yield layout


def blob(folder: Path, digest: str) -> Path:
    """Return where a blob of the layout in ``folder`` lies."""
    return folder / "blobs" / "sha256" / _hex(digest)


def pack(folder: Path, archive: Path) -> None:
    """Write the layout in ``folder`` as a tar that ``docker load`` takes."""
    with tarfile.open(archive, "w") as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, arcname=str(path.relative_to(folder)), recursive=False)


class _Hashing(io.RawIOBase):
    """A file that hashes what is written to it."""

    def __init__(self, file: io.BufferedWriter) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: Any, /) -> int:
        self.sha256.update(data)
        return self.file.write(data)


def _add(tar: tarfile.TarFile, item: Item) -> None:
    info = tarfile.TarInfo(item.path.lstrip("/"))
    info.mode, info.uid, info.gid = item.mode, item.owner, item.owner
    if item.link is not None:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, item.link, 0o777
        tar.addfile(info)
    elif item.content is not None:
        info.size = len(item.content)
        tar.addfile(info, io.BytesIO(item.content))
    elif item.source is not None:
        info.size = item.source.stat().st_size
        with item.source.open("rb") as file:
            tar.addfile(info, file)
    else:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)


def _configuration(layers: Sequence[Layer], settings: Settings, arch: str) -> dict[str, Any]:
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **settings.env}
    chosen: dict[str, Any] = {
        "User": settings.user,
        "Env": [f"{name}={value}" for name, value in env.items()],
        "Entrypoint": list(settings.entrypoint),
        "Cmd": list(settings.command),
        "WorkingDir": settings.workdir,
        "Volumes": {path: {} for path in settings.volumes},
        "ExposedPorts": {f"{port}/tcp": {} for port in settings.ports},
        "Labels": dict(settings.labels),
        "StopSignal": settings.stop_signal,
    }
    return {
        "architecture": arch,
        "os": "linux",
        "config": {name: value for name, value in chosen.items() if value},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        "history": [{"created_by": "dogitops"} for _ in layers],
    }


def _put(blobs: Path, value: object, media_type: str) -> dict[str, Any]:
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def _dump(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def _place(source: Path, target: Path) -> None:
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
