"""What happens to Kubernetes clusters: creation, changes, upgrades, and the end with or without what they left behind.

Where the simulator was given a maker (see makers), the cluster behind is real, its kubeconfig is the real one, and
an upgrade changes no more than the version that is shown. Names need not be unique.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events, makers
from automation.simulators.digitalocean.answers import unprocessable
from automation.simulators.digitalocean.calls import Fields
from automation.simulators.digitalocean.model import Resource
from automation.simulators.digitalocean.models import (
    checks,
    droplets,
    kubernetes,
    load_balancers,
    node_pools,
    tags,
    volumes,
    vpcs,
)
from automation.simulators.digitalocean.models.kubernetes import PLUGINS, Cluster

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

_SPEC = "validation error: worker_node_pool_specs[{}]."


def create(cloud: Cloud, fields: Fields) -> Cluster:
    """Start to make a cluster. Raises the 422s."""
    name = fields.needed("name", limit=255, message="validation error: name is required")
    region = checks.region(cloud, fields.text("region") or "", unprocessable("validation error: invalid region"))
    version = fields.text("version") or ""
    if version == "latest":
        version = kubernetes.VERSIONS[0]
    if version not in kubernetes.VERSIONS:
        raise unprocessable("validation error: invalid version slug")
    asked = fields.objects("node_pools")
    if not asked:
        raise unprocessable("validation error: cluster must have at least one node pool")
    pools = tuple(node_pools.parsed(cloud, it, region, _SPEC.format(index)) for index, it in enumerate(asked))
    if len({it.name for it in pools}) < len(pools):
        raise unprocessable("validation error: node pool names must be unique")
    if cloud.faults.troubled("kubernetes.capacity", name):
        raise unprocessable(f"{_SPEC.format(0)}droplet size is not available in this region")
    node_pools.within_limit(cloud, pools)
    now = cloud.now()
    cluster = Cluster(
        cloud.new_uuid(),
        name,
        region,
        version,
        vpcs.chosen(cloud, region, fields.text("vpc_uuid")).id,
        now,
        now,
        cloud.clock.now(),
        fields.text("cluster_subnet") or "10.244.0.0/16",
        fields.text("service_subnet") or "10.245.0.0/16",
    )
    cluster.ha = fields.flag("ha", default=kubernetes.highly_available(version))
    cluster.settings = {
        "maintenance_policy": {"start_time": "00:00", "duration": "4h0m0s", "day": "any"},
        "auto_upgrade": False,
        "surge_upgrade": False,
        "isolated_workers": fields.flag("isolated_workers"),
        "control_plane_firewall": {"enabled": False, "allowed_addresses": []},
        **{plugin: {"enabled": False} for plugin in PLUGINS},
    }
    _apply(cloud, cluster, fields)
    cluster.pools = tuple(node_pools.filled(cloud, it) for it in pools)
    kubernetes.note(cloud, cloud.state.add(cluster), "provisioning")
    _begin(cloud, cluster)
    return cluster


def change(cloud: Cloud, cluster: Cluster, fields: Fields) -> None:
    """Change what can be changed. Raises the 422s."""
    cluster.name = fields.needed("name", limit=255, message="validation error: name is required")
    if fields.has("ha") and not fields.flag("ha") and cluster.ha:
        raise unprocessable("validation error: high availability can not be disabled")
    cluster.ha = fields.flag("ha", default=cluster.ha)
    _apply(cloud, cluster, fields)
    kubernetes.note(cloud, cluster, "updated")


def _apply(cloud: Cloud, cluster: Cluster, fields: Fields) -> None:
    settings = dict(cluster.settings)
    if "tags" in fields.sent:
        ours = set(cluster.own_tags)
        cluster.tags = tuple(it for it in tags.ensure(cloud, fields.texts("tags")) if it not in ours)
    for name in ("auto_upgrade", "surge_upgrade"):
        settings[name] = fields.flag(name, default=settings[name])
    policy = fields.object("maintenance_policy")
    if policy is not None:
        day = policy.text("day", choices=kubernetes.DAYS)
        told = {"start_time": policy.text("start_time"), "day": day}
        settings["maintenance_policy"] = settings["maintenance_policy"] | {k: v for k, v in told.items() if v}
    for name in ("control_plane_firewall", *PLUGINS):
        given = fields.object(name)
        if given is not None:
            settings[name] = settings[name] | {key: value for key, value in given.sent.items() if value is not None}
    for name in ("cluster_autoscaler_configuration", "sso"):
        given = fields.object(name)
        if given is not None:
            kept = {key: value for key, value in given.sent.items() if value or name == "sso"}
            settings.pop(name, None)
            settings |= {name: kept} if kept else {}
    cluster.settings = settings


def _begin(cloud: Cloud, cluster: Cluster) -> None:
    works, trouble = makers.of(cloud), ""
    if cloud.faults.troubled("kubernetes.create", cluster.name):
        trouble = "an internal error occurred while provisioning the cluster"
    if works is None or trouble:  # nothing real is made of what is to fail
        cloud.later(cloud.delays.cluster, "kubernetes.up", cluster=cluster.id, kubeconfig="", trouble=trouble)
        return
    ready_at = cluster.made_at + cloud.delays.cluster

    def done(kubeconfig: str, trouble: str) -> None:
        with cloud.lock:
            wait = max(ready_at - cloud.clock.now(), 0.0)
            cloud.later(wait, "kubernetes.up", cluster=cluster.id, kubeconfig=kubeconfig, trouble=trouble)

    works.create(node_pools.real_name(cluster), node_pools.specs(cluster, works.maker.most), done)


@events.step("kubernetes.up")
def _up(cloud: Cloud, cluster: str, kubeconfig: str, trouble: str) -> None:
    found = cloud.state.all(Cluster).get(cluster)
    if found is None or found.state != "provisioning":
        return
    if trouble:
        found.state, found.message = "error", trouble
        kubernetes.note(cloud, found, trouble)
        return
    found.kubeconfig = kubeconfig
    found.ipv4 = checks.public_address(cloud.new_id())
    found.endpoint = server(found) or f"https://{found.id}.k8s.ondigitalocean.com"
    found.state, found.message = "running", ""
    node_pools.settle(cloud, found)
    kubernetes.note(cloud, found, "running")


def upgrade(cloud: Cloud, cluster: Cluster, version: str) -> None:
    """Start to upgrade a cluster; it shows its new version at once. Raises the 422."""
    if version not in kubernetes.upgrades(cluster.version):
        raise unprocessable("validation error: invalid version slug")
    if cluster.state != "running":
        raise unprocessable(f"validation error: cluster is {cluster.state}, and can not be upgraded now")
    cluster.version, cluster.state, cluster.message = version, "upgrading", ""
    kubernetes.note(cloud, cluster, f"upgrading to {version}")
    cloud.later(cloud.delays.upgrade, "kubernetes.upgraded", cluster=cluster.id)


@events.step("kubernetes.upgraded")
def _upgraded(cloud: Cloud, cluster: str) -> None:
    found = cloud.state.all(Cluster).get(cluster)
    if found is not None and found.state == "upgrading":
        found.state = "running"
        kubernetes.note(cloud, found, "running")


def associated(cloud: Cloud, cluster: Cluster) -> dict[str, list[Resource]]:
    """Return what a cluster's workloads made: it carries the cluster's tag, and outlives the cluster."""
    tag = cluster.own_tags[1]
    return {
        "load_balancers": [it for it in cloud.state.all(load_balancers.LoadBalancer).values() if tag in it.tags],
        "volumes": [it for it in cloud.state.all(volumes.Volume).values() if tag in it.tags],
        "volume_snapshots": [it for it in cloud.state.all(volumes.VolumeSnapshot).values() if tag in it.tags],
    }


def delete(cloud: Cloud, cluster: Cluster, also: dict[str, list[str]] | None = None) -> None:
    """Start to delete a cluster, and with it resources by their ids; its droplets and its place in the VPC go last."""
    if cluster.state == "deleted":
        return
    cluster.state, cluster.message = "deleted", ""
    works, name = makers.of(cloud), node_pools.real_name(cluster)
    gone_at, given = cloud.clock.now() + cloud.delays.delete, {"cluster": cluster.id, "also": also or {}}

    def done() -> None:
        with cloud.lock:
            cloud.later(max(gone_at - cloud.clock.now(), 0.0), "kubernetes.gone", **given)

    if works is not None and name in works.made:
        works.delete(name, done)
    elif cloud.delays.delete:
        done()
    else:
        _gone(cloud, cluster.id, also or {})


@events.step("kubernetes.gone")
def _gone(cloud: Cloud, cluster: str, also: dict[str, list[str]]) -> None:
    found = cloud.state.all(Cluster).get(cluster)
    if found is None:
        return
    for pool in found.pools:
        for node in pool.nodes:
            node_pools.drop(cloud, node)
    for name, ids in also.items():
        for it in associated(cloud, found)[name]:
            if it.id in ids and not (isinstance(it, volumes.Volume) and _stuck(cloud, it)):
                checks.forget(cloud, it)
    checks.forget(cloud, found)


def _stuck(cloud: Cloud, volume: volumes.Volume) -> bool:
    attached = any(it in cloud.state.all(droplets.Droplet) for it in volume.droplet_ids)
    return attached or cloud.faults.troubled("volume.delete", volume.name)


# how to reach it


def parts(cluster: Cluster) -> dict[str, str | None]:
    """Return the server, the authority and the credentials of a cluster (base64 as in a kubeconfig)."""
    if not cluster.kubeconfig:
        authority = base64.b64encode(b"There is no cluster behind this one of the simulator.\n").decode()
        token = f"simulated-{cluster.id}"
        return {"server": cluster.endpoint, "authority": authority, "certificate": None, "key": None, "token": token}
    import yaml  # noqa: PLC0415 - slow to import

    read: dict[str, Any] = yaml.safe_load(cluster.kubeconfig)
    where, who = read["clusters"][0]["cluster"], read["users"][0]["user"]
    return {
        "server": where["server"],
        "authority": where["certificate-authority-data"],
        "certificate": who.get("client-certificate-data"),
        "key": who.get("client-key-data"),
        "token": who.get("token", ""),
    }


def server(cluster: Cluster) -> str:
    """Return the real server's URL, empty where there is none."""
    return str(parts(cluster)["server"]) if cluster.kubeconfig else ""


def kubeconfig(cluster: Cluster) -> str:
    """Return a kubeconfig as the API gives it, with the context ``do-REGION-NAME``."""
    import yaml  # noqa: PLC0415

    found = parts(cluster)
    name = f"do-{cluster.region}-{cluster.name}"
    user: dict[str, str] = {"token": found["token"]} if found["token"] else {}
    if found["certificate"] and found["key"]:
        user |= {"client-certificate-data": found["certificate"], "client-key-data": found["key"]}
    where = {"certificate-authority-data": found["authority"], "server": found["server"]}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"cluster": where, "name": name}],
        "contexts": [{"context": {"cluster": name, "user": f"{name}-admin"}, "name": name}],
        "current-context": name,
        "preferences": {},
        "users": [{"name": f"{name}-admin", "user": user}],
    }
    return str(yaml.safe_dump(content, sort_keys=False))
