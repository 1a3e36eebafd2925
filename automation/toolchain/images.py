"""Container images under their upstream names: pulled where the registries can be reached, else built here."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automation import report
from automation.errors import ConfigurationError, DogitopsError
from automation.process import run
from automation.toolchain import catalogue, engine, install, oci, recipe, registry, release, root, rootfs
from automation.toolchain import node_image as node
from automation.toolchain.cache import told
from automation.toolchain.locks import locked, scratch
from automation.toolchain.recipe import File, Recipe
from automation.workspace import cache_folder

_HOSTS = ("https://registry-1.docker.io", "https://quay.io", "https://registry.k8s.io")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_USERS = "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n"
_GROUPS = "root:x:0:\nnonroot:x:65532:\n"


@dataclass(frozen=True)
class State:
    """An image that can be built here: what it holds, whether it is there (``built``, ``missing``, ``outdated``)."""

    reference: str
    holds: str
    state: str
    size: int
    node: bool


def upstream_reachable() -> bool:
    """Whether the registries that the images come from can be reached; asked once in a process."""
    return all(release.reachable(host) for host in _HOSTS)


def for_local() -> tuple[str, ...]:
    """Return the references of the images that environment ``local`` pulls."""
    return tuple(reference for reference, each in recipe.load().images.items() if not each.node)


def ensure(*references: str) -> None:
    """Make sure that clusters here can have these images: nothing to do where upstream can be reached, else built.

    Raises ConfigurationError for an image without a recipe or a machine that lacks something, DogitopsError where
    a build fails.
    """
    if not upstream_reachable():
        build(*references)


def build(*references: str, again: bool = False) -> dict[str, oci.Layout]:
    """Build these images where their recipes changed (``again``: in any case), and return where they lie."""
    recipes = recipe.load()
    wanted = list(dict.fromkeys(recipe.normalised(reference) for reference in references))
    found = {reference: None if again else current(reference) for reference in wanted}
    missing = [reference for reference, layout in found.items() if layout is None]
    tools = {file.tool for reference in missing for file in recipes.recipe(reference).files.values() if file.tool}
    if tools:
        install.ensure(*sorted(tools))
    made = {reference: _ensure_one(reference, again=again) for reference in missing}
    return {reference: found[reference] or made[reference] for reference in wanted}


def current(reference: str) -> oci.Layout | None:
    """Return the image's layout in the cache; None where there is none of its recipe as it stands now."""
    digest = recipe.load().digest(reference)
    layout = oci.read_layout(folder_of(reference))
    return layout if layout is not None and layout.recipe == digest else None


def states() -> list[State]:
    """Return every image that can be built, and how things stand with it."""
    listed = []
    for reference, each in recipe.load().images.items():
        layout = oci.read_layout(folder_of(reference))
        state = "missing" if layout is None else "built" if current(reference) else "outdated"
        listed.append(State(reference, each.holds, state, layout.size if layout else 0, each.node))
    return listed


def folder_of(reference: str) -> Path:
    """Return where the layout of an image lies or would lie."""
    full = recipe.normalised(reference)
    name = full.rpartition("/")[2].replace(":", "-")
    return home() / f"{name}-{hashlib.sha256(full.encode()).hexdigest()[:12]}"


def home() -> Path:
    """Return the folder of all layouts."""
    return cache_folder() / "images"


def node_image(kubernetes: str | None = None) -> str:
    """Return the docker reference of kind's node image for a Kubernetes version, pulled or built if need be.

    The default is the catalogue's version, the only one that can be built.
    """
    engine.ensure_docker()
    version = install.version("kubernetes")
    if kubernetes is not None and kubernetes.removeprefix("v") != version and not upstream_reachable():
        raise ConfigurationError(
            f"A node image for Kubernetes {kubernetes} can't be had: the registries can't be reached from here, "
            f"and only {version} can be built.",
            hint=f"Leave the version out, or use {version}.",
        )
    reference = f"kindest/node:v{(kubernetes or version).removeprefix('v')}"
    if node.is_current(reference):
        return reference
    if upstream_reachable() and node.pull(reference):
        return reference
    inside = [name for name, each in recipe.load().images.items() if each.node]
    node.build(reference, lambda: list(build(*inside).values()))
    return reference


def serve_mirror(folder: Path, port: int) -> str | None:
    """Return the URL of the local registry, started if need be; None where upstream can be reached.

    Its record and log lie in ``folder``.
    """
    return None if upstream_reachable() else registry.serve(folder, port)


def containerd_hosts(url: str) -> dict[str, str]:
    """Return containerd's ``hosts.toml`` files for the mirror at ``url``; see :mod:`automation.toolchain.registry`."""
    return registry.containerd_hosts(url)


def _ensure_one(reference: str, *, again: bool) -> oci.Layout:
    folder = folder_of(reference)
    with locked(home() / f".{folder.name}.lock", reference):
        layout = None if again else current(reference)  # another process may have been first
        if layout is not None:
            return layout
        with report.phase(f"Image {reference}"), told(reference, home()):
            return _build_one(reference, folder)


def _build_one(reference: str, folder: Path) -> oci.Layout:
    recipes = recipe.load()
    wanted = recipes.recipe(reference)
    partial = folder.with_name(f".partial-{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with scratch(home() / f".work-{folder.name}") as work:
            layers = []
            if wanted.system is not None:
                system = rootfs.ensure(recipes.systems[wanted.system].wanted())
                layers.append(oci.Layer(system.archive, system.digest, system.size))
            installed = wanted.system is not None and recipes.systems[wanted.system].variant != "extract"
            items = [] if installed or wanted.bare else _minimum()
            items += [_item(path, file, work) for path, file in wanted.files.items()]
            if items:
                layers.append(oci.write_layer(work / "layer.tar", _unique(items)))
            oci.write_layout(
                partial, reference, layers, _settings(wanted), arch=catalogue.arch(), recipe=recipes.digest(reference)
            )
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    layout = current(reference)
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


def _minimum() -> list[oci.Item]:
    """Return what a program without an operating system around it may look for."""
    items = [
        oci.Item("/tmp", 0o1777),  # noqa: S108 - a folder in an image
        oci.Item("/root", 0o700),
        oci.Item("/etc"),
        oci.Item("/etc/passwd", 0o644, content=_USERS.encode()),
        oci.Item("/etc/group", 0o644, content=_GROUPS.encode()),
        oci.Item("/etc/nsswitch.conf", 0o644, content=b"hosts: files dns\n"),
    ]
    if _CERTIFICATES.exists():  # whom the machine trusts, its images trust
        items.append(oci.Item("/etc/ssl/certs/ca-certificates.crt", 0o644, content=_CERTIFICATES.read_bytes()))
    return items


def _unique(items: list[oci.Item]) -> list[oci.Item]:
    by_path: Mapping[str, oci.Item] = {item.path: item for item in items}
    return list(by_path.values())
