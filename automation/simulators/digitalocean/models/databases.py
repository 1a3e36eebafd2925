"""Managed databases: clusters with their users, databases, and rules of who may connect. Nothing listens.

How DigitalOcean words a name that is taken, and other values that can't be, are assumptions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import not_found, unprocessable
from automation.simulators.digitalocean.calls import Fields
from automation.simulators.digitalocean.model import Resource, kind
from automation.simulators.digitalocean.models import checks, tags, vpcs

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
SIZES = {
    "db-s-1vcpu-1gb": 10,
    "db-s-1vcpu-2gb": 30,
    "db-s-2vcpu-4gb": 60,
    "db-s-4vcpu-8gb": 140,
    "db-s-6vcpu-16gb": 290,
    "db-s-8vcpu-32gb": 600,
}  # GiB of storage, as assumed
_MORE_SIZES = re.compile(r"(gd|so1_5|m|g)-\d+vcpu-\d+gb")
_MIB_A_GIB = 1024
MOST_NODES = 15


@dataclass(frozen=True)
class Engine:
    """What can be had: versions (oldest first), the port and scheme of its address, and what is there at first."""

    versions: tuple[str, ...]
    port: int
    scheme: str
    database: str
    nodes: tuple[int, ...] = (1, 2, 3)


ENGINES = {
    "pg": Engine(("14", "15", "16", "17"), 25060, "postgresql", "defaultdb"),
    "mysql": Engine(("8",), 25060, "mysql", "defaultdb"),
    "redis": Engine(("7",), 25061, "rediss", ""),
    "valkey": Engine(("8",), 25061, "rediss", ""),
    "mongodb": Engine(("7.0", "8.0"), 27017, "mongodb+srv", "admin", (1, 3)),
    "kafka": Engine(("3.8",), 25073, "kafka", "", (3, 6, 9, 15)),
    "opensearch": Engine(("2",), 25060, "https", "", (1, 3, 6, 9, 15)),
}


@dataclass(frozen=True)
class User:
    """A user of a cluster."""

    name: str
    password: str
    role: str = "normal"

    @property
    def json(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {"name": self.name, "role": self.role, "password": self.password}


@dataclass(frozen=True)
class Rule:
    """Who may connect: ``type`` is droplet, k8s, ip_addr, tag or app."""

    uuid: str
    type: str
    value: str
    created_at: str
    description: str = ""


@kind("databases", urn="dbaas", tag="database")
@dataclass(slots=True)
class Database(Resource):
    """A cluster. ``settings`` holds eviction_policy, sql_mode, autoscale and config where they were set."""

    id: str
    name: str
    engine: str
    version: str
    size: str
    region: str
    num_nodes: int
    created_at: str
    vpc_uuid: str
    project_id: str
    storage_size_mib: int
    status: str = "creating"
    tags: tuple[str, ...] = ()
    users: tuple[User, ...] = ()
    db_names: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    window: tuple[str, str] = ("monday", "00:00:00")  # of maintenance: day and hour
    settings: dict[str, Any] = field(default_factory=dict)


def one(cloud: Cloud, identifier: str) -> Database:
    """Return a cluster. Raises the 404."""
    found = cloud.state.all(Database).get(identifier)
    if found is None:
        raise not_found("cluster not found")
    return found


def create(cloud: Cloud, fields: Fields) -> Database:
    """Start to make a cluster. Raises the 422s."""
    name = fields.needed("name", pattern=NAME, message="invalid cluster name")
    if any(it.name == name for it in cloud.state.all(Database).values()):
        raise unprocessable("cluster name is not available")
    engine = fields.needed("engine")
    if engine not in ENGINES:
        raise unprocessable(f"invalid engine: it is one of {', '.join(ENGINES)}")
    offer = ENGINES[engine]
    version = fields.text("version") or offer.versions[-1]
    if version not in offer.versions:
        raise unprocessable(f"invalid version: {engine} has {', '.join(offer.versions)}")
    region = checks.region(cloud, fields.needed("region"), unprocessable("invalid region"))
    vpc = vpcs.chosen(cloud, region, fields.text("private_network_uuid")).id
    project = checks.project(cloud, fields.text("project_id") or None)
    made = Database(cloud.new_uuid(), name, engine, version, "", region, 1, cloud.now(), vpc, project, 0)
    size(made, fields)
    made.users = (User("doadmin", cloud.secret()[:16], "primary"),)
    made.db_names = (offer.database,) if offer.database else ()
    made.rules = rules(cloud, fields)
    made.tags = tags.ensure(cloud, fields.texts("tags"))
    autoscale = fields.object("autoscale")
    made.settings = {"autoscale": dict(autoscale.sent)} if autoscale else {}
    cloud.state.add(made)
    cloud.later(cloud.delays.database, "database.online", database=made.id)
    return made


def size(database: Database, fields: Fields) -> None:
    """Set how large a cluster is. Raises the 422s."""
    slug = fields.needed("size")
    if slug not in SIZES and not _MORE_SIZES.fullmatch(slug):
        raise unprocessable(f"invalid size: {slug}; such as {', '.join(SIZES)}")
    nodes = fields.number("num_nodes", low=1, high=MOST_NODES) or 0
    allowed = ENGINES[database.engine].nodes
    if nodes not in allowed:
        raise unprocessable(f"invalid number of nodes: {database.engine} has {', '.join(map(str, allowed))}")
    least = SIZES.get(slug, SIZES["db-s-1vcpu-2gb"]) * _MIB_A_GIB
    storage = fields.number("storage_size_mib") or max(least, database.storage_size_mib)
    if storage < least:
        raise unprocessable(f"invalid storage size: {slug} has at least {least} MiB")
    database.size, database.num_nodes, database.storage_size_mib = slug, nodes, storage


def rules(cloud: Cloud, fields: Fields) -> tuple[Rule, ...]:
    """Return the rules that were sent. Raises the 422."""
    return tuple(
        Rule(
            it.text("uuid") or cloud.new_uuid(),
            it.needed("type", choices={"droplet", "k8s", "ip_addr", "tag", "app"}),
            it.needed("value"),
            cloud.now(),
            it.text("description", "") or "",
        )
        for it in fields.objects("rules")
    )


def busy(cloud: Cloud, database: Database, status: str) -> None:
    """Let a cluster be ``resizing`` or the like for a time."""
    database.status = status
    cloud.later(cloud.delays.database, "database.online", database=database.id)


@events.step("database.online")
def _online(cloud: Cloud, database: str) -> None:
    found = cloud.state.all(Database).get(database)
    if found is not None:
        found.status = "online"


def options() -> dict[str, Any]:
    """Return what is on offer, as the API shows it."""
    regions = ["ams3", "blr1", "fra1", "lon1", "nyc1", "nyc2", "nyc3", "sfo2", "sfo3", "sgp1", "syd1", "tor1"]
    engines = {
        name: {
            "regions": regions,
            "versions": list(it.versions),
            "layouts": [{"num_nodes": nodes, "sizes": list(SIZES)} for nodes in it.nodes],
            "default_version": it.versions[-1],
        }
        for name, it in ENGINES.items()
    }
    availability = {
        name: [{"end_of_life": None, "end_of_availability": None, "version": version} for version in it.versions]
        for name, it in ENGINES.items()
    }
    return {"options": engines, "version_availability": availability}


def _connection(database: Database, prefix: str = "") -> dict[str, Any]:
    offer, user = ENGINES[database.engine], database.users[0]
    host = f"{prefix}{database.name}-do-user-258992-0.{database.id[-1]}.db.ondigitalocean.com"
    ssl = "?sslmode=require" if database.engine == "pg" else ""
    return {
        "uri": f"{offer.scheme}://{user.name}:{user.password}@{host}:{offer.port}/{offer.database}{ssl}",
        "database": offer.database,
        "host": host,
        "port": offer.port,
        "user": user.name,
        "password": user.password,
        "ssl": True,
    }


@events.shape(Database)
def _shape(cloud: Cloud, database: Database) -> dict[str, Any]:  # noqa: ARG001 - all shapes take the cloud
    day, hour = database.window
    return {
        "id": database.id,
        "name": database.name,
        "engine": database.engine,
        "version": database.version,
        "semantic_version": f"{database.version}.0",
        "connection": _connection(database),
        "private_connection": _connection(database, "private-"),
        "users": [it.json for it in database.users],
        "db_names": list(database.db_names) or None,
        "num_nodes": database.num_nodes,
        "region": database.region,
        "status": database.status,
        "created_at": database.created_at,
        "maintenance_window": {"day": day, "hour": hour, "pending": False, "description": []},
        "size": database.size,
        "tags": list(database.tags) or None,
        "private_network_uuid": database.vpc_uuid,
        "project_id": database.project_id,
        "rules": [rule_json(database, it) for it in database.rules],
        "storage_size_mib": database.storage_size_mib,
        **({"autoscale": database.settings["autoscale"]} if "autoscale" in database.settings else {}),
    }


def rule_json(database: Database, rule: Rule) -> dict[str, Any]:
    """Return a rule as the API shows it."""
    return {
        "uuid": rule.uuid,
        "cluster_uuid": database.id,
        "type": rule.type,
        "value": rule.value,
        "created_at": rule.created_at,
        **({"description": rule.description} if rule.description else {}),
    }
