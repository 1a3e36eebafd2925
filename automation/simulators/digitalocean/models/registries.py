"""Container registries and the account's subscription for them. No image can be pushed: nothing serves them.

The words of the 409, the 412 and "user already has a registry" are DigitalOcean's own (nebari, pull request 265;
doctl, issue 1776; its API's description).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automation.simulators.digitalocean import events
from automation.simulators.digitalocean.answers import conflict, not_found, precondition_failed, unprocessable
from automation.simulators.digitalocean.model import Resource, kind
from automation.simulators.digitalocean.models import checks

if TYPE_CHECKING:
    from automation.simulators.digitalocean.cloud import Cloud

HOST = "registry.digitalocean.com"
NAME = re.compile(r"[a-z0-9-]{1,63}")
REGIONS = ("nyc3", "sfo3", "sfo2", "ams3", "sgp1", "fra1", "blr1", "syd1")
_MIB, _GIB = 1 << 20, 1 << 30
SEVERAL = "This API is not supported if you have created multiple registries. Please use '/v2/registries' instead."


@dataclass(frozen=True)
class Tier:
    """A plan: how many registries, what is in it, and its price in cents a month."""

    slug: str
    registries: int
    repositories: int  # 0: as many as wanted
    storage: int  # bytes
    cents: int

    @property
    def json(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "name": self.slug.title(),
            "slug": self.slug,
            "included_repositories": self.repositories,
            "included_storage_bytes": self.storage,
            "allow_storage_overage": self.cents > 0,
            "included_bandwidth_bytes": self.storage,
            "monthly_price_in_cents": self.cents,
            "storage_overage_price_in_cents": 2 if self.cents else 0,
        }


TIERS = {
    it.slug: it
    for it in (
        Tier("starter", 1, 1, 500 * _MIB, 0),
        Tier("basic", 1, 5, 5 * _GIB, 500),
        Tier("professional", 10, 0, 100 * _GIB, 2000),
    )
}


@kind("registries")
@dataclass(slots=True)
class Registry(Resource):
    """A registry. Its id is its name."""

    id: str
    region: str
    created_at: str
    storage_usage_bytes: int = 0


@kind("registry_subscriptions")
@dataclass(slots=True)
class Subscription(Resource):
    """The account's plan; there is one at most, with the id ``account``."""

    id: str
    tier: str
    created_at: str
    updated_at: str


@kind("garbage_collections")
@dataclass(slots=True)
class GarbageCollection(Resource):
    """A garbage collection of a registry."""

    id: str
    registry: str
    created_at: str
    updated_at: str
    status: str = "requested"


def one(cloud: Cloud, name: str) -> Registry:
    """Return a registry. Raises the 404."""
    found = cloud.state.all(Registry).get(name)
    if found is None:
        raise not_found("registry does not exist")
    return found


def only(cloud: Cloud) -> Registry:
    """Return the account's only registry. Raises the 404, and the 412 where there are several."""
    found = list(cloud.state.all(Registry).values())
    if len(found) > 1:
        raise precondition_failed(SEVERAL)
    if not found:
        raise not_found("registry does not exist")
    return found[0]


def valid(cloud: Cloud, name: str) -> None:
    """Raise the 422 of a name that can't be, and the 409 of one that is taken."""
    if not NAME.fullmatch(name):
        raise unprocessable("invalid name: must be lowercase alphanumeric characters or dashes, at most 63 of them")
    if name in cloud.state.all(Registry):
        raise conflict("name already exists")


def create(cloud: Cloud, name: str, tier: str | None, region: str | None) -> Registry:
    """Make a registry, with a subscription where there is none. Raises the 409 and the 422s."""
    valid(cloud, name)
    held, now = subscription(cloud), cloud.now()
    tier = tier or (held.tier if held else "")
    if tier not in TIERS:
        raise unprocessable(f"invalid subscription tier: it is one of {', '.join(TIERS)}")
    if region is not None and region not in REGIONS:
        raise unprocessable(f"invalid region: registries are in {', '.join(REGIONS)}")
    if len(cloud.state.all(Registry)) >= TIERS[tier].registries:
        raise unprocessable("user already has a registry")
    cloud.state.add(Subscription("account", tier, held.created_at if held else now, now))
    return cloud.state.add(Registry(name, region or REGIONS[0], now))


def subscription(cloud: Cloud) -> Subscription | None:
    """Return the account's subscription, None where it has none."""
    return cloud.state.all(Subscription).get("account")


def subscribe(cloud: Cloud, tier: str) -> Subscription:
    """Change the subscription. Raises the 404 where there is none, the 412 where the plan is too small, the 422."""
    held = subscription(cloud)
    if held is None:
        raise not_found("subscription does not exist")
    if tier not in TIERS:
        raise unprocessable(f"invalid subscription tier: it is one of {', '.join(TIERS)}")
    if len(cloud.state.all(Registry)) > TIERS[tier].registries:
        raise precondition_failed("registry is not eligible for tier because: [OverRegistryLimit]")
    held.tier, held.updated_at = tier, cloud.now()
    return held


def delete(cloud: Cloud, registry: Registry) -> None:
    """Delete a registry; the subscription ends with the last one."""
    checks.forget(cloud, registry)
    if not cloud.state.all(Registry):
        cloud.state.all(Subscription).clear()


def docker_credentials(cloud: Cloud, *, read_write: bool) -> dict[str, Any]:
    """Return what Docker logs in with; nothing checks it."""
    token = f"dop_v1_{cloud.secret()}{'' if read_write else '-read'}"
    return {"auths": {HOST: {"auth": base64.b64encode(f"{token}:{token}".encode()).decode()}}}


def collect(cloud: Cloud, registry: Registry) -> GarbageCollection:
    """Start a garbage collection. Raises the 409 while another one runs."""
    if current(cloud, registry) is not None:
        raise conflict("a garbage collection is already in progress")
    now = cloud.now()
    made = cloud.state.add(GarbageCollection(cloud.new_uuid(), registry.id, now, now))
    cloud.later(cloud.delays.registry, "registry.collected", collection=made.id)
    return made


def collections(cloud: Cloud, registry: Registry) -> list[GarbageCollection]:
    """Return a registry's garbage collections, newest first."""
    found = [it for it in cloud.state.all(GarbageCollection).values() if it.registry == registry.id]
    return list(reversed(found))


def current(cloud: Cloud, registry: Registry) -> GarbageCollection | None:
    """Return the garbage collection that runs, None where none does."""
    return next((it for it in collections(cloud, registry) if it.status == "requested"), None)


def cancel(cloud: Cloud, registry: Registry, collection_id: str) -> GarbageCollection:
    """Cancel a garbage collection. Raises the 404, and the 412 of one that has ended."""
    found = cloud.state.all(GarbageCollection).get(collection_id)
    if found is None or found.registry != registry.id:
        raise not_found()
    if found.status != "requested":
        raise precondition_failed("garbage collection has ended")
    found.status, found.updated_at = "cancelled", cloud.now()
    return found


@events.step("registry.collected")
def _collected(cloud: Cloud, collection: str) -> None:
    found = cloud.state.all(GarbageCollection).get(collection)
    if found is not None and found.status == "requested":
        found.status, found.updated_at = "succeeded", cloud.now()


@events.shape(Registry)
def _registry(cloud: Cloud, registry: Registry) -> dict[str, Any]:  # noqa: ARG001 - all shapes take the cloud
    return {
        "name": registry.id,
        "created_at": registry.created_at,
        "region": registry.region,
        "storage_usage_bytes": registry.storage_usage_bytes,
        "storage_usage_bytes_updated_at": registry.created_at,
    }


def with_subscription(cloud: Cloud, registry: Registry) -> dict[str, Any]:
    """Return a registry as /v2/registry shows it."""
    return {**cloud.shown(registry), "subscription": subscription(cloud)}


@events.shape(Subscription)
def _subscription(cloud: Cloud, held: Subscription) -> dict[str, Any]:  # noqa: ARG001
    return {"tier": TIERS[held.tier].json, "created_at": held.created_at, "updated_at": held.updated_at}


@events.shape(GarbageCollection)
def _collection(cloud: Cloud, found: GarbageCollection) -> dict[str, Any]:  # noqa: ARG001
    return {
        "uuid": found.id,
        "registry_name": found.registry,
        "status": found.status,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "blobs_deleted": 0,
        "freed_bytes": 0,
    }
