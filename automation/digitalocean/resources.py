"""What DigitalOcean's API tells, as typed values. Only what somebody here asks for is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Account:
    """The account that the token belongs to; limits are numbers of resources."""

    uuid: str
    email: str
    status: str
    droplet_limit: int

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        return cls(str(raw["uuid"]), str(raw.get("email") or ""), str(raw["status"]), int(raw["droplet_limit"]))


@dataclass(frozen=True)
class Named:
    """The id and the name of something that belongs to something else."""

    id: str
    name: str

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        return cls(str(raw["id"]), str(raw.get("name") or ""))


@dataclass(frozen=True)
class Droplet:
    """A virtual machine; ``status`` is new, active, off or archive."""

    id: str
    name: str
    region: str
    size: str
    status: str
    locked: bool
    tags: tuple[str, ...]
    backups: bool
    vpc: str
    created: str
    disk: int = 0  # GiB

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        return cls(
            id=str(raw["id"]),
            name=str(raw["name"]),
            disk=int(raw.get("disk") or 0),
            region=_slug(raw.get("region")),
            size=str(raw.get("size_slug") or ""),
            status=str(raw.get("status") or ""),
            locked=bool(raw.get("locked")),
            tags=tags_of(raw),
            backups="backups" in (raw.get("features") or ()),
            vpc=str(raw.get("vpc_uuid") or ""),
            created=str(raw.get("created_at") or ""),
        )


@dataclass(frozen=True)
class Size:
    """A size of droplets: its memory in MiB, its disk in GiB, and the ``regions`` that offer it."""

    slug: str
    memory: int
    disk: int
    regions: tuple[str, ...]

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        regions = tuple(str(one) for one in raw.get("regions") or ())
        return cls(str(raw["slug"]), int(raw["memory"]), int(raw["disk"]), regions if raw.get("available") else ())


@dataclass(frozen=True)
class Volume:
    """Block storage of ``size`` GiB, attached to ``droplets``."""

    id: str
    name: str
    region: str
    size: int
    droplets: tuple[str, ...]
    tags: tuple[str, ...]
    created: str

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        return cls(
            id=str(raw["id"]),
            name=str(raw["name"]),
            region=_slug(raw.get("region")),
            size=int(raw["size_gigabytes"]),
            droplets=tuple(str(one) for one in raw.get("droplet_ids") or ()),
            tags=tags_of(raw),
            created=str(raw.get("created_at") or ""),
        )


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a droplet or a volume (``of_what``) of ``size`` GiB."""

    id: str
    name: str
    of_what: str
    size: float
    regions: tuple[str, ...]
    tags: tuple[str, ...]
    created: str

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        return cls(
            id=str(raw["id"]),
            name=str(raw["name"]),
            of_what=str(raw.get("resource_type") or ""),
            size=float(raw.get("size_gigabytes") or 0),
            regions=tuple(str(one) for one in raw.get("regions") or ()),
            tags=tags_of(raw),
            created=str(raw.get("created_at") or ""),
        )


@dataclass(frozen=True)
class LoadBalancer:
    """A load balancer of ``nodes`` nodes; ``status`` is new, active or errored."""

    id: str
    name: str
    region: str
    status: str
    type: str
    nodes: int | None
    size: str
    created: str

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        unit = raw.get("size_unit")
        return cls(
            id=str(raw["id"]),
            name=str(raw["name"]),
            region=_slug(raw.get("region")),
            status=str(raw.get("status") or ""),
            type=str(raw.get("type") or "REGIONAL"),
            nodes=int(unit) if unit else None,
            size=str(raw.get("size") or ""),
            created=str(raw.get("created_at") or ""),
        )


@dataclass(frozen=True)
class ReservedIP:
    """An address; ``droplet`` is the id of what it is assigned to, empty for none."""

    ip: str
    region: str
    droplet: str

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        droplet = raw.get("droplet") or {}
        identity = str(droplet["id"]) if isinstance(droplet, Mapping) and droplet.get("id") else ""
        return cls(str(raw["ip"]), _slug(raw.get("region")), identity)


@dataclass(frozen=True)
class Record:
    """A record of a domain; ``name`` is relative to it."""

    id: str
    domain: str
    type: str
    name: str

    @classmethod
    def of(cls, raw: Raw, domain: str) -> Self:
        """Read it from an answer about ``domain``."""
        return cls(str(raw["id"]), domain, str(raw["type"]), str(raw.get("name") or "@"))


@dataclass(frozen=True)
class Project:
    """A project: a folder of resources."""

    id: str
    name: str
    default: bool

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        return cls(str(raw["id"]), str(raw["name"]), bool(raw.get("is_default")))


@dataclass(frozen=True)
class Vpc:
    """A private network; a region's default one can't be deleted."""

    id: str
    name: str
    region: str
    default: bool

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        return cls(str(raw["id"]), str(raw["name"]), _slug(raw.get("region")), bool(raw.get("default")))


@dataclass(frozen=True)
class Registry:
    """A container registry."""

    name: str
    region: str

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        return cls(str(raw["name"]), str(raw.get("region") or ""))


@dataclass(frozen=True)
class Database:
    """A cluster of a managed database."""

    id: str
    name: str
    region: str
    size: str
    nodes: int
    tags: tuple[str, ...]
    created: str

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        return cls(
            id=str(raw["id"]),
            name=str(raw["name"]),
            region=str(raw.get("region") or ""),
            size=str(raw.get("size") or ""),
            nodes=int(raw.get("num_nodes") or 1),
            tags=tags_of(raw),
            created=str(raw.get("created_at") or ""),
        )


@dataclass(frozen=True)
class SpacesKey:
    """A key to Spaces, without its secret."""

    access_key: str
    name: str

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        return cls(str(raw["access_key"]), str(raw.get("name") or ""))


@dataclass(frozen=True)
class Tag:
    """A tag of the account, and how many resources carry it."""

    name: str
    count: int

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        return cls(str(raw["name"]), int((raw.get("resources") or {}).get("count") or 0))


def tags_of(raw: Raw) -> tuple[str, ...]:
    """Return a resource's tags."""
    return tuple(str(tag) for tag in raw.get("tags") or ())


def _slug(region: Any) -> str:
    """Return a region's slug: some answers hold the whole region, others its slug alone."""
    return str(region.get("slug") or "") if isinstance(region, Mapping) else str(region or "")
