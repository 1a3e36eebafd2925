"""What DigitalOcean's API tells about Kubernetes clusters, as typed values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from automation.digitalocean.resources import Named, Raw, tags_of


@dataclass(frozen=True)
class Node:
    """A node of a pool; ``droplet_id`` is empty while it is being made."""

    id: str
    name: str
    state: str
    droplet_id: str

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        state = (raw.get("status") or {}).get("state") or ""
        return cls(str(raw["id"]), str(raw.get("name") or ""), str(state), str(raw.get("droplet_id") or ""))


@dataclass(frozen=True)
class NodePool:
    """A pool of nodes of one size; ``count`` is how many are asked for."""

    id: str
    name: str
    size: str
    count: int
    nodes: tuple[Node, ...]

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        nodes = tuple(Node.of(node) for node in raw.get("nodes") or ())
        return cls(str(raw["id"]), str(raw["name"]), str(raw["size"]), int(raw.get("count") or 0), nodes)


@dataclass(frozen=True)
class Cluster:
    """A Kubernetes cluster; ``state`` is running, provisioning, degraded, error, deleted, upgrading or deleting."""

    id: str
    name: str
    region: str
    version: str
    ha: bool
    state: str
    message: str
    tags: tuple[str, ...]
    pools: tuple[NodePool, ...]
    endpoint: str
    vpc: str
    created: str

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""
        status = raw.get("status") or {}
        return cls(
            id=str(raw["id"]),
            name=str(raw["name"]),
            region=str(raw["region"]),
            version=str(raw["version"]),
            ha=bool(raw.get("ha")),
            state=str(status.get("state") or ""),
            message=str(status.get("message") or ""),
            tags=tags_of(raw),
            pools=tuple(NodePool.of(pool) for pool in raw.get("node_pools") or ()),
            endpoint=str(raw.get("endpoint") or ""),
            vpc=str(raw.get("vpc_uuid") or ""),
            created=str(raw.get("created_at") or ""),
        )


@dataclass(frozen=True)
class Associated:
    """What a cluster's own controllers made, and what would stay behind if it were deleted alone."""

    load_balancers: tuple[Named, ...]
    volumes: tuple[Named, ...]
    volume_snapshots: tuple[Named, ...]

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""

        def named(key: str) -> tuple[Named, ...]:
            return tuple(Named.of(one) for one in raw.get(key) or ())

        return cls(named("load_balancers"), named("volumes"), named("volume_snapshots"))


@dataclass(frozen=True)
class KubernetesOptions:
    """The slugs that a cluster may be made of, versions with the newest first."""

    regions: tuple[str, ...]
    sizes: tuple[str, ...]
    versions: tuple[str, ...]

    @classmethod
    def of(cls, raw: Raw) -> Self:
        """Read it from an answer."""

        def slugs(key: str) -> tuple[str, ...]:
            return tuple(str(one["slug"]) for one in raw[key])

        return cls(slugs("regions"), slugs("sizes"), slugs("versions"))
