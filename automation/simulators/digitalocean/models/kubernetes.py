"""Kubernetes clusters: what they are, what is on offer, and how they are shown.

What happens to them is in kubernetes_life, what happens to their nodes in node_pools.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import not_found
from automation.simulators.digitalocean.faults import TROUBLES
from automation.simulators.digitalocean.model import Resource, kind

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

TROUBLES["kubernetes.create"] = "the cluster ends in state error"
TROUBLES["kubernetes.capacity"] = "POST /v2/kubernetes/clusters answers that the size is not available"

# Slugs seen in mid 2026, newest first; clients must not count on them but ask.
VERSIONS = ("1.36.0-do.3", "1.35.5-do.2", "1.34.5-do.3")
_FEATURES = ("cluster-autoscaler", "docr-integration", "ha-control-plane", "token-authentication")
_HA_SINCE = (1, 36)  # the first minor version that is highly available unless asked otherwise
_LEAST_MEMORY = 2048  # MiB of a node
PLUGINS = (
    "routing_agent",
    "p2p_oci_registry_plugin",
    "amd_gpu_device_plugin",
    "amd_gpu_device_metrics_exporter_plugin",
    "nvidia_gpu_device_plugin",
    "rdma_shared_dev_plugin",
    "coredns_autoscaler",
)
DAYS = frozenset({"any", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"})


@dataclass(frozen=True)
class Taint:
    """A taint of all nodes of a pool."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True)
class Node:
    """A node. ``message`` says where no real node stands behind it."""

    id: str
    name: str
    created_at: str
    updated_at: str
    state: str = "provisioning"
    droplet_id: str = ""
    message: str = ""


@dataclass(frozen=True)
class Pool:
    """A node pool; it has as many nodes as ``count`` asks for, sooner or later."""

    id: str
    name: str
    size: str
    count: int
    tags: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[Taint, ...] = ()
    auto_scale: bool = False
    min_nodes: int = 0
    max_nodes: int = 0
    nodes: tuple[Node, ...] = ()


@kind("kubernetes_clusters", urn="kubernetes", tag="kubernetes")
@dataclass(slots=True)
class Cluster(Resource):
    """A cluster. ``settings`` is what else was asked for, as it is shown; ``kubeconfig`` that of the real cluster.

    One that is being deleted is shown as ``deleted``: godo does not know the state ``deleting``.
    """

    id: str
    name: str
    region: str
    version: str
    vpc_uuid: str
    created_at: str
    updated_at: str
    made_at: float  # the same as a number, for delays
    cluster_subnet: str
    service_subnet: str
    tags: tuple[str, ...] = ()
    pools: tuple[Pool, ...] = ()
    state: str = "provisioning"
    message: str = "provisioning"
    ha: bool = False
    ipv4: str = ""
    endpoint: str = ""
    registry_enabled: bool = False
    kubeconfig: str = ""
    messages: tuple[tuple[str, str], ...] = ()  # what happened to it: text and time
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def own_tags(self) -> tuple[str, str]:
        """The tags that DigitalOcean gives to it and to all that belongs to it."""
        return "k8s", f"k8s:{self.id}"


def one(cloud: Cloud, cluster_id: str) -> Cluster:
    """Return a cluster. Raises the 404."""
    found = cloud.state.all(Cluster).get(cluster_id)
    if found is None:
        raise not_found()
    return found


def note(cloud: Cloud, cluster: Cluster, text: str) -> None:
    """Write down what happened to a cluster."""
    cluster.messages = (*cluster.messages, (text, cloud.now()))
    cluster.updated_at = cloud.now()


def highly_available(version: str) -> bool:
    """Whether a version is highly available unless asked otherwise."""
    major, minor = version.split(".")[:2]
    return (int(major), int(minor)) >= _HA_SINCE


def upgrades(version: str) -> list[str]:
    """Return the versions that a cluster can go to from this one: the newest of its minor version and the next."""
    mine = _numbers(version)
    return [it for it in VERSIONS if _numbers(it) > mine and _numbers(it)[1] <= mine[1] + 1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(it) for it in re.findall(r"\d+", version))


def version_json(slug: str) -> dict[str, Any]:
    """Return a version as the API shows it."""
    return {"slug": slug, "kubernetes_version": slug.partition("-")[0], "supported_features": list(_FEATURES)}


def sizes(cloud: Cloud, region: str | None = None) -> Iterable[str]:
    """Return the sizes that nodes may have."""
    found = cloud.catalogue.sizes.values()
    return (it.slug for it in found if it.memory >= _LEAST_MEMORY and (region is None or region in it.regions))


def options(cloud: Cloud) -> dict[str, Any]:
    """Return what is on offer, as the API shows it."""
    regions = [it for it in cloud.catalogue.regions.values() if it.available]
    return {
        "options": {
            "regions": [{"name": it.name, "slug": it.slug} for it in regions],
            "versions": [version_json(it) for it in VERSIONS],
            "sizes": [{"name": it, "slug": it} for it in sizes(cloud)],
        }
    }


@events.shape(Cluster)
def _shape(cloud: Cloud, cluster: Cluster) -> dict[str, Any]:  # noqa: ARG001 - all shapes take the cloud
    return {
        "id": cluster.id,
        "name": cluster.name,
        "region": cluster.region,
        "version": cluster.version,
        "cluster_subnet": cluster.cluster_subnet,
        "service_subnet": cluster.service_subnet,
        "vpc_uuid": cluster.vpc_uuid,
        "ipv4": cluster.ipv4,
        "endpoint": cluster.endpoint,
        "tags": [*cluster.tags, *cluster.own_tags],
        "node_pools": [pool_json(cluster, it) for it in cluster.pools],
        "status": {"state": cluster.state, **({"message": cluster.message} if cluster.message else {})},
        "created_at": cluster.created_at,
        "updated_at": cluster.updated_at,
        "registry_enabled": cluster.registry_enabled,
        "ha": cluster.ha,
        **cluster.settings,
    }


def pool_json(cluster: Cluster, pool: Pool) -> dict[str, Any]:
    """Return a pool as the API shows it."""
    return {
        "id": pool.id,
        "name": pool.name,
        "size": pool.size,
        "count": pool.count,
        "tags": [*pool.tags, *cluster.own_tags, "k8s:worker"],
        "labels": dict(pool.labels) or None,
        "taints": [{"key": it.key, "value": it.value, "effect": it.effect} for it in pool.taints],
        "auto_scale": pool.auto_scale,
        "min_nodes": pool.min_nodes,
        "max_nodes": pool.max_nodes,
        "nodes": [_node(it) for it in pool.nodes],
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "name": node.name,
        "status": {"state": node.state, **({"message": node.message} if node.message else {})},
        "droplet_id": node.droplet_id,
        "created_at": node.created_at,
        "updated_at": node.updated_at,
    }
