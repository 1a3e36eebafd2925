"""/v2/kubernetes/clusters/…/node_pools."""

from __future__ import annotations

from automation.simulators.digitalocean.answers import Answer, unprocessable
from automation.simulators.digitalocean.calls import Call
from automation.simulators.digitalocean.cloud import Cloud
from automation.simulators.digitalocean.models import kubernetes, node_pools
from automation.simulators.digitalocean.routing import route

_ALL = "/v2/kubernetes/clusters/{cluster_id}/node_pools"
_ONE, _BAD = f"{_ALL}/{{node_pool_id}}", "validation error: "


def _found(cloud: Cloud, call: Call) -> tuple[kubernetes.Cluster, kubernetes.Pool]:
    cluster = kubernetes.one(cloud, call.words["cluster_id"])
    return cluster, node_pools.find(cluster, call.words["node_pool_id"])


def _answer(cluster: kubernetes.Cluster, pool_id: str, status: int = 200) -> Answer:
    return Answer({"node_pool": kubernetes.pool_json(cluster, node_pools.find(cluster, pool_id))}, status)


@route("GET", _ALL, "kubernetes:read")
def _list(cloud: Cloud, call: Call) -> Answer:
    cluster = kubernetes.one(cloud, call.words["cluster_id"])
    return Answer({"node_pools": [kubernetes.pool_json(cluster, it) for it in cluster.pools]})


@route("POST", _ALL, "kubernetes:update")
def _add(cloud: Cloud, call: Call) -> Answer:
    cluster = kubernetes.one(cloud, call.words["cluster_id"])
    pool = node_pools.parsed(cloud, call.fields, cluster.region, _BAD)
    if any(it.name == pool.name for it in cluster.pools):
        raise unprocessable(f"{_BAD}node pool names must be unique")
    node_pools.within_limit(cloud, (pool,))
    node_pools.put(cluster, node_pools.filled(cloud, pool))
    node_pools.settle_later(cloud, cluster)
    return _answer(cluster, pool.id, 201)


@route("GET", _ONE, "kubernetes:read")
def _get(cloud: Cloud, call: Call) -> Answer:
    cluster, pool = _found(cloud, call)
    return _answer(cluster, pool.id)


@route("PUT", _ONE, "kubernetes:update")
def _change(cloud: Cloud, call: Call) -> Answer:
    cluster, pool = _found(cloud, call)
    wanted = node_pools.changed(cloud, pool, call.fields, _BAD)
    node_pools.within_limit(cloud, (wanted,))
    node_pools.put(cluster, node_pools.filled(cloud, wanted))
    node_pools.settle_later(cloud, cluster)
    return _answer(cluster, pool.id, 202)


@route("DELETE", _ONE, "kubernetes:update")
def _delete(cloud: Cloud, call: Call) -> Answer:
    cluster, pool = _found(cloud, call)
    node_pools.remove(cloud, cluster, pool)
    return Answer(status=204)


@route("DELETE", f"{_ONE}/nodes/{{node_id}}", "kubernetes:update")
def _delete_node(cloud: Cloud, call: Call) -> Answer:
    cluster, pool = _found(cloud, call)
    replaced = call.query.get("replace", "0") in {"1", "true"}
    node_pools.remove_node(cloud, cluster, pool, call.words["node_id"], replaced=replaced)
    return Answer(status=202)


@route("POST", f"{_ONE}/recycle", "kubernetes:delete")
def _recycle(cloud: Cloud, call: Call) -> Answer:
    for node_id in call.fields.texts("nodes"):
        cluster, pool = _found(cloud, call)
        node_pools.remove_node(cloud, cluster, pool, node_id, replaced=True)
    return Answer(status=202)
