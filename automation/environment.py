"""Facts about an environment, read strictly from ``opentofu/environments/<name>/environment.yaml``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from automation.errors import ConfigurationError, did_you_mean
from automation.workspace import Workspace

OWNED_PREFIX = "dogitops-"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
OwnedName = Annotated[str, StringConstraints(pattern=rf"^{OWNED_PREFIX}[a-z0-9]([-a-z0-9]{{0,40}}[a-z0-9])?$")]
Port = Annotated[int, Field(ge=1024, le=65535)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cluster(_Strict):
    """The cluster: who makes it, its name (with the ownership prefix) and its number of nodes."""

    provider: Literal["auto", "kind", "k3d", "existing"] = "auto"
    name: OwnedName
    control_planes: Annotated[int, Field(ge=1, le=3)] = 1
    workers: Annotated[int, Field(ge=0, le=10)] = 0
    kubeconfig: str | None = None

    @model_validator(mode="after")
    def _existing_has_kubeconfig(self) -> Cluster:
        if self.provider == "existing" and not self.kubeconfig:
            raise ValueError("provider 'existing' needs 'kubeconfig', the path of its kubeconfig file")
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
    """What Argo CD reads: the path in this repository, and the port of the local Git server."""

    path: str
    port: Port = 7481


class Images(_Strict):
    """The port of the local image mirror, used where upstream registries can't be reached."""

    port: Port = 7482


class Backup(_Strict):
    """Where Velero keeps backups, and which namespaces a backup covers."""

    bucket: OwnedName
    namespaces: Annotated[tuple[Name, ...], Field(min_length=1)]
    keep_hours: Annotated[int, Field(ge=1)] = 720


class Drill(_Strict):
    """How much known data a drill writes, and the largest RTO and RPO (seconds) that pass."""

    entries: Annotated[int, Field(ge=1, le=100_000)] = 200
    file_mib: Annotated[int, Field(ge=1, le=4096)] = 32
    max_rto_seconds: float | None = None
    max_rpo_seconds: float | None = None


class SecretSource(_Strict):
    """Where one key of a Secret comes from: exactly one of the fields."""

    variable: str | None = None
    generate: Annotated[int, Field(ge=16, le=128)] | None = None
    objectstore: Literal["aws-credentials"] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> SecretSource:
        if sum(value is not None for value in (self.variable, self.generate, self.objectstore)) != 1:
            raise ValueError("give exactly one of: variable, generate, objectstore")
        return self


class SecretDeclaration(_Strict):
    """A Secret that must be in the cluster before the first sync; its values never stand in Git."""

    namespace: Name
    name: Name
    keys: Annotated[dict[str, SecretSource], Field(min_length=1)]


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
    secrets: tuple[SecretDeclaration, ...] = ()

    @property
    def shared(self) -> bool:
        """Whether several machines can work on it: its state is not on this machine alone."""
        return self.objectstore.endpoint is not None


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


def _problem(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        siblings = _fields_at(item["loc"][:-1])
        return f"{place}: unknown key.{did_you_mean(str(item['loc'][-1]), siblings)}"
    if item["type"] == "missing":
        return f"{place}: is missing."
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
