"""Container images under their upstream names: pulled where the registries can be reached, else built here."""

from __future__ import annotations

from pathlib import Path

from automation.errors import ConfigurationError
from automation.toolchain import engine, install, recipe, registry, release
from automation.toolchain import node_image as node
from automation.toolchain.image_build import Builder

_HOSTS = ("https://registry-1.docker.io", "https://quay.io", "https://registry.k8s.io")


def upstream_reachable() -> bool:
    """Whether the registries that the images come from can be reached; asked once in a process."""
    return all(release.reachable(host) for host in _HOSTS)


def for_local() -> tuple[str, ...]:
    """Return the references of the images that environment ``local`` pulls."""
    return for_environment("local")


def for_environment(name: str) -> tuple[str, ...]:
    """Return the references of the images that an environment pulls, as far as they can be built."""
    images = recipe.load().images.items()
    return tuple(reference for reference, each in images if not each.node and (not each.only or name in each.only))


def ensure(*references: str) -> None:
    """Make sure that clusters here can have these images: nothing to do where upstream can be reached, else built.

    Raises ConfigurationError for an image without a recipe or a machine that lacks something, DogitopsError where
    a build fails.
    """
    if not upstream_reachable():
        Builder.default().build(*references)


def node_image(kubernetes: str | None = None) -> str:
    """Return the docker reference of kind's node image for a Kubernetes version, pulled or built if need be.

    The default is the catalogue's version, the only one that can be built.
    """
    engine.ensure_docker()
    version = install.version("kubernetes")
    asked = (kubernetes or version).removeprefix("v")
    reference = f"kindest/node:v{asked}"
    if asked == version and node.is_current(reference):
        return reference
    if upstream_reachable() and node.pull(reference):
        return reference
    if asked != version:
        raise ConfigurationError(
            f"A node image for Kubernetes {asked} can't be pulled, and only one for {version} can be built.",
            hint=f"Leave the version out, or use {version}.",
        )
    inside = [name for name, each in recipe.load().images.items() if each.node]
    node.build(reference, lambda: list(Builder.default().build(*inside).values()))
    return reference


def serve_mirror(folder: Path, port: int) -> str | None:
    """Return the URL of the local registry, started if need be; None where upstream can be reached.

    Its record and log lie in ``folder``.
    """
    return None if upstream_reachable() else registry.serve(folder, port)


def containerd_hosts(url: str) -> dict[str, str]:
    """Return containerd's ``hosts.toml`` files for the mirror at ``url``; see :mod:`automation.toolchain.registry`."""
    return registry.containerd_hosts(url)
