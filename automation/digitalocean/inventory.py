"""What is ours in an account: every resource with our mark, the end of its life, and what it costs a month."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from automation import prices
from automation.digitalocean import ownership
from automation.digitalocean.client import DigitalOcean
from automation.digitalocean.kubernetes import Cluster
from automation.digitalocean.resources import Droplet
from automation.prices import Amount, NotPriced


@dataclass(frozen=True)
class Item:
    """One resource of ours.

    ``kind`` is a word of KINDS, ``id`` what it is deleted by, ``cost`` USD a month (None where the price is not
    known; ``note`` then says why, else what it is for). ``expires`` is None for what may live for ever.
    ``within`` names the cluster that made it, whose deletion takes it along.
    """

    kind: str
    id: str
    name: str
    region: str = ""
    tags: tuple[str, ...] = ()
    expires: datetime | None = None
    cost: Amount | None = prices.ZERO
    note: str = ""
    within: str = ""

    def expired(self, now: datetime) -> bool:
        """Whether its life has ended."""
        return self.expires is not None and self.expires <= now

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others."""
        return self.kind, self.id


@dataclass(frozen=True)
class Cost:
    """The monthly cost of several items; ``unpriced`` of them have no known price."""

    amount: Amount
    unpriced: int


def kinds() -> tuple[str, ...]:
    """Return the kinds in the order in which they have to be deleted: what uses others goes before these."""
    return tuple(_LISTINGS)


def look(cloud: DigitalOcean) -> list[Item]:
    """Return all that is ours, in the order of deletion. Raises CloudError where any of it can't be seen."""
    seen = _Seen(cloud)
    return [item for kind in kinds() for item in _LISTINGS[kind](seen)]


def look_for(cloud: DigitalOcean, kind: str) -> list[Item]:
    """Return what is ours of one kind, as it is now."""
    return list(_LISTINGS[kind](_Seen(cloud)))


def total(items: Iterable[Item]) -> Cost:
    """Return what the items cost together."""
    listed = [item for item in items if not item.within]
    amounts = [item.cost for item in listed if item.cost is not None]
    return Cost(sum(amounts, prices.ZERO), len(listed) - len(amounts))


class _Known(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


_Priced = tuple[Amount | None, str]
_FREE: _Priced = (prices.ZERO, "")


class _Seen:
    """One look at an account: what several kinds need is asked for once."""

    def __init__(self, cloud: DigitalOcean) -> None:
        self.cloud = cloud
        self._clusters: list[Cluster] | None = None
        self._droplets: list[Droplet] | None = None

    def clusters(self) -> list[Cluster]:
        """Return all clusters that are not gone."""
        if self._clusters is None:
            self._clusters = [one for one in self.cloud.clusters() if one.state != "deleted"]
        return self._clusters

    def droplets(self) -> list[Droplet]:
        """Return all droplets."""
        if self._droplets is None:
            self._droplets = self.cloud.droplets()
        return self._droplets

    def nodes_of(self) -> dict[str, str]:
        """Return the names of clusters by the ids of the droplets that are their nodes."""
        return {node.droplet_id: one.name for one in self.clusters() for pool in one.pools for node in pool.nodes}

    def within(self, tags: Iterable[str]) -> str:
        """Return the name of the cluster of ours whose mark, ``k8s:<id>``, is among the tags."""
        marks = {f"k8s:{one.id}": one.name for one in self.clusters() if ownership.is_tagged(one.tags)}
        return next((marks[tag] for tag in tags if tag in marks), "")


def _clusters(seen: _Seen) -> Iterator[Item]:
    for one in seen.clusters():
        if ownership.is_tagged(one.tags):
            pools = [{"size": pool.size, "node_count": pool.count, "auto_scale": False} for pool in one.pools]
            priced = _price("digitalocean_kubernetes_cluster", {"ha": one.ha, "node_pool": pools})
            yield _item("cluster", one, one.region, priced)


def _droplets(seen: _Seen) -> Iterator[Item]:
    nodes = seen.nodes_of()
    for one in seen.droplets():
        if ownership.is_tagged(one.tags):
            within = nodes.get(one.id) or seen.within(one.tags)
            priced = _price("digitalocean_droplet", {"size": one.size, "backups": one.backups})
            yield _item("droplet", one, one.region, priced, within=within)


def _volumes(seen: _Seen) -> Iterator[Item]:
    for one in seen.cloud.volumes():
        if ownership.is_tagged(one.tags):
            priced = _price("digitalocean_volume", {"size": one.size})
            yield _item("volume", one, one.region, priced)


def _snapshots(seen: _Seen) -> Iterator[Item]:
    for one in seen.cloud.snapshots():
        # A snapshot of a droplet can't be tagged when it is made: its name tells.
        if ownership.is_tagged(one.tags) or (one.of_what == "droplet" and ownership.is_named(one.name)):
            priced = _price("digitalocean_volume_snapshot", {"size": one.size})
            yield _item("snapshot", one, ", ".join(one.regions), priced)


def _load_balancers(seen: _Seen) -> Iterator[Item]:
    for one in seen.cloud.load_balancers():
        if ownership.is_named(one.name):
            values = {"type": one.type, "size": one.size, "size_unit": one.nodes}
            yield _item("load balancer", one, one.region, _price("digitalocean_loadbalancer", values))


def _reserved_ips(seen: _Seen) -> Iterator[Item]:
    """Yield addresses: with neither name nor tags, they are ours when their project or their droplet is."""
    addresses = seen.cloud.reserved_ips()
    if not addresses:
        return
    droplets = {one.id: one for one in seen.droplets() if ownership.is_tagged(one.tags)}
    projects = _projects_of_addresses(seen)
    for one in addresses:
        droplet, project = droplets.get(one.droplet), projects.get(one.ip)
        if one.droplet and droplet is None:  # whatever it serves is not ours
            continue
        if project is not None:  # it was put there on purpose
            expires = ownership.expiry(project)
        elif droplet is not None:
            expires = ownership.expiry(droplet.name, droplet.tags)
        else:
            continue
        cost, note = _price("digitalocean_reserved_ip", {"droplet_id": one.droplet or None})
        yield Item("reserved IP", one.ip, one.ip, one.region, (), expires, cost, note)


def _projects_of_addresses(seen: _Seen) -> dict[str, str]:
    """Return the names of our projects by the addresses in them."""
    return {
        urn.rpartition(":")[2]: project.name
        for project in seen.cloud.projects()
        if ownership.is_named(project.name)
        for urn in seen.cloud.project_resources(project.id)
        if urn.startswith(("do:reservedip:", "do:floatingip:"))  # the name that it had before 2022
    }


def _databases(seen: _Seen) -> Iterator[Item]:
    for one in seen.cloud.databases():
        if ownership.is_tagged(one.tags):
            priced = _price("digitalocean_database_cluster", {"size": one.size, "node_count": one.nodes})
            yield _item("database", one, one.region, priced)


def _domains(seen: _Seen) -> Iterator[Item]:
    for domain in seen.cloud.domains():
        if ownership.is_named(domain):
            label, _, _ = domain.partition(".")
            yield Item("domain", domain, domain, expires=ownership.expiry(label))


def _records(seen: _Seen) -> Iterator[Item]:
    for domain in seen.cloud.domains():
        if ownership.is_named(domain):
            continue  # they go with the domain
        for one in seen.cloud.records(domain):
            label, _, _ = one.name.partition(".")
            if ownership.is_named(label):
                told = f"{one.name}.{domain} ({one.type})"
                yield Item("record", f"{domain}/{one.id}", told, expires=ownership.expiry(label))


def _vpcs(seen: _Seen) -> Iterator[Item]:
    for one in seen.cloud.vpcs():
        if ownership.is_named(one.name) and not one.default:
            yield _item("vpc", one, one.region)


def _projects(seen: _Seen) -> Iterator[Item]:
    for one in seen.cloud.projects():
        if ownership.is_named(one.name) and not one.default:
            yield _item("project", one, "")


def _registries(seen: _Seen) -> Iterator[Item]:
    """Yield registries; one subscription pays for all of an account, so the first has its price."""
    ours = [one for one in seen.cloud.registries() if ownership.is_named(one.name)]
    tier = seen.cloud.registry_tier() if ours else ""
    for number, one in enumerate(ours):
        priced = _price("digitalocean_container_registry", {"subscription_tier_slug": tier or None})
        cost, note = (prices.ZERO, "paid with the one above") if number else priced
        yield Item("registry", one.name, one.name, one.region, (), ownership.expiry(one.name), cost, note)


def _firewalls(seen: _Seen) -> Iterator[Item]:
    for one in seen.cloud.firewalls():
        if ownership.is_named(one.name):
            yield _item("firewall", one, "")


def _keys(seen: _Seen) -> Iterator[Item]:
    for one in seen.cloud.ssh_keys():
        if ownership.is_named(one.name):
            yield _item("ssh key", one, "")


def _spaces_keys(seen: _Seen) -> Iterator[Item]:
    for one in seen.cloud.spaces_keys():
        if ownership.is_named(one.name):
            yield Item("spaces key", one.access_key, one.name, expires=ownership.expiry(one.name))


def _tags(seen: _Seen) -> Iterator[Item]:
    """Yield our tags that nothing carries any more."""
    for one in seen.cloud.tags():
        if one.count == 0 and ownership.is_tagged([one.name]):
            yield Item("tag", one.name, one.name, expires=ownership.expiry("", [one.name]))


def _item(kind: str, one: _Known, region: str, priced: _Priced = _FREE, *, within: str = "") -> Item:
    """Return the item of a resource whose tags or whose name say that it is ours."""
    tags: tuple[str, ...] = getattr(one, "tags", ())
    return Item(kind, one.id, one.name, region, tags, ownership.expiry(one.name, tags), *priced, within=within)


def _price(kind: str, values: Mapping[str, Any]) -> _Priced:
    try:
        priced = prices.price(kind, values)
    except NotPriced as why:
        return None, str(why).removesuffix(" before the apply")
    return priced.amount, priced.note


# In the order of deletion: what stands on others goes first. A reserved IP is known as ours by its droplet and by its
# project, so it goes before both; a firewall still protects while droplets are there.
_LISTINGS: dict[str, Callable[[_Seen], Iterator[Item]]] = {
    "cluster": _clusters,
    "load balancer": _load_balancers,
    "reserved IP": _reserved_ips,
    "droplet": _droplets,
    "volume": _volumes,
    "snapshot": _snapshots,
    "database": _databases,
    "record": _records,
    "domain": _domains,
    "firewall": _firewalls,
    "vpc": _vpcs,
    "registry": _registries,
    "ssh key": _keys,
    "spaces key": _spaces_keys,
    "project": _projects,
    "tag": _tags,
}
