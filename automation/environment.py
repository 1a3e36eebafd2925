"""Facts about an environment, read strictly from ``opentofu/environments/<name>/environment.yaml``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from automation.errors import ConfigurationError, did_you_mean
from automation.expectations import Checks
from automation.secret_sources import SecretDeclaration
from automation.workspace import Workspace

OWNED_PREFIX = "dogitops-"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
OwnedName = Annotated[str, StringConstraints(pattern=rf"^{OWNED_PREFIX}[a-z0-9]([-a-z0-9]{{0,40}}[a-z0-9])?$")]
Port = Annotated[int, Field(ge=1024, le=65535)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][-a-z0-9]{0,62}$")]
_REPOSITORY = re.compile(r"https?://[^\s/@?#]+/[^\s@?#]+")
_DOKS_ONLY = ("region", "size", "version", "time_to_live")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cluster(_Strict):
    """The cluster: who makes it, its name (with the ownership prefix) and its number of nodes.

    Of DigitalOcean's: its ``region``, the ``size`` of its nodes, its ``version`` (empty, or ``1.35``: the newest of
    it), and for how many hours it may live (``time_to_live``; without, for ever). Of one that exists, ``version`` is
    what OpenTofu makes: what runs there must support it.
    """

    provider: Literal["auto", "kind", "k3d", "existing", "doks", "droplet"] = "auto"
    name: OwnedName
    control_planes: Annotated[int, Field(ge=1, le=3)] = 1
    workers: Annotated[int, Field(ge=0, le=10)] = 0
    kubeconfig: str | None = None
    region: Slug | None = None
    size: Slug | None = None
    version: Annotated[str, StringConstraints(pattern=r"^(\d+\.\d+(\.\d+-do\.\d+)?)?$")] = ""
    time_to_live: Annotated[int, Field(ge=1, le=720)] | None = None

    @model_validator(mode="after")
    def _existing_has_kubeconfig(self) -> Cluster:
        if self.provider == "existing" and not self.kubeconfig:
            raise ValueError("provider 'existing' needs 'kubeconfig', the path of its kubeconfig file")
        return self

    @model_validator(mode="after")
    def _doks_says_where_and_how_large(self) -> Cluster:
        if self.provider != "doks":
            told = self.model_fields_set - ({"version"} if self.provider in {"existing", "droplet"} else set())
            given = [name for name in _DOKS_ONLY if name in told]
            if given:
                raise ValueError(f"{_listed(given)} is for provider 'doks' alone, and this one is {self.provider!r}")
            return self
        missing = [name for name in ("region", "size") if getattr(self, name) is None]
        if missing:
            raise ValueError(f"provider 'doks' needs {_listed(missing)}, such as region: fra1, size: s-2vcpu-4gb")
        if self.workers < 1:
            raise ValueError("provider 'doks' needs 'workers' of at least 1: its control plane carries no pods")
        if self.kubeconfig is not None:
            raise ValueError("'kubeconfig' is for provider 'existing': DigitalOcean gives out that of its own")
        return self


class ObjectStore(_Strict):
    """The S3-compatible store: our own local server on ``port``, or an ``endpoint`` with keys from variables."""

    port: Port = 7480
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key_variable: str = "SPACES_ACCESS_KEY_ID"
    secret_key_variable: str = "SPACES_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a variable


class State(_Strict):
    """Where OpenTofu keeps the state."""

    bucket: OwnedName
    key: str = "environment.tfstate"


class Guards(_Strict):
    """What a plan may not destroy, replace or forget unless a maintainer acknowledges that very plan.

    ``protect`` holds resource types or addresses, added to the built-in list; ``unprotect`` takes some out again.
    """

    protect: tuple[str, ...] = ()
    unprotect: tuple[str, ...] = ()


class Plans(_Strict):
    """How saved plans travel from a pull request to its merge, and for how long (hours) they may be applied."""

    kept_in: Literal["bucket", "artifact"] = "bucket"
    expire_hours: Annotated[int, Field(ge=1, le=2160)] = 168
    skip_policies: tuple[str, ...] = ()


class GitOps(_Strict):
    """What Argo CD reads: the ``path`` in this repository, and where that repository is.

    Without ``repository`` it is the local Git server, on ``port``. With one, its branch as it moves (``follow: head``)
    or the very commit that is checked out (``follow: commit``); ``token_variable`` names the variable with the token
    that reads it, where it is private.
    """

    path: str
    port: Port = 7481
    repository: str | None = None
    follow: Literal["head", "commit"] = "head"
    token_variable: str | None = None

    @model_validator(mode="after")
    def _repository_is_a_plain_address(self) -> GitOps:
        if self.repository is None:
            given = [name for name in ("follow", "token_variable") if name in self.model_fields_set]
            if given:
                raise ValueError(f"{_listed(given)} needs 'repository': the local Git server has neither")
            return self
        if not _REPOSITORY.fullmatch(self.repository):
            raise ValueError(
                "'repository' must be an address such as https://github.com/OWNER/NAME.git, without a user or a "
                "password in it: name the variable of a token in 'token_variable'"
            )
        if self.token_variable and not self.repository.startswith("https://"):
            raise ValueError("'repository' must begin with https:// where there is a token: all else would show it")
        return self


class Images(_Strict):
    """The port of the local image mirror, used where upstream registries can't be reached."""

    port: Port = 7482


class Backup(_Strict):
    """Where Velero keeps backups (below ``prefix``), and which namespaces a backup covers."""

    bucket: OwnedName
    prefix: Name = "velero"
    namespaces: Annotated[tuple[Name, ...], Field(min_length=1)]
    keep_hours: Annotated[int, Field(ge=1)] = 720


class Drill(_Strict):
    """How much known data a drill writes, and the largest RTO and RPO (seconds) that pass.

    ``public_key`` (base64) is that of the one key whose evidence is believed.
    """

    entries: Annotated[int, Field(ge=1, le=100_000)] = 200
    file_mib: Annotated[int, Field(ge=1, le=4096)] = 32
    max_rto_seconds: float | None = None
    max_rpo_seconds: float | None = None
    public_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{43}=$")] | None = None


class Environment(_Strict):
    """One environment; ``name`` is its folder's name."""

    name: Name
    description: str
    cluster: Cluster
    objectstore: ObjectStore = ObjectStore()
    state: State
    guards: Guards = Guards()
    plans: Plans = Plans()
    gitops: GitOps
    images: Images = Images()
    backup: Backup
    drill: Drill = Drill()
    checks: Checks = Checks()
    secrets: tuple[SecretDeclaration, ...] = ()

    @property
    def remote(self) -> bool:
        """Whether its state is not on this machine alone."""
        return self.objectstore.endpoint is not None

    @property
    def shared(self) -> bool:
        """Whether people work on it by pull requests: not on what is on one machine, nor on what lives for hours."""
        return self.remote and self.cluster.time_to_live is None

    @model_validator(mode="after")
    def _a_cluster_elsewhere_needs_servers_that_it_reaches(self) -> Environment:
        if self.cluster.provider not in {"doks", "droplet"}:
            return self
        missing = [
            name
            for name, value in (
                ("objectstore.endpoint", self.objectstore.endpoint),
                ("gitops.repository", self.gitops.repository),
            )
            if value is None
        ]
        if missing:
            raise ValueError(
                f"provider {self.cluster.provider!r} needs {_listed(missing)}: a cluster at DigitalOcean can't reach "
                "servers on this machine"
            )
        if "images" in self.model_fields_set:
            raise ValueError("'images' is for clusters on this machine: one at DigitalOcean pulls from the registries")
        return self


def names(workspace: Workspace) -> list[str]:
    """Return the names of all environments."""
    return sorted(file.parent.name for file in workspace.environments.glob("*/environment.yaml"))


def shared_names(workspace: Workspace) -> list[str]:
    """Return the names of the environments that several machines can work on."""
    return [name for name in names(workspace) if load(workspace, name).shared]


def load(workspace: Workspace, name: str) -> Environment:
    """Read the environment ``name``.

    Raises ConfigurationError for an unknown name, YAML that can't be read, and every key or value that is
    not as it must be, each with its place in the file.
    """
    known = names(workspace)
    if name not in known:
        raise ConfigurationError(
            f"There is no environment {name!r}.{did_you_mean(name, known)}",
            hint=f"Known environments: {', '.join(known) or 'none'}. "
            "Each is a folder of opentofu/environments with an environment.yaml.",
        )
    path = workspace.environments / name / "environment.yaml"
    where = path.relative_to(workspace.root)
    try:
        text = path.read_text()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{where} is not valid YAML: {error}", hint=f"Correct {where}.") from error
    return read(text, name, str(where))


def read(text: str, name: str, where: str) -> Environment:
    """Read the text of an environment.yaml; ``where`` names it in errors. Raises ConfigurationError."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        told = re.sub(r"\s+", " ", str(error))
        raise ConfigurationError(f"{where} is not valid YAML: {told}", hint=f"Correct {where}.") from error
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{where} must hold a mapping of keys to values.", hint=f"Correct {where}.")
    try:
        return Environment.model_validate({"name": name, **raw})
    except ValidationError as error:
        problems = "\n".join(f"  {_problem(item)}" for item in error.errors())
        raise ConfigurationError(f"{where} is not as it must be:\n{problems}", hint=f"Correct {where}.") from error


def _listed(names: Sequence[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)


def _problem(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        siblings = _fields_at(item["loc"][:-1])
        return f"{place}: unknown key.{did_you_mean(str(item['loc'][-1]), siblings)}"
    if item["type"] == "missing":
        return f"{place}: is missing."
    if item["type"] == "value_error":  # ours: it says what was found where that helps
        return ": ".join(filter(None, (place, item["msg"].removeprefix("Value error, ")))) + "."
    return f"{place}: {item['msg']} (found {item['input']!r})"


def _fields_at(place: tuple[int | str, ...]) -> list[str]:
    """Return the field names of the model found at ``place`` in the environment's schema."""
    model: Any = Environment
    for part in place:
        if isinstance(part, int) or not hasattr(model, "model_fields"):
            continue
        field = model.model_fields.get(str(part))
        model = _model_in(field.annotation) if field else model
    return list(getattr(model, "model_fields", {}))


def _model_in(annotation: Any) -> Any:
    """Return the Pydantic model inside an annotation such as ``tuple[Model, ...]`` or ``dict[str, Model]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def folder(workspace: Workspace, environment: Environment) -> Path:
    """Return the environment's OpenTofu root."""
    return workspace.environments / environment.name
