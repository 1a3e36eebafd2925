"""Node pools: parsed, resized, and their nodes, each with a droplet; where clusters are real, with a real node.

DigitalOcean's own words are in terraform-provider-digitalocean issue 827, doctl issue 1619 and csi-digitalocean
pull request 279; how it words a pool's name that is taken is an assumption.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from automation.simulators.digitalocean import events, makers
from automation.simulators.digitalocean.answers import not_found, unprocessable
from automation.simulators.digitalocean.calls import Fields
from automation.simulators.digitalocean.makers import NodeSpec
from automation.simulators.digitalocean.models import droplets, kubernetes, tags
from automation.simulators.digitalocean.models.kubernetes import Cluster, Node, Pool, Taint

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

LONGEST_NAME, MOST_NODES = 55, 512
_EFFECTS = frozenset({"NoSchedule", "PreferNoSchedule", "NoExecute"})
_IMAGE = "Debian"  # of the droplets that are nodes; which one it is in truth is not told


def parsed(cloud: Cloud, fields: Fields, region: str, where: str) -> Pool:
    """Return a pool that was asked for, without nodes. ``where`` begins the words of its 422s."""
    name = fields.needed("name", message=f"{where}name is required")
    if len(name) > LONGEST_NAME:
        raise unprocessable(f"{where}pool names cannot be greater than {LONGEST_NAME} characters")
    size = fields.text("size") or ""
    if size not in kubernetes.sizes(cloud, region):
        raise unprocessable(f"{where}invalid droplet size")
    pool = Pool(cloud.new_uuid(), name, size, 0)
    return changed(cloud, pool, fields, where)


def changed(cloud: Cloud, pool: Pool, fields: Fields, where: str) -> Pool:
    """Return a pool as the fields want it. Raises the 422s."""
    auto_scale = fields.flag("auto_scale", default=pool.auto_scale)
    least = fields.number("min_nodes", pool.min_nodes, high=MOST_NODES) or 0
    most = fields.number("max_nodes", pool.max_nodes, high=MOST_NODES) or 0
    count = fields.number("count", pool.count, high=MOST_NODES) or 0
    if auto_scale:
        if not least <= most or not most:
            raise unprocessable(f"{where}max_nodes must be at least min_nodes, and greater than 0")
        count = min(max(count, least, 1), most)
    elif count < 1:
        raise unprocessable(f"{where}count must be greater than 0")
    labels = pool.labels
    if "labels" in fields.sent:
        given = fields.object("labels")
        labels = tuple((str(key), str(value)) for key, value in (given.sent if given else {}).items())
    taints = pool.taints
    if "taints" in fields.sent:
        # godo writes Key, Value and Effect, as its struct has them.
        lower = [Fields({key.lower(): value for key, value in it.sent.items()}) for it in fields.objects("taints")]
        taints = tuple(
            Taint(it.needed("key"), it.text("value", "") or "", it.needed("effect", choices=_EFFECTS)) for it in lower
        )
    own = pool.tags if "tags" not in fields.sent else _without_ours(tags.ensure(cloud, fields.texts("tags")))
    return replace(
        pool,
        name=fields.text("name", pool.name, limit=LONGEST_NAME) or pool.name,
        count=count,
        tags=own,
        labels=labels,
        taints=taints,
        auto_scale=auto_scale,
        min_nodes=least if auto_scale else 0,
        max_nodes=most if auto_scale else 0,
    )


def _without_ours(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(it for it in names if it != "k8s" and not it.startswith("k8s:"))


def within_limit(cloud: Cloud, pools: tuple[Pool, ...]) -> None:
    """Raise the 422 of more nodes than the account may have droplets. ``pools`` are new, or lack nodes."""
    wanted = sum(max(it.count, it.max_nodes) - len(it.nodes) for it in pools)
    if wanted > 0 and len(cloud.state.all(droplets.Droplet)) + wanted > cloud.limits.droplets:
        scaled = "autoscale desired max nodes exceed limits, " if any(it.auto_scale for it in pools) else ""
        raise unprocessable(
            f"validation error: {scaled}{wanted} additional nodes but not enough available droplet limit"
        )


def find(cluster: Cluster, pool_id: str) -> Pool:
    """Return a pool. Raises the 404."""
    for pool in cluster.pools:
        if pool.id == pool_id:
            return pool
    raise not_found()


def put(cluster: Cluster, pool: Pool) -> None:
    """Put a pool in place of the one with its id, or beside the others."""
    others = [it.id for it in cluster.pools]
    if pool.id in others:
        cluster.pools = tuple(pool if it.id == pool.id else it for it in cluster.pools)
    else:
        cluster.pools = (*cluster.pools, pool)


def filled(cloud: Cloud, pool: Pool) -> Pool:
    """Return the pool with as many nodes as it asks for: new ones are provisioning, the last ones are deleting."""
    now = cloud.now()
    nodes = [it for it in pool.nodes if it.state != "deleting"]
    leaving = [it for it in pool.nodes if it.state == "deleting"]
    missing = range(pool.count - len(nodes))
    nodes += [Node(cloud.new_uuid(), f"{pool.name}-{cloud.secret()[:5]}", now, now) for _ in missing]
    leaving += [replace(it, state="deleting", updated_at=now) for it in nodes[pool.count :]]
    return replace(pool, nodes=(*nodes[: pool.count], *leaving))


def settle_later(cloud: Cloud, cluster: Cluster) -> None:
    """Have the nodes become what the pools ask for: after the delay, and where clusters are real, when they are."""
    works = makers.of(cloud)
    if works is None or not cluster.kubeconfig:
        cloud.later(cloud.delays.node, "kubernetes.nodes", cluster=cluster.id)
        return
    ready_at = cloud.clock.now() + cloud.delays.node

    def done(trouble: str) -> None:
        with cloud.lock:
            found = cloud.state.all(Cluster).get(cluster.id)
            if found is None:
                return
            if trouble:
                kubernetes.note(cloud, found, trouble)
                found.state, found.message = "degraded", trouble
            cloud.later(max(ready_at - cloud.clock.now(), 0.0), "kubernetes.nodes", cluster=cluster.id)

    works.resize(real_name(cluster), specs(cluster, works.maker.most), done)


def real_name(cluster: Cluster) -> str:
    """Return what the real cluster is called."""
    return f"doks-{cluster.id[:8]}"


def _real(cluster: Cluster, most: int) -> list[tuple[Pool, Node]]:
    """Return the nodes that are real: those that are so already, then new ones, up to ``most``."""
    alive = [(pool, it) for pool in cluster.pools for it in pool.nodes if it.state != "deleting"]
    alive.sort(key=lambda it: it[1].state != "running" or bool(it[1].message))
    return alive[:most]


def specs(cluster: Cluster, most: int) -> list[NodeSpec]:
    """Return the nodes that a maker is to make."""
    return [
        NodeSpec(
            node.name,
            (
                *pool.labels,
                ("doks.digitalocean.com/node-id", node.id),
                ("doks.digitalocean.com/node-pool", pool.name),
                ("doks.digitalocean.com/node-pool-id", pool.id),
                ("doks.digitalocean.com/version", cluster.version),
            ),
            tuple((it.key, it.value, it.effect) for it in pool.taints),
        )
        for pool, node in _real(cluster, most)
    ]


@events.step("kubernetes.nodes")
def _settle(cloud: Cloud, cluster: str) -> None:
    found = cloud.state.all(Cluster).get(cluster)
    if found is not None:
        settle(cloud, found)


def settle(cloud: Cloud, cluster: Cluster) -> None:
    """Let new nodes run, with a droplet each, and let those go that are deleting."""
    works = makers.of(cloud)
    most = works.maker.most if works is not None and cluster.kubeconfig else 0
    real = {node.id for _, node in _real(cluster, most)}
    said = makers.NO_NODE.format(most=most) if most else makers.NO_NODES

    def run(pool: Pool, node: Node) -> Node:
        droplet = node.droplet_id or str(_droplet(cloud, cluster, pool, node).id)
        state = "running" if node.state == "provisioning" else node.state
        updated = node.updated_at if node.state == state else cloud.now()
        message = "" if node.id in real else said
        return replace(node, state=state, droplet_id=droplet, updated_at=updated, message=message)

    for pool in cluster.pools:
        left = [it for it in pool.nodes if it.state == "deleting"]
        stay = tuple(run(pool, it) for it in pool.nodes if it.state != "deleting")
        put(cluster, replace(pool, nodes=stay))
        for node in left:
            drop(cloud, node)


def drop(cloud: Cloud, node: Node) -> None:
    """Remove a node's droplet."""
    droplet = cloud.state.all(droplets.Droplet).get(int(node.droplet_id or 0))
    if droplet is not None:
        droplets.remove(cloud, droplet)


def _droplet(cloud: Cloud, cluster: Cluster, pool: Pool, node: Node) -> droplets.Droplet:
    size = cloud.catalogue.sizes[pool.size]
    image = next(it.id for it in cloud.catalogue.images.values() if it.distribution == _IMAGE)
    made = droplets.Droplet(
        cloud.new_id(), node.name, cluster.region, pool.size, image, cloud.now(), cluster.vpc_uuid, size.disk
    )
    made.status, made.locked = "active", False
    made.tags = tags.ensure(cloud, (*cluster.tags, *pool.tags, *cluster.own_tags, "k8s:worker"))
    return cloud.state.add(made)


def remove_node(cloud: Cloud, cluster: Cluster, pool: Pool, node_id: str, *, replaced: bool) -> None:
    """Take one node away; the pool gets smaller by it, unless it is replaced. Raises the 404."""
    if all(it.id != node_id for it in pool.nodes):
        raise not_found()
    leaving: Callable[[Node], Node] = lambda it: replace(it, state="deleting") if it.id == node_id else it  # noqa: E731
    count = pool.count if replaced else max(pool.count - 1, 0)
    put(cluster, filled(cloud, replace(pool, count=count, nodes=tuple(leaving(it) for it in pool.nodes))))
    settle_later(cloud, cluster)


def remove(cloud: Cloud, cluster: Cluster, pool: Pool) -> None:
    """Delete a pool: it is shown until its nodes are gone. Raises the 422 of the last one (an assumption)."""
    if len(cluster.pools) == 1:
        raise unprocessable("validation error: cluster must have at least one node pool")
    put(cluster, replace(pool, count=0, nodes=tuple(replace(it, state="deleting") for it in pool.nodes)))
    settle_later(cloud, cluster)
    cloud.later(cloud.delays.node, "kubernetes.pool_gone", cluster=cluster.id, pool=pool.id)


@events.step("kubernetes.pool_gone")
def _pool_gone(cloud: Cloud, cluster: str, pool: str) -> None:
    found = cloud.state.all(Cluster).get(cluster)
    if found is None:
        return
    for it in found.pools:
        if it.id == pool:
            for node in it.nodes:
                drop(cloud, node)
    found.pools = tuple(it for it in found.pools if it.id != pool)


@events.listens("droplet.deleted")
def _droplet_gone(cloud: Cloud, droplet: droplets.Droplet) -> None:
    """Replace a node whose droplet was deleted behind Kubernetes' back."""
    if "k8s" not in droplet.tags:
        return
    for cluster in cloud.state.all(Cluster).values():
        for pool in cluster.pools:
            lost = [it for it in pool.nodes if it.droplet_id == str(droplet.id) and it.state != "deleting"]
            if lost and cluster.state != "deleted":
                put(cluster, filled(cloud, replace(pool, nodes=tuple(it for it in pool.nodes if it not in lost))))
                settle_later(cloud, cluster)
