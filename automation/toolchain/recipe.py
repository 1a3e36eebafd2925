"""The recipes of images.yaml: which images can be built here, and from what."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from automation.errors import ConfigurationError, did_you_mean
from automation.toolchain import catalogue, rootfs

HERE = Path(__file__).parent

Mode = Annotated[str, Field(pattern=r"^0[0-7]{3,4}$")]
AbsolutePath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._-]+)+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class File(_Strict):
    """One thing in an image; exactly one of the first six says what it is, ``path`` lies in a tool's module."""

    tool: str | None = None
    module: str | None = None
    compile: str | None = None
    link: AbsolutePath | None = None
    text: str | None = None
    folder: Literal[True] | None = None
    path: str | None = None
    define: str | None = None
    mode: Mode | None = None
    owner: int = 0

    @model_validator(mode="after")
    def _one(self) -> Self:
        kinds = [
            name for name in ("tool", "module", "compile", "link", "text", "folder") if getattr(self, name) is not None
        ]
        if len(kinds) != 1:
            raise ValueError(f"exactly one of tool, module, compile, link, text, folder, not {kinds or 'none'}")
        if (self.path is not None) != (kinds[0] in {"module", "compile"}):
            raise ValueError("path goes with module and compile")
        return self


class System(_Strict):
    """A root file system of Debian packages; see :class:`automation.toolchain.rootfs.Wanted`."""

    packages: Annotated[tuple[str, ...], Field(min_length=1)]
    variant: Literal["essential", "minbase", "extract"] = "essential"
    users: dict[str, int] = {}
    hooks: tuple[str, ...] = ()

    def wanted(self) -> rootfs.Wanted:
        """Return it as the rootfs module wants it."""
        return rootfs.Wanted(self.packages, self.variant, tuple(self.users.items()), self.hooks)


class Recipe(_Strict):
    """How one image is built. Without ``system`` it has a bare minimum of files, and with ``bare`` none of ours.

    ``node`` marks what lies inside the node image instead of being pulled by the cluster, ``only`` the environments
    that pull it, where not all do.
    """

    holds: str
    system: str | None = None
    bare: bool = False
    node: bool = False
    only: tuple[str, ...] = ()
    files: dict[AbsolutePath, File]
    user: Annotated[str, Field(pattern=r"^\d+(:\d+)?$")] | None = None
    workdir: AbsolutePath | None = None
    env: dict[str, str] = {}
    volumes: tuple[AbsolutePath, ...] = ()
    ports: tuple[int, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


class Recipes(_Strict):
    """Every recipe by its full upstream reference, and the root file systems they stand on."""

    format: int
    systems: dict[str, System]
    images: dict[str, Recipe]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        tools = catalogue.load()
        for reference, image in self.images.items():
            if image.system is not None and image.system not in self.systems:
                raise ValueError(f"{reference}: no system {image.system!r}.{did_you_mean(image.system, self.systems)}")
            for file in image.files.values():
                if file.tool:
                    tools.tool_of(file.tool)
                if file.module or file.compile:
                    tools.tool(file.module or file.compile or "")
        return self

    def recipe(self, reference: str) -> Recipe:
        """Return the recipe of an image. Raises ConfigurationError for an unknown one."""
        full = normalised(reference)
        if full not in self.images:
            raise ConfigurationError(
                f"There is no recipe for the image {reference}.{did_you_mean(full, self.images)}",
                hint="'dogitops images list' names those that can be built.",
            )
        return self.images[full]

    def digest(self, reference: str) -> str:
        """Return what changes whenever the image shall be built anew."""
        recipe = self.recipe(reference)
        return digest_of(
            self.format,
            normalised(reference),
            recipe.model_dump(exclude={"holds", "node", "only"}),
            self.systems[recipe.system].wanted().digest() if recipe.system else None,
            *(tool_digest(file.tool or file.module or file.compile) for file in recipe.files.values()),
        )


def digest_of(*parts: object) -> str:
    """Return a short hash of JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def tool_digest(name: str | None) -> str | None:
    """Return what changes whenever the tool that ``name`` is, or is a program of, could change."""
    if name is None:
        return None
    tools = catalogue.load()
    return tools.tools[name].digest() if name in tools.tools else tools.tool(tools.tool_of(name)).digest()


def normalised(reference: str) -> str:
    """Return the full form of an image reference: short names get docker.io, ``library`` and ``latest``."""
    host, slash, rest = reference.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, rest = "docker.io", reference
    if host == "docker.io" and "/" not in rest:
        rest = f"library/{rest}"
    return f"{host}/{rest}" if ":" in rest else f"{host}/{rest}:latest"


@cache
def load(path: Path = HERE / "images.yaml") -> Recipes:
    """Read the recipes, versions filled in. Raises ConfigurationError, naming the entry, where they are malformed."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    versions = {name: tool.called or tool.version for name, tool in catalogue.load().tools.items()}
    try:
        raw = yaml.load(path.read_text(), Loader=loader)  # noqa: S506 - both are safe
        images = {
            reference.format_map(versions): {**image, "holds": str(image.get("holds", "")).format_map(versions)}
            for reference, image in raw.get("images", {}).items()
        }
        return Recipes.model_validate({**raw, "images": images})
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    except KeyError as error:
        raise ConfigurationError(f"{path}: there is no tool {error} in the catalogue.") from error
    except ValidationError as error:
        told = "\n".join(f"  {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigurationError(f"{path} is malformed:\n{told}", hint="Correct these entries.") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{path} is malformed: it must map image references to recipes.") from error
