"""Images built from their recipes into OCI layouts, each rebuilt only when what it is made of changes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from automation import report
from automation.errors import DogitopsError
from automation.process import run
from automation.toolchain import catalogue, install, oci, recipe, root, rootfs
from automation.toolchain.cache import told
from automation.toolchain.locks import locked, scratch
from automation.toolchain.recipe import File, Recipe, Recipes
from automation.workspace import cache_folder

_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_USERS = "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n"
_GROUPS = "root:x:0:\nnonroot:x:65532:\n"


@dataclass(frozen=True)
class State:
    """An image that can be built: what it holds, its size in bytes, and ``built``, ``missing`` or ``outdated``."""

    reference: str
    holds: str
    state: str
    size: int


@dataclass(frozen=True)
class Builder:
    """Builds ``recipes`` into the folder ``home``, one layout for each image."""

    recipes: Recipes
    home: Path

    @classmethod
    def default(cls) -> Builder:
        """Return the builder of this package's recipes and the user's cache folder."""
        return cls(recipe.load(), cache_folder() / "images")

    def build(self, *references: str, again: bool = False) -> dict[str, oci.Layout]:
        """Build these images where their recipes changed (``again``: in any case), and return where they lie."""
        wanted = list(dict.fromkeys(recipe.normalised(reference) for reference in references))
        found = {reference: None if again else self.current(reference) for reference in wanted}
        missing = [reference for reference, layout in found.items() if layout is None]
        files = [file for reference in missing for file in self.recipes.recipe(reference).files.values()]
        tools = {file.tool for file in files if file.tool}
        if tools:
            install.ensure(*sorted(tools))
        made = {reference: self._ensure(reference, again=again) for reference in missing}
        return {reference: found[reference] or made[reference] for reference in wanted}

    def current(self, reference: str) -> oci.Layout | None:
        """Return the image's layout; None where there is none of its recipe as it stands now."""
        digest = self.recipes.digest(reference)
        layout = oci.read_layout(self.folder(reference))
        return layout if layout is not None and layout.recipe == digest else None

    def states(self) -> Iterator[State]:
        """Yield every image that can be built, and how things stand with it."""
        for reference, wanted in self.recipes.images.items():
            layout = oci.read_layout(self.folder(reference))
            state = "missing" if layout is None else "built" if self.current(reference) else "outdated"
            yield State(reference, wanted.holds, state, layout.size if layout else 0)

    def folder(self, reference: str) -> Path:
        """Return where the layout of an image lies or would lie."""
        full = recipe.normalised(reference)
        name = full.rpartition("/")[2].replace(":", "-")
        return self.home / f"{name}-{hashlib.sha256(full.encode()).hexdigest()[:12]}"

    def _ensure(self, reference: str, *, again: bool) -> oci.Layout:
        folder = self.folder(reference)
        with told(reference, self.home), locked(self.home / f".{folder.name}.lock", reference):
            layout = None if again else self.current(reference)  # another process may have been first
            if layout is not None:
                return layout
            with report.phase(f"Image {reference}"):
                return self._build(reference, folder)

    def _build(self, reference: str, folder: Path) -> oci.Layout:
        wanted = self.recipes.recipe(reference)
        system = self.recipes.systems[wanted.system] if wanted.system else None
        with scratch(self.home / f".work-{folder.name}") as work:
            layers = []
            if system is not None:
                found = rootfs.ensure(system.wanted())
                layers.append(oci.Layer(found.archive, found.digest, found.size))
            installed = system is not None and system.variant != "extract"
            items = {} if installed or wanted.bare else {item.path: item for item in _minimum()}
            items |= {path: _item(path, file, work) for path, file in wanted.files.items()}
            if items:
                layers.append(oci.write_layer(work / "layer.tar", list(items.values())))
            digest = self.recipes.digest(reference)
            oci.write_layout(
                work / "layout", reference, layers, _settings(wanted), arch=catalogue.arch(), recipe=digest
            )
            shutil.rmtree(folder, ignore_errors=True)
            (work / "layout").rename(folder)
        layout = self.current(reference)
        if layout is None:
            raise DogitopsError(f"The image {reference} in {folder} can't be read back.", hint="Is the disk full?")
        return layout


def _settings(wanted: Recipe) -> oci.Settings:
    return oci.Settings(
        entrypoint=wanted.entrypoint,
        command=wanted.command,
        env=wanted.env,
        user=wanted.user,
        workdir=wanted.workdir,
        volumes=wanted.volumes,
        ports=wanted.ports,
        labels={"org.opencontainers.image.description": wanted.holds},
    )


def _item(path: str, file: File, work: Path) -> oci.Item:
    if file.folder:
        return oci.Item(path, int(file.mode or "0755", 8), file.owner)
    if file.link is not None:
        return oci.Item(path, link=file.link)
    if file.text is not None:
        return oci.Item(path, int(file.mode or "0644", 8), file.owner, content=file.text.encode())
    if file.tool is not None:
        return oci.Item(path, int(file.mode or "0755", 8), file.owner, source=install.path(file.tool))
    if file.compile is not None:
        return oci.Item(path, 0o755, file.owner, source=_compile(file, work))
    source = install.module_folder(file.module or "") / (file.path or "")
    return oci.Item(path, int(file.mode or "0644", 8), file.owner, source=source)


def _compile(file: File, work: Path) -> Path:
    """Compile a C program of a tool's module, as its vendor does: static and small."""
    root.need({"gcc": "gcc", "/usr/include/stdlib.h": "libc6-dev"}, "to build the image of pause")
    source = install.module_folder(file.compile or "") / (file.path or "")
    target = work / source.stem
    define = [f"-D{file.define}"] if file.define else []
    run(["gcc", "-Os", "-Wall", "-static", "-s", *define, "-o", target, source])
    return target


def _minimum() -> Iterator[oci.Item]:
    """Yield what a program without an operating system around it may look for."""
    yield oci.Item("/tmp", 0o1777)  # noqa: S108 - a folder in an image
    yield oci.Item("/root", 0o700)
    yield oci.Item("/etc")
    yield oci.Item("/etc/passwd", 0o644, content=_USERS.encode())
    yield oci.Item("/etc/group", 0o644, content=_GROUPS.encode())
    yield oci.Item("/etc/nsswitch.conf", 0o644, content=b"hosts: files dns\n")
    if _CERTIFICATES.exists():  # whom the machine trusts, its images trust
        yield oci.Item("/etc/ssl/certs/ca-certificates.crt", 0o644, content=_CERTIFICATES.read_bytes())
