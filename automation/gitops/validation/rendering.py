"""Folders rendered once, side by side, with the file that each object came from; kept by content."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from automation import process
from automation.errors import CommandFailed
from automation.gitops.manifests import LOADER, Manifest

FILE: Final = "kustomization.yaml"

_FORMAT: Final = "1"  # raise it when what is kept below changes
_ORIGIN: Final = "config.kubernetes.io/origin"
_KEPT_DAYS: Final = 14
_LISTS: Final = ("resources", "bases", "components")


@dataclass(frozen=True)
class Rendered:
    """One object as a cluster gets it, and the ``file`` of the repository that describes it."""

    manifest: Manifest
    file: str

    @property
    def kind(self) -> str:
        """``Deployment``."""
        return str(self.manifest.get("kind", ""))

    @property
    def group(self) -> str:
        """``apps``; empty for the core group."""
        return str(self.manifest.get("apiVersion", "")).rpartition("/")[0]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.manifest.get("metadata", {}).get("name", ""))

    def namespace(self, otherwise: str) -> str:
        """Return its namespace; ``otherwise`` where it names none."""
        return str(self.manifest.get("metadata", {}).get("namespace") or otherwise)

    @property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations."""
        return self.manifest.get("metadata", {}).get("annotations") or {}


@dataclass(frozen=True)
class Unrendered:
    """Why a folder could not be rendered, in kustomize's words."""

    reason: str


class Renderer:
    """Renders folders below ``root``; what was rendered before, of the very same files, comes from ``kept``."""

    def __init__(self, kustomize: Path, root: Path, kept: Path) -> None:
        self.kustomize = kustomize
        self.root = root.resolve()
        self.kept = kept

    def render(self, folders: Iterable[str]) -> dict[str, tuple[Rendered, ...] | Unrendered]:
        """Return what each folder makes."""
        wanted = sorted(set(folders))
        self.kept.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            return dict(zip(wanted, pool.map(self._one, wanted), strict=True))

    def tidy(self) -> None:
        """Remove what nobody asked for in the last days."""
        oldest = time.time() - _KEPT_DAYS * 86400
        for file in self.kept.glob("*.json"):
            if file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)

    def _one(self, folder: str) -> tuple[Rendered, ...] | Unrendered:
        file = self.kept / f"{self._key(folder)}.json"
        if file.is_file():
            os.utime(file)
            return tuple(Rendered(one["manifest"], one["file"]) for one in json.loads(file.read_text()))
        try:
            found = tuple(self._built(folder))
        except CommandFailed as error:
            return Unrendered(_reason(error.output, self.root))
        except yaml.YAMLError as error:
            return Unrendered(" ".join(str(error).split()))
        made = file.with_suffix(f".{os.getpid()}")
        made.write_text(json.dumps([{"manifest": one.manifest, "file": one.file} for one in found], default=str))
        made.replace(file)
        return found

    def _built(self, folder: str) -> Iterator[Rendered]:
        """Build the folder from outside of it, so that kustomize says where each object comes from."""
        with tempfile.TemporaryDirectory(prefix="dogitops-") as name:
            outside = Path(name).resolve()
            inside = os.path.relpath(self.root / folder, outside)
            how = "components" if _is_component(self.root / folder) else "resources"
            told = {how: [inside], "buildMetadata": ["originAnnotations"]}
            (outside / FILE).write_text(yaml.safe_dump(told))
            done = process.run([self.kustomize, "build", outside], timeout=120)
            for manifest in yaml.load_all(done.stdout, LOADER):
                if manifest:
                    yield Rendered(manifest, self._origin(manifest, outside) or f"{folder}/{FILE}")

    def _origin(self, manifest: Manifest, outside: Path) -> str:
        """Take the note of the origin off the manifest, and return the file that it names."""
        metadata: dict[str, Any] = manifest.get("metadata", {})
        annotations = metadata.get("annotations") or {}
        told = yaml.safe_load(annotations.pop(_ORIGIN, "")) or {}
        if not annotations:
            metadata.pop("annotations", None)
        named = told.get("path") or told.get("configuredIn")
        if not named or told.get("repo"):
            return ""
        place = (outside / str(named)).resolve()
        return place.relative_to(self.root).as_posix() if place.is_relative_to(self.root) else ""

    def _key(self, folder: str) -> str:
        """Return what the folder and all that it stands on hash to."""
        digest = hashlib.sha256(f"{_FORMAT}\0{self.kustomize}\0{folder}".encode())
        for base in sorted(bases(self.root, folder)):
            for file in sorted((self.root / base).rglob("*")):
                if file.is_file():
                    digest.update(f"\0{file.relative_to(self.root).as_posix()}\0".encode())
                    digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()


def _is_component(folder: Path) -> bool:
    told = yaml.safe_load((folder / FILE).read_text())
    return isinstance(told, dict) and told.get("kind") == "Component"


def bases(root: Path, folder: str) -> set[str]:
    """Return the folders that ``folder`` is built from, itself included, as far as they are in the repository."""
    found: set[str] = set()
    ahead = [folder]
    while ahead:
        here = ahead.pop()
        if here in found:
            continue
        found.add(here)
        for name in listed(root, here):
            target = (root / here / name).resolve()
            if target.is_dir() and target.is_relative_to(root.resolve()):
                ahead.append(target.relative_to(root.resolve()).as_posix())
    return found


def listed(root: Path, folder: str) -> list[str]:
    """Return the files, folders and addresses that a folder's kustomization lists; none where it can't be read."""
    try:
        told = yaml.safe_load((root / folder / FILE).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return []
    if not isinstance(told, dict):
        return []
    return [name for key in _LISTS for name in told.get(key) or () if isinstance(name, str)]


def _reason(output: str, root: Path) -> str:
    """Return kustomize's words without its own nesting, and without the paths of this machine."""
    text = " ".join(output.replace(f"{root}/", "").split()).removeprefix("Error: ")
    inner = re.findall(r"'((?:open|stat|read|evalsymlink|new root)[^']*)'", text)
    return inner[-1] if inner else text
