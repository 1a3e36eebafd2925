"""Which Secrets an environment has and where each value comes from, as ``environment.yaml`` declares them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Key = Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]{1,253}$")]  # what Kubernetes takes

_SOURCES: Final = ("variable", "generate", "objectstore", "sops", "command", "plain")
_GOES_WITH: Final = {"key": "sops", "seconds": "command", "generation": "generate", "permanent": "generate"}
# What must never be generated anew, whether the declaration says so or not, and why.
_PERMANENT: Final = {
    ("velero-repo-credentials", "repository-password"): "Velero encrypts the files of all backups with it, and those "
    "that there are could never be read again"
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretSource(_Strict):
    """Where one key of a Secret comes from: exactly one of ``variable`` to ``plain``.

    ``variable`` names an environment variable. ``generate`` is the length of a value that is made up once;
    ``generation`` rises with each rotation, and ``permanent`` says why there must be none. ``sops`` is a file that
    SOPS encrypted, in the environment's folder; ``key`` is the way to the value in it, with dots (without, the
    Secret's own key). ``command`` is the command line of a program that prints the value within ``seconds``.
    ``plain`` is the value itself: of what is no secret and stands beside some, such as a user's name.
    """

    variable: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    generate: Annotated[int, Field(ge=16, le=128)] | None = None
    objectstore: Literal["aws-credentials"] | None = None
    sops: Annotated[str, StringConstraints(pattern=r"^[^/].*$")] | None = None
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    plain: Annotated[str, StringConstraints(min_length=1)] | None = None
    key: Annotated[str, StringConstraints(min_length=1)] | None = None
    seconds: Annotated[int, Field(ge=1, le=300)] = 30
    generation: Annotated[int, Field(ge=1)] = 1
    permanent: Annotated[str, StringConstraints(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> SecretSource:
        if sum(getattr(self, name) is not None for name in _SOURCES) != 1:
            raise ValueError(f"give exactly one of: {', '.join(_SOURCES)}")
        for name, source in _GOES_WITH.items():
            if name in self.model_fields_set and getattr(self, source) is None:
                raise ValueError(f"'{name}' goes with '{source}' alone")
        return self

    @property
    def told(self) -> str:
        """The source in words, without anything that is secret."""
        if self.variable:
            return f"variable {self.variable}"
        if self.sops:
            return f"SOPS file {self.sops}"
        if self.command:
            return f"command {self.command[0]}"
        if self.plain:
            return "environment.yaml, no secret"
        if self.generate:
            return "generated" if self.generation == 1 else f"generated, generation {self.generation}"
        return "keys of the object store"


class SecretDeclaration(_Strict):
    """A Secret that must be in the cluster before the first sync; its values never stand in Git."""

    namespace: Name
    name: Name
    type: Literal["Opaque", "kubernetes.io/dockerconfigjson", "kubernetes.io/basic-auth", "kubernetes.io/tls"] = (
        "Opaque"
    )
    keys: Annotated[dict[Key, SecretSource], Field(min_length=1)]

    @property
    def place(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    def permanent(self, key: str) -> str | None:
        """Return why a key's value must stay as it is; None where it may be generated anew."""
        return _PERMANENT.get((self.name, key)) or self.keys[key].permanent

    def kept_as(self, key: str, generation: int) -> str:
        """Return the name under which a generation of a generated value is kept, or derived."""
        name = f"{self.namespace}.{self.name}.{key}"
        return name if generation == 1 else f"{name}.{generation}"
