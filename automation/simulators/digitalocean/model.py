"""The state: resources by kind, tokens, and what is still to happen. It is saved as one JSON file and loaded again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

Identifier = int | str
R = TypeVar("R", bound="Resource")

_kinds: dict[str, type[Resource]] = {}


class Resource:
    """What the kinds of resources have in common: an ``id``, and JSON that is kept until a field is assigned.

    So that every change is an assignment, fields hold tuples and no lists, and frozen values.
    """

    __slots__ = ("_shown",)
    KIND: ClassVar[str] = ""
    URN: ClassVar[str] = ""  # as in do:URN:id; empty: projects don't hold it
    TAG: ClassVar[str] = ""  # resource_type in the tags API; empty: it can't be tagged there

    id: Any

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        if name != "_shown":
            object.__setattr__(self, "_shown", None)

    @property
    def urn(self) -> str:
        """Its name across all kinds."""
        return f"do:{self.URN}:{self.id}"


def kind(name: str, *, urn: str = "", tag: str = "") -> Callable[[type[R]], type[R]]:
    """Make a dataclass a kind of resource that the state keeps under ``name``."""

    def register(cls: type[R]) -> type[R]:
        cls.KIND, cls.URN, cls.TAG = name, urn, tag
        if name in _kinds:
            raise ValueError(f"there is a kind {name} already")
        _kinds[name] = cls
        return cls

    return register


def kinds() -> dict[str, type[Resource]]:
    """Return all kinds by name."""
    return dict(_kinds)


@dataclass
class Token:
    """A token. ``scopes`` None is full access; else words such as ``droplet:read``, or ``read`` for all reading."""

    value: str
    scopes: tuple[str, ...] | None = None
    used: int = 0  # requests in this hour
    hour_ends: float = 0.0
    recent: list[float] = field(default_factory=list)  # when the requests of the last minute came


@dataclass(order=True)
class Due:
    """Something that happens later: ``step`` names a function, ``given`` are its arguments (JSON values)."""

    at: float
    number: int
    step: str = field(compare=False)
    given: dict[str, Any] = field(compare=False)


@dataclass(frozen=True)
class Delays:
    """How long things take, in seconds. Without arguments all are done by the next request."""

    droplet: float = 0.0  # new -> active
    power: float = 0.0
    resize: float = 0.0
    snapshot: float = 0.0
    attach: float = 0.0  # and detach, and resize, of a volume
    delete: float = 0.0
    load_balancer: float = 0.0
    reserved_ip: float = 0.0
    cluster: float = 0.0
    node: float = 0.0
    upgrade: float = 0.0
    database: float = 0.0
    registry: float = 0.0  # garbage collection

    @classmethod
    def lifelike(cls) -> Delays:
        """Return delays of the order that people see; measured by nobody."""
        return cls(
            droplet=30,
            power=5,
            resize=60,
            snapshot=60,
            attach=5,
            delete=5,
            load_balancer=90,
            reserved_ip=5,
            cluster=240,
            node=90,
            upgrade=600,
            database=300,
            registry=30,
        )

    @classmethod
    def scaled(cls, factor: float) -> Delays:
        """Return lifelike delays, times ``factor``."""
        return cls(**{name: value * factor for name, value in dataclasses.asdict(cls.lifelike()).items()})


@dataclass(frozen=True)
class Limits:
    """What an account may have, and how often it may ask (None: as often as it likes)."""

    droplets: int = 25
    volumes: int = 100
    reserved_ips: int = 3
    volumes_a_droplet: int = 7
    hour: int | None = 5000
    minute: int | None = 250


@dataclass
class State:
    """All that is remembered."""

    resources: dict[str, dict[Identifier, Resource]] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    due: list[Due] = field(default_factory=list)  # a heap
    counter: int = 0  # of ids
    seed: int = 0
    time: float = 0.0  # when it was saved
    notes: dict[str, Any] = field(default_factory=dict)  # JSON values that a kind keeps for itself

    def all(self, cls: type[R]) -> dict[Identifier, R]:
        """Return the resources of a kind by id, in the order they were made."""
        return self.resources.setdefault(cls.KIND, {})  # type: ignore[return-value]  # add() keeps kinds apart

    def add(self, resource: R) -> R:
        """Keep a resource."""
        self.resources.setdefault(resource.KIND, {})[resource.id] = resource
        return resource

    def remove(self, resource: Resource) -> None:
        """Forget a resource; one that is not there is forgotten already."""
        self.resources.get(resource.KIND, {}).pop(resource.id, None)
