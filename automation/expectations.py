"""What a cluster is held against besides what Git describes: ``checks`` in ``environment.yaml``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

_Place = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][-a-z0-9]*/[a-z0-9][-a-z0-9]*$")]  # namespace/name
_Route = Annotated[str, StringConstraints(pattern=r"^/[^\s?#]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Nodes(_Strict):
    """Between which numbers of nodes the cluster scales; the same twice for one that does not."""

    min: Annotated[int, Field(ge=1)]
    max: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _in_order(self) -> Nodes:
        if self.min > self.max:
            raise ValueError("'min' must not be more than 'max'")
        return self


class Tried(_Strict):
    """An application that is tried out through its Ingress (``namespace/name``).

    ``api`` answers when it is well. What is posted to ``create`` as JSON, ``{"<field>": TEXT}``, must then be found at
    ``create`` and at ``frontend``, and is deleted again at ``<create>/<id>``. Each answer comes within ``seconds``.
    """

    ingress: _Place
    frontend: _Route = "/"
    api: _Route = "/api/health"
    create: _Route = "/api/tasks"
    field: str = "title"
    seconds: Annotated[float, Field(gt=0, le=60)] = 1.0


class Checks(_Strict):
    """What is to be looked for; what is not named is not looked for.

    ``autoscaling`` says that a pool of the cluster scales by itself, ``registry`` is the address of the registry that
    images come from, and ``load_balancer`` the Service (``namespace/name``) that must have an address.
    """

    nodes: Nodes | None = None
    autoscaling: bool = False
    registry: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+$")] | None = None
    load_balancer: _Place | None = None
    application: Tried | None = None
